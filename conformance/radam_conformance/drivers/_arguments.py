"""Hyper-parameters of a case as keyword arguments of a port's constructor."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping

from ..spec import LoadError, Spec

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "lr": ("lr", "learning_rate", "alpha"),
    "betas": ("betas",),
    "beta1": ("beta1", "b1", "beta_1"),
    "beta2": ("beta2", "b2", "beta_2"),
    "eps": ("eps", "epsilon"),
    "weight_decay": ("weight_decay", "wd"),
    "decoupled": ("decoupled_weight_decay", "weight_decouple", "decouple_wd", "decoupled"),
    "maximize": ("maximize",),
    "nesterov": ("nesterov",),
}
# One step of these with a gradient of 1 leaves m and v at the values below, exactly. Some ports
# keep m_hat and v_hat under the names of m and v.
TELLING: Mapping[str, float] = {
    "lr": 2.0**-10,
    "beta1": 0.875,
    "beta2": 0.75,
    "eps": 2.0**-20,
    "weight_decay": 0.0,
    "decoupled": False,
    "maximize": False,
    "nesterov": False,
}
MOMENTS_OF_ONE = (0.125, 0.25)

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class ArgumentNames:
    """Which constructor argument of a port takes which hyper-parameter.

    Parameters
    ----------
    spec : Spec
        Its renames come before the port's own signature; its options are passed on as they are.
    constructor : callable
        The class or factory.

    Raises
    ------
    LoadError
        If it has no learning rate, or no argument of a name that `--map` or `--set` uses.
    """

    def __init__(self, spec: Spec, constructor: Callable[..., object]) -> None:
        try:
            parameters = inspect.signature(constructor).parameters
        except (TypeError, ValueError) as error:
            raise LoadError(f"{spec.text}: its arguments cannot be inspected: {error}") from error
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        named = [name for name, p in parameters.items() if p.kind in _NAMED]
        for name in (*spec.renames.values(), *spec.options):
            if name not in named and not open_ended:
                near = difflib.get_close_matches(name, named, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(named)}"
                raise LoadError(f"{spec.text}: there is no argument {name!r}{hint}")
        found = {
            ours: next(name for name in known if name in named)
            for ours, known in _SYNONYMS.items()
            if not set(known).isdisjoint(named)
        }
        self._names = {**found, **spec.renames}
        self._options = spec.option_values()
        self._check(spec, named)

    def _check(self, spec: Spec, named: list[str]) -> None:
        if "lr" not in self._names:
            takes = f"it takes ({', '.join(named)})"
            raise LoadError(f"{spec.text}: is no optimizer: {takes}, no lr; see --map lr=NAME")
        for ours, name in self._names.items():
            if name in self._options and ours not in ("decoupled", "maximize", "nesterov"):
                raise LoadError(f"{spec.text}: --set {name}: the cases set {ours} themselves")

    def hyper_of(self, name: str) -> str:
        """The hyper-parameter that an argument takes; the name itself where it takes none."""
        return next((ours for ours, theirs in self._names.items() if theirs == name), name)

    def features(self) -> tuple[str, ...]:
        """What the constructor has a name for; a switch chooses between both kinds of decay."""
        names = [n for n in ("weight_decay", "maximize", "nesterov") if n in self._names]
        fixed = self._names.get("decoupled") in (None, *self._options)
        return (*names, *(() if fixed else ("coupled", "decoupled")))

    def keywords(self, hyper: Mapping[str, object]) -> dict[str, object]:
        """Keyword arguments for hyper-parameters, decay and maximize only where a case uses them.

        A port that decays without a switch `decoupled` is given the decay alone: which of the
        two it computes is for the judge to find out.

        Raises
        ------
        NotImplementedError
            If the constructor has no argument for one of them; names it.
        """
        used = {name: hyper[name] for name in ("lr", "eps")}
        if "betas" in self._names:
            used["betas"] = (hyper["beta1"], hyper["beta2"])
        else:
            used |= {name: hyper[name] for name in ("beta1", "beta2")}
        if hyper["weight_decay"]:
            used["weight_decay"] = hyper["weight_decay"]
            if "decoupled" in self._names:
                used["decoupled"] = hyper["decoupled"]
        used |= {name: True for name in ("maximize", "nesterov") if hyper[name]}
        for name in used:
            if name not in self._names:
                raise NotImplementedError(f"{name}: the constructor has no argument for it")
        return {self._names[name]: value for name, value in used.items()} | self._options
