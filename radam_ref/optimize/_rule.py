"""What every rule is, and the two ways in which rules combine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._stepper import Stepper


class Rule:
    """One reason to stop. Of your own: a class with `met`, `because` and a `status` that is not 0.

    Attributes
    ----------
    status : int
        What the result has as status; 0 is success.
    """

    status = 0

    def met(self, run: Stepper) -> Any:
        """Whether to stop: a bool, or of a batch an array of them; True stops all problems."""
        raise NotImplementedError

    def because(self, run: Stepper) -> str:
        """The message of a run that this rule has ended."""
        raise NotImplementedError

    def alone(self) -> tuple[Rule, ...]:
        """The rules within of which each ends a run."""
        return (self,)

    def together(self) -> tuple[Rule, ...]:
        """The rules within that must all be met."""
        return (self,)

    def __or__(self, other: Rule) -> Rule:
        return any_of((*self.alone(), *other.alone()))

    def __and__(self, other: Rule) -> Rule:
        pairs = [(one, two) for one in self.alone() for two in other.alone()]
        both = tuple(all_of((*one.together(), *two.together())) for one, two in pairs)
        return both[0] if len(both) == 1 else any_of(both)


@dataclass(frozen=True)
class any_of(Rule):
    """What `|` makes: the first rule that is met ends the run, with its status and message."""

    rules: tuple[Rule, ...]

    def alone(self) -> tuple[Rule, ...]:
        """The rules."""
        return self.rules


@dataclass(frozen=True)
class all_of(Rule):
    """What `&` makes: the run ends when all are met at once; a success if one of them is."""

    rules: tuple[Rule, ...]

    @property
    def status(self) -> int:  # type: ignore[override]
        """0 if a rule is a success, else that of the first."""
        statuses = [rule.status for rule in self.rules]
        return 0 if 0 in statuses else statuses[0]

    def together(self) -> tuple[Rule, ...]:
        """The rules."""
        return self.rules

    def met(self, run: Stepper) -> Any:
        """Whether all are."""
        return reduce(and_, (rule.met(run) for rule in self.rules))

    def because(self, run: Stepper) -> str:
        """All the messages."""
        return "; and: ".join(rule.because(run) for rule in self.rules)
