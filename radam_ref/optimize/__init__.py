"""RAdam where the program is not deep learning: `minimize`, and `Stepper` for loops of your own.

On top of the specification, which knows nothing of it: the steps are those of `radam_ref.step`.
"""

from . import prox, stop
from ._checkpoint import Checkpoint, CheckpointError
from ._history import Entry, History, last, spread
from ._minimize import minimize
from ._rate import MISSING
from ._record import Record
from ._result import Result
from ._state import State, load
from ._stepper import Stepper

__all__ = [
    "MISSING",
    "Checkpoint",
    "CheckpointError",
    "Entry",
    "History",
    "Record",
    "Result",
    "State",
    "Stepper",
    "last",
    "load",
    "minimize",
    "prox",
    "spread",
    "stop",
]
