"""RAdam one step at a time, for loops that are the caller's own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .._config import RAdamConfig
from . import _state
from ._leaves import Layout, Leaves, leaves_of
from ._limits import Limits
from ._objective import Objective
from ._problem import Problem
from ._rate import Rate, configured, free_steps, is_many
from ._record import Record
from ._seen import on_host
from ._state import State
from ._steps import advance, begun, told


class Stepper:
    """RAdam on an objective, step by step; the caller decides when to stop.

    Iterate over it or call `step()`, each gives the `Record` after one step; or leave `fun` out,
    `ask()` for the next x, evaluate it anywhere, and `tell(f, g)`.

    Parameters
    ----------
    fun : callable or None
        fun(x, *args) -> f; (f, gradient) with jac=True. x is not to be written to.
    x0 : array, list of arrays, State
        Of any shape and namespace, real or complex; a State continues a run: config and a number
        as lr are then those of the run unless others are given, on purpose; what it cannot hold
        (bounds, prox, rng, batches, lr if no number) is asked for again.
    lr : number, array, callable
        About the distance a coordinate may move in a step, in x's own units: one for all, one
        for each (it broadcasts to x0), or a function of the step number t = 1, 2, ... A list for
        a list.
    args : tuple, or what is its only element
        Further arguments of fun and jac.
    jac : callable, True, None
        The gradient, see `step` for complex x; None: SciPy's finite differences of a real vector.
    config : RAdamConfig, optional
        The other hyper-parameters, `paper-hold` without it; its lr counts if lr is not given.
    bounds : (lower, upper), pairs, scipy.optimize.Bounds, optional
        Numbers, arrays or None (no bound); x is kept within. A list of them for a list.
    prox : callable (x, step) -> x, optional
        A proximal operator, see `radam_ref.optimize.prox`; a list of them (or None) for a list.
    rng : numpy.random.Generator or seed, optional
        fun is called with it as last argument: fun(x, *args, rng). It is saved with the run.
    batches : iterable, optional
        fun is called with its next element as last argument, till there is none.
    batch : bool
        Each element of the leading axis is a problem of its own; fun returns an f for each.
    check_every : int
        f and the gradient's norm are read from the device every so many steps.

    Raises
    ------
    TypeError, ValueError
        For an argument that does not fit; the message names it and what is allowed.

    Examples
    --------
    >>> stepper = Stepper(lambda x: (x @ x, 2 * x), np.asarray([3.0, -4.0]), lr=0.1, jac=True)
    >>> for record in stepper:
    ...     if record.f < 1e-3:
    ...         break
    >>> record.t, bool(record.f == record.x @ record.x)
    (379, True)

    >>> stepper = Stepper(None, np.asarray([3.0, -4.0]), lr=0.1)
    >>> for _ in range(200):
    ...     x = stepper.ask()
    ...     record = stepper.tell(x @ x, 2 * x)
    >>> record.t
    199
    """

    def __init__(
        self,
        fun: Callable[..., Any] | None,
        x0: Any,
        *,
        lr: Any = None,
        args: tuple[Any, ...] = (),
        jac: Any = None,
        config: RAdamConfig | None = None,
        bounds: Any = None,
        prox: Any = None,
        rng: Any = None,
        batches: Iterable[Any] | None = None,
        batch: bool = False,
        check_every: int = 1,
    ) -> None:
        if not isinstance(check_every, int) or check_every < 1:
            raise ValueError(f"check_every must be an int of at least 1, got {check_every!r}")
        given = {"lr": lr, "bounds": bounds, "prox": prox, "rng": rng, "batches": batches}
        if continued := isinstance(x0, State):
            _check_given(x0, given)
            layout, x, config = x0.layout, x0.x, config or x0.config
        else:
            layout, x = leaves_of(x0, batch)
        config = configured(lr, config)
        limits = Limits(bounds, layout, x)
        proxes = _proxes(prox, layout, x, config)
        self.problem = Problem(
            layout, config, Rate(lr, config, layout, x), limits, proxes, any(proxes),
            rng is not None or batches is not None, check_every, free_steps(config),
        )  # fmt: skip
        self.began = time.monotonic()
        self.objective: Objective | None = None
        if fun is not None:
            self.objective = Objective(fun, jac, args, layout, x, limits, rng, batches)
        now = x0 if continued else begun(self.problem, x)
        #: The run as a value, without the state of rng.
        self.now: State = now._replace(needs=_needs(given), config=config)
        if now.rng is not None and self.objective and self.objective.rng:
            self.objective.rng.bit_generator.state = now.rng

    @classmethod
    def resume(
        cls, path: str | os.PathLike[str], fun: Callable[..., Any] | None = None, *,
        xp: Any = None, device: Any = None, **how: Any,
    ) -> Stepper:  # fmt: skip
        """A stepper that goes on, bit for bit, where `save` or a checkpoint left a run.

        Parameters
        ----------
        path : path of the file
        fun : callable or None
        xp, device : the namespace and device for the arrays, NumPy's by default
        **how
            What the run was made with, as a file holds no functions: jac, args, bounds, prox, rng
            (any; its state is in the file), batches (those that are left), and lr where it is no
            number. The config is in the file.

        Raises
        ------
        ValueError, OSError
            If the file is no run, or cannot be read.
        """
        state, config = _state.load(path, **({} if xp is None else {"xp": xp}), device=device)
        return cls(fun, state, **{"config": config, **how})

    @property
    def f(self) -> Any:
        """f where the run stands, on the host."""
        return on_host(self.now.f)

    @property
    def state(self) -> State:
        """The run as a value, to continue from by Stepper(fun, state, ...)."""
        rng = self.objective.rng if self.objective else None
        return self.now if rng is None else self.now._replace(rng=rng.bit_generator.state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a file at any time, whole or not at all.

        Parameters
        ----------
        path : path of the file; an older one there is replaced

        Raises
        ------
        OSError
            If it cannot be written; the stepper is as it was.
        """
        _state.save(path, self.state, self.problem.config)

    def ask(self) -> Any:
        """The x to evaluate next: the last one until it was told, then one step further."""
        if self.now.g is not None:
            self.now = advance(self.problem, self.now)
        return self.problem.layout.unpack(self.now.x)

    def tell(self, f: Any, g: Any) -> Record:
        """Take f and its gradient at the x that was asked for.

        Parameters
        ----------
        f : number, or with batch=True an array of one for each problem
        g : array like x, or a list of them

        Returns
        -------
        Record

        Raises
        ------
        TypeError, ValueError
            If f is no real number, or g has not the shape of x.
        """
        self.now = told(self.problem, self.now, f, g)
        return self._record()

    def step(self) -> Record:
        """Evaluate x0 if it is not, make one step, evaluate there, and record it.

        Returns
        -------
        Record

        Raises
        ------
        StopIteration
            If `batches` has no more. After this or any other exception the run is as it was.
        """
        self._move()
        return self._record()

    def _move(self) -> None:
        """`step` without a record of it, which costs as much as a rule."""
        if self.now.g is None:
            self._evaluate()
        before, self.now = self.now, advance(self.problem, self.now)
        try:
            self._evaluate()
        except BaseException:
            self.now = before
            raise

    def evaluate(self) -> Record:
        """Evaluate fun where the run stands, unless it was, and record it; no step is made."""
        if self.now.g is None:
            self._evaluate()
        return self._record()

    def _evaluate(self) -> None:
        if self.objective is None:
            raise ValueError("fun must be given to step; without it, ask and tell")
        f, g = self.objective(self.now.x)
        self.now = told(self.problem, self.now, f, g)

    def _record(self) -> Record:
        """What `step` gave last, again."""
        state, unpack = self.now, self.problem.layout.unpack
        return Record(
            state.t, unpack(state.x), state.f, state.g and unpack(state.g), unpack(state.best.x),
            state.best.f, state.seen.gradient, unpack(state.x_before), self.problem,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        return self.step()


def _needs(given: Mapping[str, Any]) -> tuple[str, ...]:
    """What a state cannot hold; a number as lr is in the config."""
    kept = {**given, "lr": given["lr"] if is_many(given["lr"]) else None}
    return tuple(name for name, value in kept.items() if value is not None)


def _check_given(state: State, given: Mapping[str, Any]) -> None:
    """Nothing that the run was made with is lost in silence."""
    for name in state.needs:
        if given[name] is None:
            raise ValueError(
                f"{name} must be given again: the run to continue had it, and its state does not "
                f"hold it; got {name}=None"
            )


def _proxes(prox: Any, layout: Layout, x: Leaves, config: RAdamConfig) -> tuple[Any, ...]:
    each = tuple(prox) if isinstance(prox, list | tuple) else (prox,) * len(x)
    if len(each) != len(x) or any(not (one is None or callable(one)) for one in each):
        raise ValueError(
            f"prox must be a callable (x, step) -> x, or one for each array, got {prox!r}"
        )
    for one, leaf in zip(each, x, strict=True):
        imaginary = layout.xp.isdtype(leaf.dtype, "complex floating")
        if one is not None and imaginary and config.axes.complex == "componentwise":
            raise ValueError("prox must be None for complex x0 in a dialect that is componentwise")
    return each
