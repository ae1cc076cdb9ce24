"""One call of `switch`: run the chosen side, time it, count it, fall back, have it compared."""

from collections.abc import Awaitable, Callable
from random import random
from time import perf_counter
from types import CoroutineType
from typing import TypeAlias, TypeGuard

from crossfade.flags import Evaluation, Reason
from crossfade.sdk.comparison import Comparison, Outcome, raised
from crossfade.sdk.shadow import Shadowed, Shadows
from crossfade.sdk.table import Entry
from crossfade.sdk.tally import Tally
from crossfade.states import Variant

Side: TypeAlias = Callable[[], object]
Expected: TypeAlias = tuple[type[BaseException], ...]


class Call:
    """A call whose flag has been evaluated; everything about it is as it was at its start."""

    __slots__ = ("_comparison", "_entry", "_expected", "_shadows", "_sides", "_tally", "_variant")

    def __init__(
        self,
        entry: Entry,
        evaluation: Evaluation,
        sides: tuple[Side, Side],
        *,
        expected: Expected,
        comparison: Comparison | None,
        tally: Tally,
        shadows: Shadows,
    ) -> None:
        self._entry = entry
        self._variant = evaluation.variant
        self._sides = sides
        self._expected = expected
        self._tally = tally
        self._shadows = shadows
        shadowed = evaluation.reason is not Reason.STALE and random() < entry.shadow_share  # noqa: S311 - not a secret
        self._comparison = comparison if shadowed else None

    def run(self) -> object:
        """The result of a plain side; of a coroutine function, an awaitable of it."""
        chosen = self._sides[self._variant is Variant.CANDIDATE]
        started = perf_counter()
        try:
            result = chosen()
            if is_awaitable(result):
                return self._finish(result)
        except BaseException as error:
            failure = self._failed(error, started, in_loop=False)
            if failure is None:
                raise
        else:
            self._answered(result, started, in_loop=False)
            return result
        # Outside of the except clause, so that what legacy raises carries no context of candidate's.
        return self._fall_back(failure)

    async def _finish(self, awaitable: Awaitable[object]) -> object:
        started = perf_counter()
        try:
            result = await awaitable
        except BaseException as error:
            failure = self._failed(error, started, in_loop=True)
            if failure is None:
                raise
        else:
            self._answered(result, started, in_loop=True)
            return result
        fallen = self._fall_back(failure)
        return await fallen if is_awaitable(fallen) else fallen

    def _answered(self, result: object, started: float, *, in_loop: bool) -> None:
        self._tally.answered(self._entry.flag.name, self._variant, self._entry.flag.revision, _since(started))
        if self._comparison is not None:
            self._shadow(Outcome(result), self._comparison, in_loop=in_loop)

    def _failed(self, error: BaseException, started: float, *, in_loop: bool) -> Outcome | None:
        """Count an exception; how candidate ended, when legacy is to step in."""
        flag, elapsed = self._entry.flag, _since(started)
        # A caller that cancels or leaves was not failed by this side, but it did wait that long.
        if isinstance(error, self._expected) or not isinstance(error, Exception):
            self._tally.answered(flag.name, self._variant, flag.revision, elapsed)
            falls_back = False
        else:
            falls_back = self._variant is Variant.CANDIDATE and flag.fallback_enabled
            self._tally.failed(flag.name, self._variant, flag.revision, elapsed, fell_back=falls_back)
        if falls_back:
            return raised(error)
        if self._comparison is not None and isinstance(error, Exception):
            self._shadow(raised(error), self._comparison, in_loop=in_loop)
        return None

    def _fall_back(self, failure: Outcome) -> object:
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
    return type(value) is CoroutineType or hasattr(type(value), "__await__")


def _since(started: float) -> float:
    return (perf_counter() - started) * 1e3
