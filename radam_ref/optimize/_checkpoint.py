"""A run on disk while it goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _state_file

if TYPE_CHECKING:
    from ._state import State
    from ._stepper import Stepper


class CheckpointError(OSError):
    """A checkpoint could not be written.

    Attributes
    ----------
    state : State
        The run, to continue from: minimize(fun, error.state, ...).
    """

    def __init__(self, message: str, state: State) -> None:
        super().__init__(message)
        self.state = state


class Checkpoint:
    """Where a run is saved, every so many steps or seconds, and when it ends.

    Parameters
    ----------
    path : path of the file, written beside and renamed: it is the newest complete one at any time
    steps : int, optional
    seconds : float, optional
        Either or both; every 60 seconds if neither is given.

    Examples
    --------
    >>> Checkpoint("run.npz", steps=1000)
    Checkpoint('run.npz', steps=1000, seconds=inf)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        steps: int | None = None,
        seconds: float | None = None,
    ) -> None:
        if steps is not None and (not isinstance(steps, int) or steps < 1):
            raise ValueError(f"checkpoint's steps must be an int of at least 1, got {steps!r}")
        if seconds is not None and not seconds > 0:
            raise ValueError(f"checkpoint's seconds must be above 0, got {seconds!r}")
        self.path, self.steps = Path(path), steps
        without = 60.0 if steps is None else float("inf")
        self.seconds = without if seconds is None else float(seconds)
        self._saved = time.monotonic()
        self._tidy = False

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, steps={self.steps}, seconds={self.seconds:g})"

    def after(self, run: Stepper) -> None:
        """Save the run if it is time to."""
        if self.steps is not None and run.now.t % self.steps == 0:
            self.save(run)
        elif self.seconds < float("inf") and time.monotonic() - self._saved >= self.seconds:
            self.save(run)

    def save(self, run: Stepper) -> None:
        """Save the run.

        Raises
        ------
        CheckpointError
            It cannot be written; the one before is still there, if there was one.
        """
        try:
            if not self._tidy:
                self._remove_parts()
            run.save(self.path)
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint of step {run.now.t} could not be written to {self.path}: {error}. "
                "The run is in the `state` of this error.",
                run.state,
            ) from error
        self._saved = time.monotonic()

    def _remove_parts(self) -> None:
        """What a run that was killed had begun to write, and nothing of a run beside it."""
        for part in _state_file.parts_of(self.path):
            part.unlink(missing_ok=True)
        self._tidy = True


def checkpoint_of(checkpoint: Any) -> Checkpoint | None:
    """What `minimize` was given: a path is one saved every minute."""
    if checkpoint is None or isinstance(checkpoint, Checkpoint):
        return checkpoint
    return Checkpoint(checkpoint)
