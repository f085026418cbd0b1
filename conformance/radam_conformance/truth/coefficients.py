"""What multiplies or is added to arrays in a step of Algorithm 2, as balls.

The exact coefficients are here; `bounds` widens them by the rounding errors of everything they
touch. A million steps use them three times, so what does not depend on t is computed once for each
set of hyper-parameters, and what depends on t and the betas alone once for all models and dialects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from flint import arb, ctx

from radam_ref import Dialect

from ..cases import Hyper
from .bits import arithmetic

ZERO, ONE = arb(0), arb(1)
CHAIN = 10_000  # steps whose `Scalars` are kept: those of a chain serve the next dialect too


Branch: TypeAlias = tuple[float, int]  # beta2 and t, which decide whether a step is rectified


class UndecidedError(ArithmeticError):
    """Rounding alone decides whether a right program rectifies a step.

    Attributes
    ----------
    branch : (float, int)
        beta2 and t.
    """

    def __init__(self, branch: Branch, rho: arb, threshold: float) -> None:
        beta2, t = self.branch = branch
        super().__init__(f"rho_{t} = {rho} against the threshold {threshold}, beta2 = {beta2!r}")


class Setting(NamedTuple):
    """What holds for a whole trajectory.

    Attributes
    ----------
    dialect : Dialect
        The one that counts in the case.
    dtype : str
    branches : mapping of (beta2, t) to bool
        Steps that are rectified or not by decree, whatever rho_t is.
    """

    dialect: Dialect
    dtype: str
    branches: Mapping[Branch, bool]


# Parts of `Coefficients`, in its order: from beta1 to w2, and from rho to eps.
Averages: TypeAlias = tuple[arb, arb, arb, arb]
Corrections: TypeAlias = tuple[arb, arb | None, arb, arb | None, arb, arb, arb]


class Scalars(NamedTuple):
    """What depends on t and the betas alone.

    Attributes
    ----------
    averages : tuple of arb
        beta1, 1 - beta1, beta2 and 1 - beta2.
    correction1, correction2 : arb
        1 - beta1^t and 1 - beta2^t.
    rho, r : arb
        rho_t, and r_t whether or not the step is rectified.
    """

    averages: Averages
    correction1: arb
    correction2: arb
    rho: arb
    r: arb


class Fixed(NamedTuple):
    """The part of `Coefficients` that is the same at each t."""

    shrink: arb
    lr: arb
    decay: arb | None
    floor: bool
    hold: bool
    maximize: bool
    modulus: arb
    v_max: arb


class Coefficients(NamedTuple):
    """All that multiplies or is added to arrays in step t, for one dialect.

    Attributes
    ----------
    t : int
    beta1, w1, beta2, w2 : arb
        Of the averages m and v (lines 5 and 6).
    rho : arb
        rho_t (line 8).
    r : arb or None
        r_t (line 11), None where the variance is not tractable.
    i1, n2 : arb
        m_hat = i1*m + n2*g (line 7); `n2` is None without Nesterov's look ahead.
    i2, eps_root, eps : arb
        The denominator sqrt(i2*v + eps_root) + eps (line 10).
    shrink, lr : arb
        x = shrink*x - lr*u (lines 12 and 14).
    decay : arb or None
        Weight decay that is added to the gradient, None without.
    floor : bool
        `eps` is the least denominator, not a term of it.
    hold : bool
        Nothing moves in a step that is not rectified.
    maximize : bool
    modulus : arb
        Around 1: what |g|^2 of a complex gradient may be off by.
    v_max : arb
        Largest finite second moment.
    underflow : arb
        Around 0: what a rounding near the smallest number may be off by.
    stored : arb
        The same of the parameter, where it is stored.
    """

    t: int
    beta1: arb
    w1: arb
    beta2: arb
    w2: arb
    rho: arb
    r: arb | None
    i1: arb
    n2: arb | None
    i2: arb
    eps_root: arb
    eps: arb
    shrink: arb
    lr: arb
    decay: arb | None
    floor: bool
    hold: bool
    maximize: bool
    modulus: arb
    v_max: arb
    underflow: arb
    stored: arb

    @property
    def still(self) -> bool:
        """Whether nothing moves in this step."""
        return self.hold and self.r is None


AtStep: TypeAlias = Callable[[int], Coefficients]  # of t
Model: TypeAlias = Callable[[Hyper, Setting], AtStep]


def remembered(
    scalars: Callable[[float, float, int, int], Scalars],
) -> Callable[[Hyper, int], Scalars]:
    """The scalars of a step at the current precision, those of a chain computed once.

    Later steps have no second use; the memory of a million would be slower than to compute.
    """
    early, latest = lru_cache(CHAIN)(scalars), lru_cache(1)(scalars)

    def at_step(hyper: Hyper, t: int) -> Scalars:
        known = early if t <= CHAIN else latest
        return known(hyper.beta1, hyper.beta2, t, ctx.prec)

    return at_step


@lru_cache(16)
def power(beta: float, t: int, precision: int) -> arb:
    """beta^t at the current precision, which every model asks for, and again at t + 1."""
    return arb(beta) ** t


@remembered
def exact_scalars(beta1: float, beta2: float, t: int, precision: int) -> Scalars:
    """The scalars of step t in exact arithmetic."""
    b1, b2 = arb(beta1), arb(beta2)
    rho_inf, rho = exact_rho(beta2, t, precision)
    return Scalars(
        averages=(b1, ONE - b1, b2, ONE - b2),
        correction1=ONE - power(beta1, t, precision),
        correction2=ONE - power(beta2, t, precision),
        rho=rho,
        r=rectification(rho_inf, rho),
    )


def exact_rho(beta2: float, t: int, precision: int) -> tuple[arb, arb]:
    """rho_inf and rho_t (lines 2 and 8)."""
    power2 = power(beta2, t, precision)
    rho_inf = 2 / (ONE - arb(beta2)) - ONE
    return rho_inf, rho_inf - 2 * t * power2 / (ONE - power2)


def rectification(rho_inf: arb, rho: arb) -> arb:
    """r_t (line 11), of the part of rho_t that gives a real one; 0 where there is none."""
    return root((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))


def root(x: arb) -> arb:
    """The square root of the part of a ball that is not negative; 0 where there is none."""
    whole = x.sqrt()
    return x.upper().max(ZERO).sqrt().union(ZERO) if whole.is_nan() else whole


def is_rectified(branch: Branch, threshold: float, precisions: Iterable[int]) -> bool:
    """Whether rho_t is above the threshold in exact arithmetic.

    Raises
    ------
    UndecidedError
        None of the precisions, in bits, tells.
    """
    for precision in precisions:
        with ctx.workprec(precision):
            rho = exact_rho(*branch, precision)[1]
            if rho > threshold or rho <= threshold:
                return bool(rho > threshold)
    raise UndecidedError(branch, rho, threshold)


def exact_coefficients(hyper: Hyper, setting: Setting) -> AtStep:
    """The coefficients of each step in exact arithmetic."""
    averages, always = exact_scalars(hyper, 1).averages, fixed(hyper, setting)

    def at_step(t: int) -> Coefficients:
        c = corrections(exact_scalars, hyper, t, setting)
        return Coefficients._make((t, *averages, *c, *always, ZERO, ZERO))

    return at_step


def fixed(hyper: Hyper, setting: Setting) -> Fixed:
    """What a dialect makes of the hyper-parameters, in exact arithmetic."""
    dialect = setting.dialect
    lr, decay = arb(hyper.lr), arb(hyper.weight_decay)
    shrinks = {"decoupled": 1 - lr * decay, "absolute": 1 - decay, "coupled": ONE}
    coupled = dialect.weight_decay == "coupled" and hyper.weight_decay != 0
    return Fixed(
        shrink=shrinks[dialect.weight_decay],
        lr=lr,
        decay=decay if coupled else None,
        floor=dialect.eps_placement == "floor",
        hold=dialect.unrectified == "hold",
        maximize=hyper.maximize,
        modulus=ONE,
        v_max=arb(arithmetic(setting.dtype).largest),
    )


def corrections(
    scalars: Callable[[Hyper, int], Scalars], hyper: Hyper, t: int, setting: Setting
) -> Corrections:
    """What a dialect makes of the scalars of step t.

    Raises
    ------
    UndecidedError
        The ball of rho_t contains the dialect's threshold, and no branch is set.
    """
    s, dialect = scalars(hyper, t), setting.dialect
    r = s.r if _is_rectified(s, (hyper.beta2, t), setting) else None
    i1, n2 = ONE / s.correction1, None
    if dialect.nesterov:
        beta1, w1, *_ = s.averages
        i1, n2 = beta1 / scalars(hyper, t + 1).correction1, w1 / s.correction1
    eps_root, eps = arb(dialect.eps_root), arb(hyper.eps)
    if dialect.eps_placement == "before_correction":
        eps = eps / s.correction2.sqrt()
    elif dialect.eps_placement == "floor":
        # max(root/r, sqrt(eps)) = max(root, r*sqrt(eps))/r
        eps_root, eps = ZERO, eps.sqrt()
        if r is None:
            i1 = i1 / eps.max(ONE)
        else:
            eps = eps * r
    return s.rho, r, i1, n2, ONE / s.correction2, eps_root, eps


def _is_rectified(s: Scalars, branch: Branch, setting: Setting) -> bool:
    """Whether a step is rectified, by decree or by rho_t."""
    threshold = setting.dialect.threshold
    rectified = setting.branches.get(branch)
    if rectified is None:
        rectified = bool(s.rho > threshold)
        if not rectified and not s.rho <= threshold:
            raise UndecidedError(branch, s.rho, threshold)
    return rectified
