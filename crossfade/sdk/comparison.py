"""Comparing what the two sides answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from crossfade.sdk.differences import differences, is_ignored

Compare: TypeAlias = Callable[[Any, Any], bool | Sequence[str] | None]
"""From legacy's and candidate's result to: equal or not, the field paths that differ, or None for the default."""

EVERYTHING = "$"
"""The field path of the whole result."""
LONGEST_PATH = 200
MOST_PATHS = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one side ended: with a result, or with an exception of this type and message."""

    result: object = None
    raised: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How to compare the two sides of one component; share one for all calls.

    It works on the very object that was served, beside the request: a caller that changes
    results in place gives both sides copies.

    Attributes:
        compare: What decides; without it, or when it returns None, results are compared field by field.
        ignore: Field paths that may differ, such as `meta.tookMs` or `items[].rank`, with all below them.
        clean: Applied to each result before it is compared, to take out what is meant to differ.
        timeout: Seconds after which the shadowed call no longer counts.
        workers: How many shadowed calls of the component run at a time.
    """

    compare: Compare | None = None
    ignore: Sequence[str] = ()
    clean: Callable[[Any], Any] | None = None
    timeout: float = 2.0
    workers: int = 2

    def differences(self, legacy: Outcome, candidate: Outcome) -> tuple[str, ...]:
        """Where the sides differ: field paths, or which side raised what; empty when they agree.

        A comparison that itself raises is a difference: what could not be compared was not shown to agree.
        """
        if legacy.raised is not None or candidate.raised is not None:
            return _exceptional(legacy.raised, candidate.raised)
        try:
            found = self._of_results(legacy.result, candidate.result)
        except Exception as error:  # noqa: BLE001 - it runs the application's functions; see above
            found = [f"compare raised {type(error).__name__}"]
        return tuple(dict.fromkeys(_told(path) for path in found[:MOST_PATHS]))

    def _of_results(self, legacy: object, candidate: object) -> list[str]:
        if self.clean is not None:
            legacy, candidate = self.clean(legacy), self.clean(candidate)
        verdict = None if self.compare is None else self.compare(legacy, candidate)
        if isinstance(verdict, bool):
            return [] if verdict else [EVERYTHING]
        if verdict is None:
            return list(differences(legacy, candidate, ignore=tuple(self.ignore)))
        return [path for path in verdict if not is_ignored(path, self.ignore)]


def raised(error: BaseException) -> Outcome:
    """The outcome of a side that raised."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception of the application may even fail to print
        message = ""
    kind = type(error)
    return Outcome(raised=(f"{kind.__module__}.{kind.__qualname__}", message))


def _exceptional(legacy: tuple[str, str] | None, candidate: tuple[str, str] | None) -> tuple[str, ...]:
    if legacy == candidate:
        return ()
    if candidate is None or legacy is None:
        side, (kind, _) = ("legacy", legacy) if legacy is not None else ("candidate", candidate or ("", ""))
        return (_told(f"{side} raised {kind}"),)
    if legacy[0] == candidate[0]:
        return (_told(f"message of {legacy[0]}"),)
    return (_told(f"legacy raised {legacy[0]}, candidate {candidate[0]}"),)


def _told(path: str) -> str:
    """The path as it may travel: short, and without what no UTF-8 or database can hold."""
    return str(path)[:LONGEST_PATH].encode("utf-8", "replace").decode().replace("\0", "?")
