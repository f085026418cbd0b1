"""Pieces of the textbook program that edits replace, each where it stands alone."""

from __future__ import annotations

# power and terms
POWER = "return beta**t"
BETAS = "beta1, beta2 = h.beta1, h.beta2"
POWERS = "power1, power2 = power(beta1, t), power(beta2, t)"
CORRECTION1 = "correction1 = 1 - power1"
RHO_INF = "rho_inf = 2 / (1 - beta2) - 1"
RHO_T = "rho_t = rho_inf - 2 * t * power2 / correction2"
TRACTABLE = "if rho_t > threshold:"
SQUARED = "(rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)"
ROOT = "r_t = math.sqrt(squared)"
RESULT = "return Terms(correction1, correction1_next, correction2, r_t)"

# square, divide, store
MODULUS = "g.real * g.real + g.imag * g.imag"
QUOTIENT = "np.where(b == 0, 0, a / b)"
STORED = "return np.asarray(x, dtype)"
CLASS = "class RAdam:\n"

# RAdam.save and RAdam.load
SAVED = {name: f'"{name}": list(self.{name})' for name in "tmv"}
LOADED = {name: f'self.{name} = list(saved["{name}"])' for name in "tmv"}

# RAdam.step
NONE = "if g is None:\n                continue"
GROUP = "h = hypers[self.groups[i]]"
COUNT = "self.t[i] += 1"

# RAdam.move
T = "t, dialect = self.t[i], self.dialect"
TERMS = "k = terms(t, h, dialect.threshold)"
ASCENT = "if h.maximize:\n            g = -g"
COUPLED = "g = g + h.weight_decay * x"
FIRST = "self.m[i] = h.beta1 * self.m[i] + (1 - h.beta1) * g"
SECOND = "self.v[i] = h.beta2 * self.v[i] + (1 - h.beta2) * square(g)"
SQUARE = "square(g)\n"
MOMENTS = "m, v = self.m[i], self.v[i]"
M_HAT = "m_hat = m / k.correction1\n"
NESTEROV = "m_hat = h.beta1 * m / k.correction1_next + (1 - h.beta1) * g / k.correction1"
AHEAD = "if dialect.nesterov:"
BRANCH = "if k.r_t is not None:"
RECTIFIED = "u = k.r_t * divide(m_hat, self.denominator(v, h, k, k.r_t))"
UNRECTIFIED = "else m_hat\n"
DECOUPLED = '"decoupled": h.lr * h.weight_decay'
DECAY = "x = x - shrink.get(dialect.weight_decay, 0.0) * x"
APPLY = "return x - h.lr * u"

# RAdam.denominator
V_HAT = "np.sqrt(v / k.correction2 + self.dialect.eps_root)"
FLOOR = "np.maximum(root, r_t * math.sqrt(h.eps))"
BEFORE = "root + h.eps / math.sqrt(k.correction2)"
AFTER = "np.asarray(root + h.eps)"


def after(piece: str, *statements: str, indent: int = 12) -> tuple[str, str]:
    """The edit that puts statements behind a piece, on lines of their own."""
    return piece, f"\n{' ' * indent}".join((piece, *statements))
