"""The numbers of a case in arrays: of a namespace, on a device, laid out as the case asks."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..protocol import RunRequest, one_line
from ..spec import LoadError, Spec

Array = NDArray[Any]


class Namespace(NamedTuple):
    """How arrays of a library are made, and the dtypes that a case may have in it."""

    module: str
    dtypes: tuple[str, ...]


_REAL = ("float32", "float64", "float16")
_NAMESPACES: Mapping[str, Namespace] = {
    "numpy": Namespace("numpy", (*_REAL, "complex64", "complex128")),
    "cupy": Namespace("cupy", (*_REAL, "complex64", "complex128")),
    "torch": Namespace("torch", (*_REAL, "bfloat16", "complex64", "complex128")),
    "jax": Namespace("jax.numpy", (*_REAL, "bfloat16", "complex64", "complex128")),
}


def namespace(name: str) -> Namespace:
    """What `--arrays` names; of JAX without x64 just the narrow dtypes."""
    found = _NAMESPACES[name]
    if name == "jax" and importlib.import_module("jax.numpy").result_type(float) != np.float64:
        narrow = tuple(d for d in found.dtypes if d not in ("float64", "complex128"))
        return found._replace(dtypes=narrow)
    return found


def check_arrays(spec: Spec) -> None:
    """Make one array of those that the function is to get.

    Raises
    ------
    LoadError
        If the library or the device is not there.
    """
    try:
        one = Arrays([], "float32", spec.arrays, spec.device, strided=False, readonly=False)
        one.hand_out(np.zeros(1, np.float32))
    except Exception as error:  # each library has errors of its own
        asked = f"--arrays {spec.arrays}" + f" --device {spec.device}" * bool(spec.device)
        reason = one_line(f"{type(error).__name__}: {error}")
        raise LoadError(f"{spec.text}: {asked} cannot be used here: {reason}") from error


@dataclass(frozen=True)
class Arrays:
    """The parameters a case starts from, on the host, and how to hand arrays to the function."""

    arrays: list[Array]
    dtype: str
    library: str
    device: str
    strided: bool
    readonly: bool

    def like(self, values: Sequence[Sequence[float]]) -> list[Array]:
        """Arrays of these values, shaped like the parameters."""
        return [
            host_array(numbers, array.shape, self.dtype)
            for numbers, array in zip(values, self.arrays, strict=True)
        ]

    def hand_out(self, given: Any, *, gradients: bool = False) -> Any:
        """The arrays as the function gets them: host arrays go to its library and device."""
        if isinstance(given, list):
            return [self.hand_out(array, gradients=gradients) for array in given]
        if not isinstance(given, np.ndarray):
            return given
        if self.library != "numpy":
            return self._convert(given)
        if self.strided:
            given = np.stack([given, given], axis=-1)[..., 0]
        if self.readonly and gradients:
            given.flags.writeable = False
        return given

    def _convert(self, array: Array) -> Any:
        if self.library == "torch":
            import torch

            # bfloat16 is not known to NumPy; float32 holds its values.
            tensor = torch.from_numpy(np.ascontiguousarray(array)).reshape(array.shape)
            return tensor.to(self.device or "cpu", getattr(torch, self.dtype))
        module = importlib.import_module(_NAMESPACES[self.library].module)
        if self.library == "cupy":
            with module.cuda.Device(int((self.device or "cuda:0").rpartition(":")[2])):
                return module.asarray(array)
        import jax

        platform, _, number = (self.device or "cpu").partition(":")
        device = jax.devices(platform)[int(number or 0)]
        return jax.device_put(module.asarray(array, dtype=self.dtype), device)


def start(request: RunRequest, library: str, device: str) -> Arrays:
    """The parameters that a case starts from."""
    arrays = [host_array(values, shape, request.dtype) for shape, values, _ in request.x0]
    needs = request.needs
    return Arrays(arrays, request.dtype, library, device, "strided" in needs, "readonly" in needs)


def host_array(values: Sequence[float], shape: Sequence[int], dtype: str) -> Array:
    """These values in the dtype, those of bfloat16, which NumPy has not, in float32."""
    numbers = np.array(values, np.float64)
    if dtype.startswith("complex"):
        numbers = numbers.view(np.complex128)
    return numbers.astype("float32" if dtype == "bfloat16" else dtype).reshape(tuple(shape))


def all_gradients(request: RunRequest, x0: Arrays) -> Iterator[list[Array | None]]:
    """The gradients of each step, in arrays of its own."""
    for t in range(request.steps):
        row = request.gradients[t % len(request.gradients)]
        yield [
            None if values is None else host_array(values, array.shape, request.dtype)
            for values, array in zip(row, x0.arrays, strict=True)
        ]


def plain(arrays: Sequence[Any]) -> Any:
    """One array as it is, several as a list."""
    return arrays[0] if len(arrays) == 1 else list(arrays)


def as_list(params: Any) -> list[Any]:
    """The other way round."""
    return list(params) if isinstance(params, (list, tuple)) else [params]


def shown(params: Sequence[Any], state: Any, x0: Arrays, t: int) -> dict[str, list[list[float]]]:
    """The parameters in numbers, and the moments where the state has them under these names."""
    if len(params) != len(x0.arrays):
        raise ValueError(f"{len(params)} params came back at t = {t}, expected {len(x0.arrays)}")
    quantities = {"x": [_flat(*pair, t) for pair in zip(params, x0.arrays, strict=True)]}
    for name, moments in _moments(state):
        arrays = [_on_host(moment) for moment in as_list(moments)] if moments is not None else []
        if [(a.shape, a.dtype) for a in arrays] == [(a.shape, a.dtype) for a in x0.arrays]:
            quantities[name] = [numbers_in(array) for array in arrays]
    return quantities


def _moments(state: Any) -> list[tuple[str, Any]]:
    """m and v of a state that calls them so, or of a tuple (t, m, v)."""
    if isinstance(state, dict):
        return [(name, state.get(name)) for name in ("m", "v")]
    if isinstance(state, tuple) and len(state) == 3 and isinstance(state[0], int):
        return [("m", state[1]), ("v", state[2])]
    return [(name, getattr(state, name, None)) for name in ("m", "v")]


def _flat(param: Any, like: Array, t: int) -> list[float]:
    array = _on_host(param)
    if (array.shape, array.dtype) != (like.shape, like.dtype):
        got, want = (f"{a.dtype} of shape {a.shape}" for a in (array, like))
        raise ValueError(f"params came back as {got} at t = {t}, expected {want}")
    return numbers_in(array)


def _on_host(array: Any) -> Array:
    if hasattr(array, "detach"):  # a Torch tensor; NumPy has no bfloat16
        array = array.detach().cpu()
        array = array.float() if str(array.dtype) == "torch.bfloat16" else array
    if hasattr(array, "get") and hasattr(array, "device"):  # CuPy copies to the host on request
        array = array.get()
    host = np.asarray(array)
    return host.astype(np.float32) if host.dtype.name == "bfloat16" else host


def numbers_in(array: Array) -> list[float]:
    """The flat values of an array, of a complex one the parts of each."""
    wide = np.complex128 if np.iscomplexobj(array) else np.float64
    flat = np.ascontiguousarray(array.reshape(-1)).astype(wide)
    values: list[float] = flat.view(np.float64).tolist()
    return values
