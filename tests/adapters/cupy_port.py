"""`func:tests/adapters/cupy_port.py:step`: `cupy_arrays.step` as a port, on `--arrays cupy`."""

from radam_adapters import cupy_arrays
from radam_conformance.ports import reference

FEATURES = reference.FEATURES
make_state, step = reference.make_state, reference.step

reference.reference = cupy_arrays.step
