"""What can go wrong between an operator and the server: one class for each thing that the operator does about it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from crossfade.errors import CrossfadeError

_NOTHING: Mapping[str, object] = MappingProxyType({})


class ControlError(CrossfadeError):
    """The server did not do what was asked."""


class Unusable(ControlError, ValueError):
    """The client cannot be used like this."""


class Unreachable(ControlError):
    """The server does not answer."""

    def __init__(self, detail: str = "", *, may_have_arrived: bool = False) -> None:
        self.may_have_arrived = may_have_arrived
        """Whether the order may have been carried out all the same."""
        unknown = "; it is not known whether the order arrived, so look before you repeat it"
        super().__init__(detail + (unknown if may_have_arrived else ""))


class UnexpectedAnswer(ControlError):
    """Something answers there that is not Crossfade, or another version of it."""


class Refused(ControlError):
    """The server refused: the members of its RFC 9457 problem.

    `kind` is the last part of the problem's type (`not-running`), `more` has its extension members.
    """

    def __init__(
        self, *, status: int, kind: str, title: str, detail: str, more: Mapping[str, object] = _NOTHING
    ) -> None:
        super().__init__()
        self.args = (" ".join(part for part in (title, detail) if part),)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.more = more

    @property
    def errors(self) -> Sequence[str]:
        """What is wrong in which field, one text each; empty where no field was."""
        found = self.more.get("errors")
        return [_told(one) for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


class AccessDenied(Refused):
    """The token is not valid, or its role may not do this."""


class NotFound(Refused):
    """There is no such object."""


class Conflict(Refused):
    """The state of the object does not allow it now."""


class Invalid(Refused):
    """What was sent is not valid; sending it again cannot help."""


class Unavailable(Refused):
    """The server answers, but Postgres or Temporal behind it does not; try again."""


_KINDS: Mapping[int, type[Refused]] = {
    400: Invalid,
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    405: Invalid,
    408: Unavailable,
    409: Conflict,
    412: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
_OF_A_PROBLEM = frozenset({"type", "title", "status", "detail"})


def refused(status: int, problem: Mapping[str, object]) -> Refused:
    """The error for a problem of the server."""
    kind = _KINDS.get(status, Refused)
    return kind(
        status=status,
        kind=_text(problem, "type").rpartition(":")[2],
        title=_text(problem, "title"),
        detail=_text(problem, "detail"),
        more={name: value for name, value in problem.items() if name not in _OF_A_PROBLEM},
    )


def _text(problem: Mapping[str, object], name: str) -> str:
    value = problem.get(name)
    return value if isinstance(value, str) else ""


def _told(error: Mapping[str, object]) -> str:
    """`plan:3:5: phases[0].name: what to do`, with what of it is known."""
    place = ":".join(str(error[part]) for part in ("line", "column") if error.get(part))
    parts = (place, error.get("field"), error.get("message"))
    return ": ".join(str(part) for part in parts if part)
