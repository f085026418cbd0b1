"""`keras:pkg.mod.Class`: an optimizer class of Keras 3, on the backend of KERAS_BACKEND.

Without KERAS_BACKEND it is the first of TensorFlow, Torch and JAX that is installed. On JAX there
is no float64 unless the environment has JAX_ENABLE_X64=1.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

os.environ.setdefault(
    "KERAS_BACKEND",
    next(filter(importlib.util.find_spec, ("tensorflow", "torch", "jax")), "numpy"),
)

import keras
import numpy as np

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected, lr_changes, refuse_unknown
from ._arguments import ArgumentNames
from ._arrays import host_array, numbers_in
from ._lookup import attribute, distribution_version, import_named

REAL = ("float32", "float64", "float16", "bfloat16")
ALWAYS = ("tensors", "missing", "schedule", "restore", "shapes", "invalid")


@dataclass(frozen=True)
class KerasDriver:
    """Runs cases on `constructor(**hyper)` and its `apply(gradients, variables)`."""

    name: str
    version: str
    constructor: Callable[..., Any]
    arguments: ArgumentNames

    @cached_property
    def dtypes(self) -> tuple[str, ...]:
        """The real dtypes in which the backend computes; a variable of Keras is never complex."""
        return tuple(dtype for dtype in REAL if _product(dtype) == dtype)

    @property
    def features(self) -> tuple[str, ...]:
        """What any optimizer takes, and what the signature has."""
        return (*ALWAYS, *self.arguments.features())

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps; the learning rate is kept in float64 in the cases of float64."""
        refuse_unknown(request, self.features)
        before = keras.config.floatx()
        try:
            keras.config.set_floatx("float64" if request.dtype == "float64" else "float32")
            yield from self._run(request)
        finally:
            keras.config.set_floatx(before)

    def _run(self, request: RunRequest) -> Iterator[Observation]:
        changes, observe = lr_changes(request), frozenset(request.observe)
        arrays = [host_array(values, shape, "float64") for shape, values, _ in request.x0]
        variables, optimizer = self._built(arrays, request)
        for t in range(1, request.steps + 1):
            if t in changes:
                optimizer.learning_rate = changes[t]
            row = request.gradients[(t - 1) % len(request.gradients)]
            if any(values is not None for values in row):  # to Keras, a step without any is none
                _apply(optimizer, row, variables)
            if t in observe:
                yield t, {"x": [_flat(variable, request.dtype) for variable in variables]}
            if t in request.restore:
                saved: dict[str, Any] = {}
                optimizer.save_own_variables(saved)
                arrays = [_on_host(variable) for variable in variables]
                # As from a checkpoint, of this process's own bytes.
                arrays, saved = pickle.loads(pickle.dumps((arrays, saved)))
                variables, optimizer = self._built(arrays, request)
                optimizer.load_own_variables(saved)

    def _built(self, arrays: list[Any], request: RunRequest) -> tuple[list[Any], Any]:
        """Variables of these values, and an optimizer that has been told of them."""
        variables = [keras.Variable(array, dtype=request.dtype) for array in arrays]
        keywords = self.arguments.keywords(request.first_hyper())
        try:
            optimizer = self.constructor(**keywords)
        except Exception as error:  # ports have refusals of their own kinds
            raise Rejected(f"{type(error).__name__}: {error}") from error
        optimizer.build(variables)
        return variables, optimizer


def load(spec: Spec) -> Driver:
    """Driver of a `keras:` spec.

    Raises
    ------
    LoadError
        If the class is not there, or is no optimizer of Keras 3.
    """
    module_name, _, class_name = spec.target.rpartition(".")
    module = import_named(spec, module_name)
    constructor = attribute(spec, module, class_name)
    if not isinstance(constructor, type):
        raise LoadError(f"{spec.text}: {class_name} is a {type(constructor).__name__}, no class")
    if not issubclass(constructor, keras.optimizers.Optimizer):
        raise LoadError(f"{spec.text}: {class_name} is no keras.optimizers.Optimizer")
    arguments = ArgumentNames(spec, constructor)
    return KerasDriver(spec.target, distribution_version(module), constructor, arguments)


def _product(dtype: str) -> str:
    """Dtype of a product; that of two float64 variables is float32 on the backend of NumPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX says that it has no float64: that is the answer
        variable = keras.Variable([1.0], dtype=dtype)
    product: str = keras.backend.standardize_dtype((variable * variable).dtype)
    return product


def _apply(optimizer: Any, row: Sequence[Sequence[float] | None], variables: list[Any]) -> None:
    """One step; every step sees gradients of its own, so a port may keep or overwrite them."""
    gradients = [
        None
        if values is None
        else keras.ops.convert_to_tensor(
            host_array(values, variable.shape, "float64"), dtype=variable.dtype
        )
        for values, variable in zip(row, variables, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")  # as the case wants it
        optimizer.apply(gradients, variables)


def _on_host(variable: Any) -> Any:
    return np.array(keras.ops.convert_to_numpy(variable.value)).astype(np.float64)


def _flat(variable: Any, dtype: str) -> list[float]:
    kept = keras.backend.standardize_dtype(variable.value.dtype)
    if kept != dtype:
        raise TypeError(f"apply changed the dtype of a variable from {dtype} to {kept}")
    return numbers_in(_on_host(variable))
