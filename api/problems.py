"""Answers that say what went wrong, as RFC 9457 problem details; none of them repeats what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: `kind` becomes the last part of its type URI, `more` its extension members."""

    status: int
    kind: str
    title: str
    detail: str
    more: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> JSONResponse:
        """The answer that carries this problem."""
        headers = dict(self.headers)
        return JSONResponse(self.document(), status_code=self.status, headers=headers, media_type=MEDIA_TYPE)

    def document(self) -> dict[str, object]:
        """The JSON of this problem."""
        return {
            "type": f"urn:crossfade:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }


class Refused(Exception):
    """The request ends with this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened and what to do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}

MEANINGS: Mapping[int, str] = {
    400: "The body is not JSON that is accepted here.",
    401: "No valid token.",
    403: "The token's role may not do this.",
    404: "There is no such object.",
    408: "The body did not arrive in time.",
    409: "The state of the object does not allow it.",
    412: "The object has changed since it was read (If-Match).",
    413: "The body is too large.",
    415: "The body's Content-Type or Content-Encoding is not accepted.",
    422: "A value is not valid.",
    500: "A defect of the server; the log says more.",
    503: "Postgres or Temporal does not answer; try again.",
}


def documented(statuses: set[int]) -> dict[int | str, dict[str, object]]:
    """The OpenAPI description of answers with a problem, one for each status."""
    return {status: _documented(status) for status in sorted(statuses)}


def _documented(status: int) -> dict[str, object]:
    return {
        "description": MEANINGS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def plain(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """A problem that says no more than its HTTP status, such as 404 for an unknown path."""
    phrase = HTTPStatus(status).phrase
    return Problem(
        status=status,
        kind=phrase.lower().replace(" ", "-"),
        title=f"{phrase}.",
        detail=MEANINGS.get(status, f"{phrase}."),
        headers=headers or {},
    )
