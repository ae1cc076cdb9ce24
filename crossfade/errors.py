"""What can go wrong, in the words of the domain.

The docstring of a class is its message; an argument is the detail that follows it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from inspect import getdoc


class CrossfadeError(Exception):
    """Crossfade refused."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        message = (getdoc(type(self)) or "").split("\n", 1)[0]
        super().__init__(f"{message.removesuffix('.')}: {detail}" if detail else message)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a plan: where it stands (1-based) and what to do about it."""

    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class InvalidPlan(CrossfadeError):
    """The plan is not valid."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems[:3]))


class InvalidFlag(CrossfadeError):
    """The flag's definition is not valid."""


class InvalidContext(CrossfadeError):
    """The evaluation context is not valid."""


class InvalidPercentage(InvalidFlag):
    """A percentage is a number from 0 to 100 in steps of 0.001."""


class FlagExists(CrossfadeError):
    """There is a flag of that name."""


class UnknownFlag(CrossfadeError):
    """There is no such flag."""


class UnknownMigration(CrossfadeError):
    """There is no such migration."""


class UnknownComponent(CrossfadeError):
    """There is no such component."""


class UnknownRollback(CrossfadeError):
    """There is no such rollback."""


class UnknownValidation(CrossfadeError):
    """There is no such validation."""


class MigrationIsLive(CrossfadeError):
    """A migration of this name is already live."""


class ComponentIsLive(CrossfadeError):
    """The component already has a live run."""


class NothingToRollBack(CrossfadeError):
    """The component serves legacy to everybody and has no run."""


class KeyReused(CrossfadeError):
    """An idempotency key names one order for ever."""


class NotComplete(CrossfadeError):
    """Only a complete component, on for everybody, can be retired."""


class Retired(CrossfadeError):
    """The component is retired: its legacy code is gone."""


class Stopped(CrossfadeError):
    """A stop is in force; nothing may be enabled or raised."""


class NotStopped(CrossfadeError):
    """No stop of the environment is in force."""


class Fenced(CrossfadeError):
    """The writer's epoch has passed; it may change nothing any more."""


class StaleReading(CrossfadeError):
    """The run has no fresh passing reading for its current step, so it may not advance."""


class PreconditionFailed(CrossfadeError):
    """The object has changed since it was read."""


class InvalidBatch(CrossfadeError):
    """The batch of metrics is not valid."""


class BatchConflict(CrossfadeError):
    """A batch with this id and other content was accepted before."""


class InvalidArgument(CrossfadeError, ValueError):
    """A statistic was asked with an argument that it cannot take."""

    def __init__(self, argument: str, detail: str) -> None:
        self.argument = argument
        super().__init__(f"{argument} {detail}")


class RaisesPercentage(CrossfadeError):
    """More would be served; on a live run only its workflow may raise."""


class UnknownRun(CrossfadeError):
    """There is no such run."""
