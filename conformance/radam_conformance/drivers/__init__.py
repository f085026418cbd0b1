"""Drivers: each runs the cases on one kind of port, inside the worker process.

A driver module imports its framework at its top and has `load(spec) -> Driver`.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from ..features import lacking
from ..protocol import RunRequest
from ..spec import LoadError, Spec

_MODULES: Mapping[str, str] = {
    "torch": "torch_optimizer",
    "optax": "optax_transform",
    "func": "function",
    "keras": "keras_optimizer",
}

# Step t, and of each quantity shown (x always, m and v where the port lets them be seen) the flat
# values of every tensor.
Observation = tuple[int, Mapping[str, Sequence[Sequence[float]]]]


class Rejected(Exception):
    """The port's constructor raised an error for the hyper-parameters."""


class Driver(Protocol):
    """A loaded port.

    Attributes
    ----------
    name, version : str
        What was loaded, and the version of its distribution or an empty string.
    dtypes : tuple of str
        Dtypes it can be asked for.
    features : tuple of str
        What it takes beyond one tensor and lr, beta1, beta2, eps: keys of `FEATURES`.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def dtypes(self) -> tuple[str, ...]: ...
    @property
    def features(self) -> tuple[str, ...]: ...

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps of a case: t and what the port shows.

        Raises
        ------
        Rejected
            If the port refuses the hyper-parameters.
        NotImplementedError
            If it has no way to be given what the case asks for; the message names the feature.
        """
        ...


def refuse_unknown(request: RunRequest, known: Collection[str]) -> None:
    """Refuse what a case needs and a driver has not.

    Raises
    ------
    NotImplementedError
        Names the first of these features.
    """
    for feature in lacking(request.needs, known):
        raise NotImplementedError(feature)


def lr_changes(request: RunRequest) -> dict[int, float]:
    """The learning rates that change, by step, for a port of which nothing else can.

    Raises
    ------
    NotImplementedError
        If the case changes another hyper-parameter.
    """
    changes = request.later_hyper()
    if any(set(changed) != {"lr"} for changed in changes.values()):
        raise NotImplementedError("schedule of another hyper-parameter than lr")
    return {t: float(changed["lr"]) for t, changed in changes.items()}


def load(spec: Spec) -> Driver:
    """Driver of an in-process spec.

    Raises
    ------
    LoadError
        In one sentence: what was tried, and what is there instead.
    """
    try:
        module = importlib.import_module(f".{_MODULES[spec.kind]}", __name__)
    except ModuleNotFoundError as error:
        raise LoadError(f"{spec.text}: needs {error.name}, which is not installed here") from error
    driver: Driver = module.load(spec)
    return driver
