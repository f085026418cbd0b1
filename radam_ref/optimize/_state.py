"""A run as a value: all that the next step and the next judgment depend on, and its file."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from .. import _dtypes, _state_file
from .._config import RAdamConfig
from .._step import RAdamState
from ._leaves import Layout, Leaves

FORMAT = "radam-ref run"
VERSION = 2  # one more whenever a field of TUPLES comes, goes or means something else


class Window(NamedTuple):
    """Where the run stood when the present window of steps began; path: the sum of lr till then.

    r_t is that of step t, asked for while its powers of beta are at hand; None if not rectified.
    """

    t: int
    x: Leaves
    f_best: Any
    path: Leaves
    r_t: float | None


class Pace(NamedTuple):
    """A window that ended at step t: the part of lr*r_t that x used, and what f_best gained.

    r_t is that of the window's beginning.
    """

    t: int
    moved: Any
    gain: Any
    r_t: float


class Noise(NamedTuple):
    """Sums over the n last evaluations of f, g and |g|^2, and over a window before them."""

    n: int
    f: Any
    g: Leaves
    g2: Leaves
    before: Any = None


class Peak(NamedTuple):
    """The largest modulus that the gradient had: at which step, where in which leaf."""

    value: float
    t: int
    leaf: int
    element: int


class Point(NamedTuple):
    """An x with f and the gradient there."""

    x: Leaves
    f: Any
    g: Leaves


class Seen(NamedTuple):
    """What was read on the host: `gradient` is the largest modulus of the projected gradient,
    `finite` whether it and f are, `start` f and `gradient` at x0.
    """

    gradient: Any
    finite: Any
    start: tuple[Any, Any]
    peak: Peak | None
    window: Window
    pace: Pace | None


class Lanes(NamedTuple):
    """Of each problem of a batch: whether it still moves, its steps, and its status."""

    active: Any
    nit: Any
    status: Any


class State(NamedTuple):
    """A run between two steps, immutable; arrays as tuples, one for each array of x0.

    Attributes
    ----------
    x : where the run stands, `t` steps from x0
    moments : RAdamState of each array
    x_before : x one step ago
    path : the sum of lr over the steps, for each array, if lr is a function of t
    evaluations : how often f and its gradient were evaluated
    f, g, inward : f and the gradient at x, and the gradient without what points out of the
        bounds; None while x is not evaluated
    best : Point with the lowest finite f, once evaluated
    seen : Seen, what was last read for the rules, once evaluated
    noise : sums over the last evaluations, if they are noisy
    lanes : of the problems of a batch
    listed : whether x0 was a list
    rng : the state of the random numbers
    needs : the arguments that a run from here must be given again, as no file holds them
    config : the hyper-parameters of the run
    """

    x: Leaves
    moments: tuple[RAdamState, ...]
    x_before: Leaves
    path: Leaves
    evaluations: int = 0
    f: Any = None
    g: Leaves | None = None
    inward: Leaves | None = None
    best: Any = None
    seen: Any = None
    noise: Noise | None = None
    lanes: Lanes | None = None
    listed: bool = False
    rng: Any = None
    needs: tuple[str, ...] = ()
    config: RAdamConfig | None = None

    def moved(self, x: Leaves, moments: tuple[RAdamState, ...], path: Leaves) -> State:
        """One step further, where nothing is evaluated yet; in half the time of `_replace`."""
        return State(x, moments, self.x, path, self.evaluations, None, None, None, *self[8:])

    def evaluated(
        self, f: Any, g: Leaves, inward: Leaves, best: Point, seen: Any, noise: Noise | None
    ) -> State:
        """The same place, with what was found there."""
        return State(
            self.x, self.moments, self.x_before, self.path, self.evaluations + 1,
            f, g, inward, best, seen, noise, *self[11:],
        )  # fmt: skip

    @property
    def t(self) -> int:
        """Steps done."""
        t: int = self.moments[0].t
        return t

    @property
    def layout(self) -> Layout:
        """How x0 was given."""
        return Layout(self.listed, self.lanes is not None, array_namespace(self.x[0]))


HOST = ("gradient", "finite", "start", "pace", "nit", "status")  # read by the rules alone
TUPLES = (RAdamState, State, Point, Seen, Window, Pace, Noise, Peak, Lanes)
KINDS: dict[Any, Any] = {None: None} | {kind.__name__: kind for kind in TUPLES}


def save(path: str | os.PathLike[str], state: State, config: RAdamConfig) -> None:
    """Write a run to one file, beside it first and then renamed: whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written; what was at `path` is still there.
    """
    arrays: dict[str, Any] = {}
    tree = _encode(state._replace(config=None), arrays)
    header = {"format": FORMAT, "version": VERSION, "config": asdict(config), "state": tree}
    _state_file.write(path, header, arrays)


def load(
    path: str | os.PathLike[str], xp: Any = np, device: Any = None
) -> tuple[State, RAdamConfig]:
    """The state and config of a run that `Stepper.save` or a checkpoint wrote.

    Parameters
    ----------
    path : path of the file
    xp : module, optional
        The namespace to make the arrays in.
    device : optional
        A device of xp; its default device if None.

    Returns
    -------
    (State, RAdamConfig)

    Raises
    ------
    ValueError
        If the file is cut off, damaged, something else, or of another version.
    OSError
        If it cannot be read.
    """
    header, arrays = _state_file.read(path, FORMAT, VERSION, _checked)
    state = _decode(header["state"], arrays, xp, device)
    return state._replace(config=header["config"]), header["config"]


def _checked(header: dict[str, Any], arrays: _state_file.Host) -> dict[str, Any]:
    state = _decode(header["state"], arrays, None, None)
    if not isinstance(state, State):
        raise ValueError("it holds no State")
    if not state.x or not all(isinstance(moments, RAdamState) for moments in state.moments):
        raise ValueError("its State has no x, or other moments than RAdamState")
    for x, (t, m, v) in zip(state.x, state.moments, strict=True):
        if type(t) is not int or t < 0 or not x.shape == m.shape == v.shape:
            raise ValueError("its x and moments do not fit each other")
    return {**header, "config": _state_file.config_of(header["config"])}


def _encode(value: Any, arrays: dict[str, Any]) -> Any:
    """`value` as JSON; its arrays are put into `arrays`, an array met again but once."""
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if is_array_api_obj(value):
        for key, known in arrays.items():
            if known is value:
                return {"array": key, "dtype": _dtypes.name(value.dtype)}
        arrays[key := f"a{len(arrays)}"] = value
        return {"array": key, "dtype": _dtypes.name(value.dtype)}
    if isinstance(value, tuple):
        kind = type(value).__name__ if type(value) is not tuple else None
        return {"kind": kind, "fields": [_encode(field, arrays) for field in value]}
    if isinstance(value, dict):
        return {"dict": {key: _encode(field, arrays) for key, field in value.items()}}
    return value


def _decode(tree: Any, arrays: _state_file.Host, xp: Any, device: Any) -> Any:
    """What `_encode` was given, with arrays of `xp`; those of HOST are NumPy's."""
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        bits = arrays[tree["array"]]
        _state_file.check_dtype(tree["array"], bits, tree["dtype"])
        return bits if xp is None else _state_file.from_host(bits, tree["dtype"], xp, device)
    if "dict" in tree:
        return {key: _decode(field, arrays, None, None) for key, field in tree["dict"].items()}
    kind, fields = KINDS[tree["kind"]], tree["fields"]
    names = kind._fields if kind else [""] * len(fields)
    places = [(None, None) if name in HOST else (xp, device) for name in names]
    values = [_decode(field, arrays, *at) for field, at in zip(fields, places, strict=True)]
    return kind(*values) if kind else tuple(values)
