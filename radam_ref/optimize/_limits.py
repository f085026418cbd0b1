"""Bounds: x is projected, and the outward gradient is dropped before it enters m and v."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj

from .._state_file import to_host
from ._leaves import Array, Layout, Leaves

Pair = tuple[Array, Array]


class Limits:
    """A lower and an upper array for each leaf, or none.

    Clipping alone would let v fill with the gradient that presses against a bound, and the
    coordinate would leave it late, when the gradient turns.
    """

    def __init__(self, bounds: Any, layout: Layout, x: Leaves) -> None:
        self.xp = layout.xp
        each = bounds if layout.listed and bounds is not None else [bounds] * len(x)
        if len(each) != len(x):
            raise ValueError(f"bounds must be a list of {len(x)} as x0 is, got {len(each)}")
        self.pairs: list[Pair | None] = []
        for i, (bound, leaf) in enumerate(zip(each, x, strict=True)):
            suffix = f"[{i}]" if layout.listed else ""
            self.pairs.append(None if bound is None else self._pair(bound, leaf, suffix))
        self.present = any(pair is not None for pair in self.pairs)

    def project(self, x: Leaves) -> Leaves:
        """The nearest point within."""
        return tuple(
            leaf if pair is None else self._clip(leaf, pair)
            for leaf, pair in zip(x, self.pairs, strict=True)
        )

    def inward(self, g: Leaves, x: Leaves) -> Leaves:
        """The gradient, zero where descending along it would leave at once."""
        return tuple(
            part if pair is None else self._drop(part, leaf, pair)
            for part, leaf, pair in zip(g, x, self.pairs, strict=True)
        )

    def upper(self, leaf: int) -> Any:
        """The upper bound of a leaf, infinite without one."""
        pair = self.pairs[leaf]
        return np.inf if pair is None else pair[1]

    def _clip(self, x: Array, pair: Pair) -> Array:
        lower, upper = pair
        x = self.xp.where(x < lower, lower, x)
        return self.xp.where(x > upper, upper, x)

    def _drop(self, g: Array, x: Array, pair: Pair) -> Array:
        lower, upper = pair
        outward = ((x <= lower) & (g > 0)) | ((x >= upper) & (g < 0))
        return self.xp.where(outward, self.xp.zeros_like(g), g)

    def _pair(self, bounds: Any, x: Array, suffix: str) -> Pair:
        xp, name = self.xp, f"bounds{suffix}"
        if xp.isdtype(x.dtype, "complex floating"):
            raise ValueError(f"{name} must be None for complex x0: complex numbers have no order")
        lower, upper = _sides(bounds, x, name)
        pair = tuple(self._like(side, x, name) for side in (lower, upper))
        if not bool(xp.all(pair[0] <= pair[1])):
            raise ValueError(f"{name} must have lower <= upper everywhere, got {bounds!r}")
        outside = to_host((x < pair[0]) | (x > pair[1]))
        if outside.any():
            where = [
                index[0] if len(index) == 1 else tuple(index)
                for index in np.argwhere(outside).tolist()
            ]
            shown = ", ".join(map(str, where[:10])) + (", ..." if len(where) > 10 else "")
            raise ValueError(f"x0{suffix} must lie within bounds; outside at {shown}")
        return pair

    def _like(self, side: Any, x: Array, name: str) -> Array:
        if not is_array_api_obj(side) or isinstance(side, np.ndarray):
            side = self.xp.asarray(np.asarray(side, np.float64), dtype=x.dtype, device=x.device)
        try:
            return self.xp.asarray(self.xp.broadcast_to(side, x.shape), copy=True)
        except ValueError as error:
            raise ValueError(f"{name} must broadcast to x0, {x.shape}, got {side.shape}") from error


def _sides(bounds: Any, x: Array, name: str) -> tuple[Any, Any]:
    """The two sides of a scipy Bounds, of (lower, upper), or of SciPy's pairs, -inf for None."""
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        return bounds.lb, bounds.ub
    bounds = list(bounds)
    if len(bounds) == 2 and all(_is_side(side) for side in bounds):
        lower, upper = bounds
        return -np.inf if lower is None else lower, np.inf if upper is None else upper
    size = int(np.prod(x.shape))
    if len(bounds) != size or any(len(pair) != 2 for pair in bounds):
        allowed = f"(lower, upper) of numbers, arrays or None, {size} pairs or a Bounds"
        raise ValueError(f"{name} must be {allowed}, got {bounds!r}")
    lower = [-np.inf if low is None else low for low, _ in bounds]
    upper = [np.inf if high is None else high for _, high in bounds]
    return np.reshape(lower, x.shape), np.reshape(upper, x.shape)


def _is_side(side: Any) -> bool:
    return side is None or isinstance(side, Real) or is_array_api_obj(side)
