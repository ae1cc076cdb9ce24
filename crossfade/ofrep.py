"""What the OpenFeature Remote Evaluation Protocol (OFREP 0.3) says of an evaluation: documents in, documents out."""

import json
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

from crossfade.errors import InvalidContext
from crossfade.flags import NAME, TARGETING_KEY, Context, Evaluation, Reason

EVALUATE = "/ofrep/v1/evaluate/flags"
EVENTS = "/ofrep/v1/events"
INACTIVITY_SECONDS = 120
"""After so long in the background a provider closes its stream, and reads everything when it is back."""

_REASONS = frozenset({Reason.STATIC, Reason.TARGETING_MATCH, Reason.SPLIT, Reason.DISABLED})
_NOTHING: Context = {}


class ErrorCode(StrEnum):
    """Why there is no value; the codes of OpenFeature that OFREP knows."""

    PARSE_ERROR = "PARSE_ERROR"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    GENERAL = "GENERAL"
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"


def context_of(document: object) -> Context:
    """The context in the body of a request; without a body, or without the member, there is none.

    Raises:
        InvalidContext: It is no object, or its targeting key is no text.
    """
    if document is None:
        return _NOTHING
    context = document.get("context", _NOTHING) if isinstance(document, Mapping) else None
    if not isinstance(context, Mapping):
        raise InvalidContext("the body is an object whose member `context` is an object")
    if not isinstance(context.get(TARGETING_KEY, ""), str):
        raise InvalidContext("its `targetingKey` is a string")
    return context


def answer(key: str, evaluation: Evaluation) -> dict[str, object]:
    """The evaluation of one flag, or the failure that it is: candidate is `true`, legacy `false`.

    The reason is one of OFREP's; Crossfade's own (`STALE`, `TYPE_MISMATCH`) is among the metadata.
    """
    if evaluation.reason is Reason.TARGETING_KEY_MISSING:
        return failure(key, ErrorCode.TARGETING_KEY_MISSING, "This flag is split by its targeting key; send one.")
    metadata: dict[str, object] = {"revision": evaluation.revision}
    if evaluation.cohort is not None:
        metadata["cohort"] = evaluation.cohort
    is_known = evaluation.reason in _REASONS
    if not is_known:
        metadata["reason"] = evaluation.reason.value
    return {
        "key": key,
        "value": evaluation.is_candidate,
        "variant": evaluation.variant.value,
        "reason": evaluation.reason.value if is_known else "UNKNOWN",
        "metadata": metadata,
    }


def failure(key: str | None, code: ErrorCode, details: str) -> dict[str, object]:
    """Why a flag, or all of them, could not be evaluated."""
    said = {} if key is None else {"key": key if NAME.fullmatch(key) else ""}
    return {**said, "errorCode": code.value, "errorDetails": details}


def bulk(flags: list[dict[str, object]], stream: str) -> dict[str, object]:
    """All flags, and where a provider is told that it should ask again."""
    streams = [{"type": "sse", "url": stream, "inactivityDelaySec": INACTIVITY_SECONDS}]
    return {"flags": flags, "eventStreams": streams}


def refetch(revision: int, at: int) -> dict[str, object]:
    """The event that tells a provider to ask again; `at` in seconds since 1970."""
    return {"type": "refetchEvaluation", "etag": f'"{revision}"', "lastModified": at}


def etag(environment: str, revision: int, context: Context, *, is_fresh: bool, stream: str) -> str:
    """The validator of a bulk answer; it covers all that the answer depends on: the context and the stream, too.

    A provider keeps its tag when its context changes: one of the revision alone would give it somebody else's flags.
    And one that comes back with a ticket that has run out must get another: a 304 would leave it with the old one.
    """
    asked = json.dumps([environment, revision, is_fresh, stream, context], sort_keys=True, separators=(",", ":"))
    return f'"{sha256(asked.encode()).hexdigest()[:32]}"'
