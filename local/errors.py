"""What can go wrong on one machine, in words for the person in front of it."""

from crossfade.errors import CrossfadeError


class StackError(CrossfadeError):
    """The local stack cannot run."""


class AlreadyOwned(StackError):
    """Another process owns this data directory."""


class NoPostgres(StackError):
    """PostgreSQL 15 or newer was not found."""


class WrongVersion(StackError):
    """The data directory belongs to another major version of PostgreSQL."""


class ChildDied(StackError):
    """A process of the stack ended by itself."""


class NoTemporal(StackError):
    """Temporal's program was not found."""


class NotReady(StackError):
    """A part of the stack did not become ready."""


class Refused(StackError):
    """The API refused what the demonstration asked for."""


class StopInForce(StackError):
    """An emergency stop is in force, so nothing can be started."""
