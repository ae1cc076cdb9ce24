"""Evaluating flags in this process, for callers that have no SDK: what the replica has read, compiled once."""

from dataclasses import dataclass

from api.replica import LEASE_SECONDS, Replica
from crossfade.evaluation import Evaluate, compile_flag
from crossfade.flags import Context, Evaluation, Flag, Reason
from crossfade.states import Variant
from store.flags import Snapshot


@dataclass(frozen=True, slots=True)
class Compiled:
    """A flag that can be asked; `stale` is what a live one answers past the replica's lease."""

    flag: Flag
    evaluate: Evaluate
    stale: Evaluation | None


class Evaluator:
    """The flags of the replica's environment, compiled when they change."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._snapshot: Snapshot | None = None
        self._flags: dict[str, Compiled] = {}

    @property
    def is_fresh(self) -> bool:
        """Whether the replica is within its lease; past it, live rollouts serve legacy."""
        return self._replica.age <= LEASE_SECONDS

    def revision(self) -> int:
        """The revision that is served.

        Raises:
            Refused: 503, nothing was read since the process started.
        """
        return self._current().revision

    def evaluate(self, name: str, context: Context) -> Evaluation | None:
        """The evaluation, or None where there is no such flag; Refused as for `revision`."""
        self._current()
        compiled = self._flags.get(name)
        return None if compiled is None else _answer(compiled, context, is_fresh=self.is_fresh)

    def evaluate_all(self, context: Context) -> dict[str, Evaluation]:
        """Every flag's evaluation by its name; Refused as for `revision`."""
        self._current()
        is_fresh = self.is_fresh
        return {name: _answer(compiled, context, is_fresh=is_fresh) for name, compiled in self._flags.items()}

    def _current(self) -> Snapshot:
        snapshot = self._replica.snapshot
        if snapshot is not self._snapshot:
            former, self._snapshot = self._flags, snapshot
            self._flags = {flag.name: _compiled(flag, former.get(flag.name)) for flag in snapshot.flags}
        return snapshot


def _compiled(flag: Flag, former: Compiled | None) -> Compiled:
    if former is not None and former.flag == flag:
        return former
    stale = Evaluation(Variant.LEGACY, Reason.STALE, flag.revision)
    return Compiled(flag, compile_flag(flag), stale if flag.is_live and not flag.is_stopped else None)


def _answer(compiled: Compiled, context: Context, *, is_fresh: bool) -> Evaluation:
    if compiled.stale is not None and not is_fresh:
        return compiled.stale
    return compiled.evaluate(context)
