"""Every known fault by its name; the equivalent ones are no faults, and proved to be none."""

from __future__ import annotations

from collections.abc import Mapping

from ..fault import Fault, fault
from ..lines import QUOTIENT, SQUARE, TRACTABLE
from .decay import DECAYS
from .eps import EPS
from .gradient import GRADIENT
from .groups import GROUPS
from .options import OPTIONS
from .rectification import RECTIFICATION
from .scalars import SCALARS
from .second import SECOND_MOMENT
from .state import STATE
from .update import UPDATE

__all__ = ["FAULTS", "Fault"]

_EQUIVALENT = (
    fault(
        "threshold-reached",
        "rho_t >= the threshold is asked, not rho_t > the threshold",
        "line 9",
        (TRACTABLE, "if rho_t >= threshold:"),
        source="the authors, optax and TensorFlow Addons have >=, torch has >",
    )._replace(
        equivalent="With beta2 = p/2^k in lowest terms, rho_t = 5 makes p a divisor of a power of "
        "2, so p = 1, where 3*beta2 - 2 < 0 should be positive. rho_t = 4 makes p a divisor of "
        "3 * 2^m, so beta2 = 3/4 and 3 * 4^t = (2t + 3) * 3^t, which no t solves: no binary beta2 "
        "has a step with rho_t equal to either threshold."
    ),
    fault(
        "sign-lost-in-v",
        "the sign of the gradient is turned in v alone",
        "line 5",
        (SQUARE, "square(-g)\n"),
    )._replace(
        equivalent="v has g^2, and (-g)^2 is the same number. In IEEE arithmetic too: a sign "
        "changes no rounding."
    ),
    fault(
        "infinity-guarded",
        "the division is guarded where the denominator is infinite too",
        "line 10",
        (QUOTIENT, "np.where((b == 0) | np.isinf(b), 0, a / b)"),
    )._replace(
        equivalent="A finite number divided by infinity is 0, which the guard gives as well. m_hat "
        "is finite, since m is an average of finite gradients."
    ),
)

FAULTS: Mapping[str, Fault] = {
    one.name: one
    for one in (
        *SCALARS,
        *RECTIFICATION,
        *GRADIENT,
        *SECOND_MOMENT,
        *UPDATE,
        *EPS,
        *DECAYS,
        *GROUPS,
        *OPTIONS,
        *STATE,
        *_EQUIVALENT,
    )
}
