"""What multiplies or is added to arrays in a step: the scalar terms of Algorithm 2, as balls.

Exact scalar terms give exact coefficients; `bounds` widens them by the rounding errors of
everything they touch.
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
CHAIN = 10_000  # steps whose terms are kept: those of a chain serve the next dialect too


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


class Scalars(NamedTuple):
    """Terms of step t that depend on t and the betas alone.

    `w` is 1 - beta, `correction` is 1 - beta^t, `correction1_next` is 1 - beta1^(t+1).
    """

    beta1: arb
    w1: arb
    correction1: arb
    correction1_next: arb
    beta2: arb
    w2: arb
    correction2: arb
    rho_inf: arb
    rho: arb


class Coefficients(NamedTuple):
    """All that multiplies or is added to arrays in step t, for one dialect.

    Attributes
    ----------
    t : int
    rho : arb
        rho_t (line 8).
    r : arb or None
        r_t (line 11), None where the variance is not tractable.
    beta1, w1, beta2, w2 : arb
        Of the averages m and v (lines 5 and 6).
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
    still : bool
        Nothing moves in this step.
    maximize : bool
    modulus : arb
        Around 1: what |g|^2 of a complex gradient may be off by.
    underflow : arb
        Around 0: what a rounding near the smallest number may be off by.
    stored : arb
        The same of the parameter, where it is stored.
    v_max : arb
        Largest finite second moment.
    """

    t: int
    rho: arb
    r: arb | None
    beta1: arb
    w1: arb
    beta2: arb
    w2: arb
    i1: arb
    n2: arb | None
    i2: arb
    eps_root: arb
    eps: arb
    shrink: arb
    lr: arb
    decay: arb | None
    floor: bool
    still: bool
    maximize: bool
    modulus: arb
    underflow: arb
    stored: arb
    v_max: arb


Model: TypeAlias = Callable[[Hyper, int, Setting], Coefficients]


def remembered(scalars: Callable[[arb, arb, int], Scalars]) -> Callable[[Hyper, int], Scalars]:
    """Terms of beta1, beta2 and t at the current precision, those of a chain computed once.

    Later steps have no second use; the memory of a million would be slower than to compute.
    """

    def at_precision(beta1: float, beta2: float, t: int, precision: int) -> Scalars:
        return scalars(arb(beta1), arb(beta2), t)

    early, latest = lru_cache(CHAIN)(at_precision), lru_cache(1)(at_precision)

    def of_step(hyper: Hyper, t: int) -> Scalars:
        terms = early if t <= CHAIN else latest
        return terms(hyper.beta1, hyper.beta2, t, ctx.prec)

    return of_step


@remembered
def exact_scalars(beta1: arb, beta2: arb, t: int) -> Scalars:
    """The terms of step t in exact arithmetic (lines 2 and 8)."""
    rho_inf, rho = exact_rho(beta2, t)
    return Scalars(
        beta1=beta1,
        w1=1 - beta1,
        correction1=1 - beta1**t,
        correction1_next=1 - beta1 ** (t + 1),
        beta2=beta2,
        w2=1 - beta2,
        correction2=1 - beta2**t,
        rho_inf=rho_inf,
        rho=rho,
    )


def exact_rho(beta2: arb, t: int) -> tuple[arb, arb]:
    """rho_inf and rho_t (lines 2 and 8)."""
    power2 = beta2**t
    rho_inf = 2 / (1 - beta2) - 1
    return rho_inf, rho_inf - 2 * t * power2 / (1 - power2)


def is_rectified(branch: Branch, threshold: float, precisions: Iterable[int]) -> bool:
    """Whether rho_t is above the threshold in exact arithmetic.

    Raises
    ------
    UndecidedError
        None of the precisions, in bits, tells.
    """
    for precision in precisions:
        with ctx.workprec(precision):
            rho = exact_rho(arb(branch[0]), branch[1])[1]
            if rho > threshold or rho <= threshold:
                return bool(rho > threshold)
    raise UndecidedError(branch, rho, threshold)


def exact_coefficients(hyper: Hyper, t: int, setting: Setting) -> Coefficients:
    """The coefficients of step t in exact arithmetic."""
    return combine(exact_scalars(hyper, t), hyper, t, setting)


def combine(s: Scalars, hyper: Hyper, t: int, setting: Setting) -> Coefficients:
    """The coefficients that a dialect makes of the scalar terms.

    Raises
    ------
    UndecidedError
        The ball of rho_t contains the dialect's threshold, and no branch is set.
    """
    dialect = setting.dialect
    r = _rectification(s, (hyper.beta2, t), setting)
    eps_root, eps = _eps(s, r, hyper, dialect)
    i1, n2 = 1 / s.correction1, None
    if dialect.nesterov:
        i1, n2 = s.beta1 / s.correction1_next, s.w1 / s.correction1
    if r is None and dialect.eps_placement == "floor":
        i1 = i1 / arb(hyper.eps).sqrt().max(ONE)
    lr, decay = arb(hyper.lr), arb(hyper.weight_decay)
    shrinks = {"decoupled": 1 - lr * decay, "absolute": 1 - decay, "coupled": ONE}
    coupled = dialect.weight_decay == "coupled" and hyper.weight_decay != 0
    return Coefficients(
        t=t,
        rho=s.rho,
        r=r,
        beta1=s.beta1,
        w1=s.w1,
        beta2=s.beta2,
        w2=s.w2,
        i1=i1,
        n2=n2,
        i2=1 / s.correction2,
        eps_root=eps_root,
        eps=eps,
        shrink=shrinks[dialect.weight_decay],
        lr=lr,
        decay=decay if coupled else None,
        floor=dialect.eps_placement == "floor",
        still=r is None and dialect.unrectified == "hold",
        maximize=hyper.maximize,
        modulus=ONE,
        underflow=ZERO,
        stored=ZERO,
        v_max=arb(arithmetic(setting.dtype).largest),
    )


def _rectification(s: Scalars, branch: Branch, setting: Setting) -> arb | None:
    """r_t, or None; by decree it is taken of what lies above the threshold, 0 at the least."""
    threshold = setting.dialect.threshold
    rectified = setting.branches.get(branch)
    if rectified is None:
        rectified = bool(s.rho > threshold)
        if not rectified and not s.rho <= threshold:
            raise UndecidedError(branch, s.rho, threshold)
    if not rectified:
        return None
    squared = (s.rho - 4) * (s.rho - 2) * s.rho_inf / ((s.rho_inf - 4) * (s.rho_inf - 2) * s.rho)
    return root(squared)  # line 11


def root(x: arb) -> arb:
    """The square root of the part of a ball that is not negative; 0 where there is none."""
    whole = x.sqrt()
    return x.upper().max(ZERO).sqrt().union(ZERO) if whole.is_nan() else whole


def _eps(s: Scalars, r: arb | None, hyper: Hyper, dialect: Dialect) -> tuple[arb, arb]:
    """eps_root, and eps as it joins sqrt(i2*v + eps_root)."""
    eps = arb(hyper.eps)
    if dialect.eps_placement == "before_correction":
        return arb(dialect.eps_root), eps / s.correction2.sqrt()
    if dialect.eps_placement == "floor":
        # max(root/r, sqrt(eps)) = max(root, r*sqrt(eps))/r
        return ZERO, eps.sqrt() * (ONE if r is None else r)
    return arb(dialect.eps_root), eps
