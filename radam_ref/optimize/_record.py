"""What a Stepper gives after each step."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._boundary import rectification
from ._problem import Problem


class Record(NamedTuple):
    """A run after step t, all of one point: f and g were evaluated at this x.

    Attributes
    ----------
    t : steps done; 0 at x0
    x, f, g : where step t led, f and the gradient there; x and g as x0 was given, an array or list
    x_best, f_best : the lowest finite f evaluated so far, and its x
    gradient : the largest modulus of the projected gradient, as last read
    """

    t: int
    x: Any
    f: Any
    g: Any
    x_best: Any
    f_best: Any
    gradient: Any
    x_before: Any
    problem: Problem

    def __repr__(self) -> str:
        """What it says of the run; not how the run is made."""
        names = (*self._fields[:-2], "update_norm", "r_t")
        return f"Record({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    @property
    def update_norm(self) -> Any:
        """The Euclidean norm of what step t added to x, in each lane; 0 at x0."""
        layout = self.problem.layout
        pairs = zip(self.x, self.x_before, strict=True) if layout.listed else []
        moved = tuple(now - then for now, then in pairs) or (self.x - self.x_before,)
        return layout.norm(moved)

    @property
    def r_t(self) -> float | None:
        """The rectification of step t; None at x0 and while the variance is intractable."""
        config = self.problem.config
        return rectification(self.t, config.beta2, config.axes.threshold) if self.t else None
