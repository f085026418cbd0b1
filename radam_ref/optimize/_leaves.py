"""x0 of any kind as a tuple of arrays, its leaves, and the reductions over them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_numpy_array

from .._arguments import check_params
from .._state_file import to_host

Array = Any
Leaves = tuple[Array, ...]


class Layout(NamedTuple):
    """How x was given: a list of arrays or one, with lanes in the leading axis or none."""

    listed: bool
    batch: bool
    xp: Any

    def unpack(self, leaves: Leaves) -> Any:
        """The leaves as the caller gave them."""
        return list(leaves) if self.listed else leaves[0]

    def pack(self, name: str, value: Any, x: Leaves) -> Leaves:
        """`value`, one array for each leaf of x, in its shape and dtype."""
        if not self.listed:
            return (_beside(name, value, x[0], self.xp),)
        values = tuple(value)
        if len(values) != len(x):
            raise ValueError(f"{name} must be a list of {len(x)} arrays as x0, got {len(values)}")
        return tuple(
            _beside(f"{name}[{i}]", part, leaf, self.xp)
            for i, (part, leaf) in enumerate(zip(values, x, strict=True))
        )

    def over_lanes(self, mask: Array, leaf: Array) -> Array:
        """`mask`, one value for each lane or 0-d, in a shape that broadcasts to the leaf."""
        return self.xp.reshape(mask, (*mask.shape, *(1,) * (leaf.ndim - mask.ndim)))

    def largest(self, leaves: Leaves) -> Any:
        """The largest modulus in each lane on the host: a float, or an array without `batch`."""
        if not self.batch:
            return largest(leaves, self.xp)[0]
        rows = (self.xp.reshape(self.xp.abs(leaf), (leaf.shape[0], -1)) for leaf in leaves)
        maxima = [to_host(self.xp.max(row, axis=1)) for row in rows]
        return np.maximum.reduce(maxima)

    def norm(self, leaves: Leaves) -> Any:
        """The Euclidean norm over all leaves in each lane, on the host."""
        rows = (self.xp.reshape(leaf, (leaf.shape[0] if self.batch else 1, -1)) for leaf in leaves)
        squares = [to_host(self.xp.sum(self.xp.abs(row) ** 2, axis=1)) for row in rows]
        norm = np.sqrt(np.sum(squares, axis=0))
        return norm if self.batch else float(norm[0])

    def total(self, leaves: Leaves) -> Any:
        """The sum over all leaves in each lane."""
        axes = [tuple(range(1 if self.batch else 0, leaf.ndim)) for leaf in leaves]
        return sum(self.xp.sum(leaf, axis=axis) for leaf, axis in zip(leaves, axes, strict=True))


def largest(leaves: Leaves, xp: Any) -> tuple[float, int, int]:
    """The largest modulus, NaN if there is one, with its leaf and its flat index there."""
    found = (-1.0, 0, 0)
    for number, leaf in enumerate(leaves):
        sizes = abs(leaf)
        if type(leaf) is np.ndarray:
            index = int(sizes.argmax())
            value = float(sizes.item(index))
        else:
            sizes = xp.reshape(sizes, (-1,))
            index = int(xp.argmax(sizes))
            value = float(sizes[index])
        if not value <= found[0]:
            found = value, number, index
            if value != value:  # NaN, which nothing exceeds
                break
    return found


def leaves_of(x0: Any, batch: bool) -> tuple[Layout, Leaves]:
    """The layout of x0, and copies of its arrays, floating and finite."""
    listed = isinstance(x0, list | tuple) and any(map(is_array_api_obj, x0))
    given = list(x0) if listed else [x0 if is_array_api_obj(x0) else np.asarray(x0)]
    names = [f"x0[{i}]" if listed else "x0" for i in range(len(given))]
    leaves = tuple(map(_start, names, given))
    xp = array_namespace(leaves[0])
    for name, leaf in zip(names, leaves, strict=True):
        if array_namespace(leaf) is not xp:
            raise TypeError(f"{name} must be an array of {xp.__name__}, as x0[0] is")
    if batch and len({leaf.shape[:1] for leaf in leaves} - {()}) != 1:
        shapes = [leaf.shape for leaf in leaves]
        raise ValueError(f"x0 must have one leading axis of problems with batch=True, got {shapes}")
    return Layout(listed, batch, xp), leaves


def _start(name: str, x0: Array) -> Array:
    if not is_array_api_obj(x0):
        raise TypeError(f"{name} must be an array, as others in the list are, got {x0!r}")
    if is_numpy_array(x0) and x0.dtype.kind in "iu":
        x0 = x0.astype(np.float64)
    try:
        xp, *_ = check_params(x0)
    except TypeError as error:
        raise TypeError(str(error).replace("params", name, 1)) from None
    if 0 in x0.shape:
        raise ValueError(f"{name} must not be empty, got shape {x0.shape}")
    if not bool(xp.all(xp.isfinite(x0))):
        raise ValueError(f"{name} must be finite, got {x0}")
    return xp.asarray(x0, copy=True)


def _beside(name: str, value: Any, leaf: Array, xp: Any) -> Array:
    """A copy of `value`, which may be a buffer that fun writes to again, like the leaf."""
    if type(value) is not type(leaf):
        value = xp.asarray(value, dtype=None if is_array_api_obj(value) else leaf.dtype)
    if value.dtype != leaf.dtype:
        if xp.isdtype(value.dtype, "complex floating"):
            raise TypeError(f"{name} must be {leaf.dtype} as x0 is, got {value.dtype}")
        value = xp.astype(value, leaf.dtype)
    if value.shape != leaf.shape:
        raise ValueError(f"{name} must have the shape of x0, {leaf.shape}, got {value.shape}")
    return value.copy() if type(value) is np.ndarray else xp.asarray(value, copy=True)
