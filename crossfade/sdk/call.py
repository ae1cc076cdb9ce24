"""What `switch` does beside the plain way: coroutines, failures, falling back, having sides compared."""

from collections.abc import Awaitable
from random import random
from time import perf_counter
from types import CoroutineType, NoneType
from typing import TypeAlias, TypeGuard

from crossfade.flags import Evaluation, Reason
from crossfade.sdk.comparison import Comparison, Outcome, raised
from crossfade.sdk.shadow import Shadowed, Shadows, Side
from crossfade.sdk.table import Entry
from crossfade.sdk.tally import Tally
from crossfade.states import Variant

Expected: TypeAlias = tuple[type[BaseException], ...]

# Looking for an attribute that is not there takes three times as long, on the request's path.
PLAIN = frozenset({NoneType, bool, bytes, dict, float, int, list, str, tuple})


class Call:
    """A call that took more than the plain way; everything about it is as it was at its start."""

    __slots__ = ("_comparison", "_entry", "_expected", "_shadows", "_sides", "_tally", "_variant")

    def __init__(
        self,
        entry: Entry,
        variant: Variant,
        sides: tuple[Side, Side],
        *,
        expected: Expected,
        comparison: Comparison | None,
        tally: Tally,
        shadows: Shadows,
    ) -> None:
        self._entry = entry
        self._variant = variant
        self._sides = sides
        self._expected = expected
        self._comparison = comparison
        self._tally = tally
        self._shadows = shadows

    def finish_or_count(self, result: object, started: float) -> object:
        """The result of a plain side, counted; of a coroutine function, an awaitable that will be."""
        if is_awaitable(result):
            return self.finish(result)
        self.answered(result, started, in_loop=False)
        return result

    async def finish(self, awaitable: Awaitable[object]) -> object:
        """Wait for the chosen side's result."""
        started = perf_counter()
        try:
            result = await awaitable
        except BaseException as error:
            failure = self.failed(error, started, in_loop=True)
            if failure is None:
                raise
        else:
            self.answered(result, started, in_loop=True)
            return result
        fallen = self.fall_back(failure)
        return await fallen if is_awaitable(fallen) else fallen

    def answered(self, result: object, started: float, *, in_loop: bool) -> None:
        """Count a result, and have it compared."""
        flag = self._entry.flag
        self._tally.answered(flag.name, self._variant, flag.revision, started, perf_counter())
        if self._comparison is not None:
            self._shadow(Outcome(result), self._comparison, in_loop=in_loop)

    def failed(self, error: BaseException, started: float, *, in_loop: bool) -> Outcome | None:
        """Count an exception; how candidate ended, when legacy is to step in."""
        flag, ended = self._entry.flag, perf_counter()
        # A caller that cancels or leaves was not failed by this side, but it did wait that long.
        if isinstance(error, self._expected) or not isinstance(error, Exception):
            self._tally.answered(flag.name, self._variant, flag.revision, started, ended)
            falls_back = False
        else:
            falls_back = self._variant is Variant.CANDIDATE and flag.fallback_enabled
            self._tally.failed(flag.name, self._variant, flag.revision, started, ended, fell_back=falls_back)
        if falls_back:
            return raised(error)
        if self._comparison is not None and isinstance(error, Exception):
            self._shadow(raised(error), self._comparison, in_loop=in_loop)
        return None

    def fall_back(self, failure: Outcome) -> object:
        """Legacy's result, or an awaitable of it, in place of candidate's failure."""
        legacy = self._sides[0]
        if self._comparison is None:
            return legacy()
        try:
            result = legacy()
        except Exception as error:
            self._compare(failure, raised(error), self._comparison)
            raise
        if is_awaitable(result):
            return self._compare_later(failure, result, self._comparison)
        self._compare(failure, Outcome(result), self._comparison)
        return result

    async def _compare_later(self, failure: Outcome, legacy: Awaitable[object], comparison: Comparison) -> object:
        try:
            result = await legacy
        except Exception as error:
            self._compare(failure, raised(error), comparison)
            raise
        self._compare(failure, Outcome(result), comparison)
        return result

    def _shadow(self, served: Outcome, comparison: Comparison, *, in_loop: bool) -> None:
        shadowed = self._shadowed(comparison)
        if in_loop:
            self._shadows.run_in_loop(shadowed, served)
        else:
            self._shadows.run(shadowed, served)

    def _compare(self, candidate: Outcome, legacy: Outcome, comparison: Comparison) -> None:
        self._shadows.compare(self._shadowed(comparison), candidate, legacy)

    def _shadowed(self, comparison: Comparison) -> Shadowed:
        other = self._sides[self._variant is Variant.LEGACY]
        return Shadowed(self._entry.flag.name, self._entry.flag.revision, self._variant, comparison, other)


def is_awaitable(value: object) -> TypeGuard[Awaitable[object]]:
    """Whether a side was a coroutine function; also when a lambda or a partial hid it."""
    kind = type(value)
    return kind not in PLAIN and (kind is CoroutineType or hasattr(kind, "__await__"))


def sampled(comparison: Comparison | None, entry: Entry, evaluation: Evaluation) -> Comparison | None:
    """The comparison if chance, at the share that the flag names, picks this call."""
    if comparison is None or evaluation.reason is Reason.STALE:
        return None
    return comparison if random() < entry.shadow_share else None  # noqa: S311 - not a secret
