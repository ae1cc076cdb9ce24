"""The last words of the demonstration: what has come out, read from the API."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from crossfade.states import PhaseStatus, Variant
from local.counts import Difference
from local.view import ComponentView, MigrationView, RollbackView

_FULL = Decimal(100)
# Those of a guardrail's and of a comparison's evidence, in the order in which a person asks for them.
_FIGURES = (
    *("metric", "value", "bound", "limit", "alpha", "events", "trials"),
    *("compared", "mismatched", "lower", "upper", "confidence"),
)


def summary(migration: MigrationView, rollbacks: Sequence[RollbackView], seconds: float) -> Iterator[str]:
    """The result in a few lines."""
    full = sum(component.percentage == _FULL for component in migration.components)
    phases = sum(phase.status is PhaseStatus.COMPLETED for phase in migration.phases)
    yield f"Migration {migration.name} #{migration.number}: {migration.status}"
    yield f"  components at 100 %  {full} of {len(migration.components)}"
    yield f"  phases completed     {phases} of {len(migration.phases)}"
    yield f"  rollbacks            {len(rollbacks)}"
    yield f"  time                 {seconds:.1f} s"
    for component in migration.components:
        yield f"  {_figures(component)}"


def of_rollback(rollback: RollbackView, percentage: float, migration: MigrationView) -> Iterator[str]:
    """What a rollback did, why, and what stands still because of it."""
    yield f"Rollback of {rollback.component}: {rollback.state}, its flag serves {percentage:g} %"
    yield f"  trigger  {rollback.trigger}"
    yield f"  reason   {rollback.reason}"
    figures = [
        f"{name} {_figure(rollback.evidence[name])}" for name in _FIGURES if rollback.evidence.get(name) is not None
    ]
    yield f"  figures  {', '.join(figures) or '-'}"
    for name, state in rollback.steps:
        yield f"  step     {name}: {state}"
    for phase in migration.phases:
        if phase.status is PhaseStatus.PAUSED:
            yield f"  phase    {phase.name}: {phase.status}, {phase.reason}"


def of_counts(compared: int, found: Sequence[Difference]) -> Iterator[str]:
    """Whether the API and the traffic generator have counted the same."""
    if not found:
        yield f"The API and the traffic generator agree on {compared} requests and their errors."
        return
    yield "The API and the traffic generator do NOT agree:"
    for difference in found:
        yield f"  {difference.component} {difference.variant}: API {difference.api}, traffic {difference.traffic}"


def _figures(component: ComponentView) -> str:
    legacy, candidate = component.sides[Variant.LEGACY], component.sides[Variant.CANDIDATE]
    rate = "-" if candidate.error_rate is None else f"{candidate.error_rate:.2%}"
    p95 = "-" if candidate.p95_ms is None else f"{candidate.p95_ms:.1f} ms"
    requests = f"{legacy.requests:>6} legacy  {candidate.requests:>6} candidate"
    return f"{component.name:<30} {component.percentage:>3} %  {requests}  candidate p95 {p95}, errors {rate}"


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
