"""A long connection, counted by the variant that it was opened on."""

from time import perf_counter
from types import TracebackType
from typing import Protocol, Self

from crossfade.flags import Context, Evaluation
from crossfade.sdk.tally import Tally
from crossfade.states import Variant
from crossfade.wire import CONNECTIONS_ABNORMAL, CONNECTIONS_CLOSED, CONNECTIONS_OPENED

LONGEST_MS = 1e9


class _Evaluator(Protocol):
    def evaluate(self, name: str, context: Context) -> Evaluation: ...


class Connection:
    """A connection from opening to closing.

    It stays on the variant of its opening. What happens on it counts for the revision that
    is served when it happens, so that a step is judged by what happens during it, on old
    connections too. Left by an exception, it was closed abnormally.
    """

    def __init__(self, evaluator: _Evaluator, tally: Tally, *, name: str, context: Context) -> None:
        self._evaluator = evaluator
        self._tally = tally
        self._name = name
        self._context = context
        self._is_open = True
        evaluation = evaluator.evaluate(name, context)
        self.variant: Variant = evaluation.variant
        self._count(CONNECTIONS_OPENED, evaluation)

    @property
    def is_current(self) -> bool:
        """Whether a connection opened now would get the same variant; after a rollback candidate's would not."""
        return self._evaluate().variant is self.variant

    def request(self, elapsed_ms: float, *, error: bool = False) -> None:
        """Count one message that was answered after this long."""
        revision = self._evaluate().revision
        if not revision:
            return
        if not 0 <= elapsed_ms <= LONGEST_MS:
            self._tally.dropped.add()
            return
        ended = perf_counter()
        count = self._tally.failed if error else self._tally.answered
        count(self._name, self.variant, revision, ended - elapsed_ms / 1e3, ended)

    def close(self, *, abnormal: bool = False) -> None:
        """Count the end, once."""
        if not self._is_open:
            return
        self._is_open = False
        evaluation = self._evaluate()
        self._count(CONNECTIONS_CLOSED, evaluation)
        if abnormal:
            self._count(CONNECTIONS_ABNORMAL, evaluation)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(abnormal=isinstance(error, Exception))

    def _evaluate(self) -> Evaluation:
        return self._evaluator.evaluate(self._name, self._context)

    def _count(self, metric: str, evaluation: Evaluation) -> None:
        if evaluation.revision:  # an unknown flag has none, and nothing to judge
            self._tally.counted(self._name, self.variant, evaluation.revision, metric)
