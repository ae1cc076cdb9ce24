"""A component as JSON: its place in the migration, its run, the last reading, both sides' figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from api.shown import shown
from crossfade.flags import Flag
from crossfade.percentages import ZERO
from crossfade.states import Variant
from store import flags, runs, totals
from store.components import Component
from store.engine import AsyncConnection
from store.runs import Run
from store.totals import Totals

_NOT_FIGURES = frozenset({"runId", "variant"})


@dataclass(frozen=True, slots=True)
class Background:
    """What belongs to a list of components, read at once."""

    runs: Mapping[UUID, Run] = field(default_factory=dict)
    totals: Mapping[tuple[UUID, Variant], Totals] = field(default_factory=dict)
    flags: Mapping[str, Flag] = field(default_factory=dict)


async def component_shown(connection: AsyncConnection, component: Component) -> dict[str, object]:
    """One component with everything that is known about it."""
    (only,) = await components_shown(connection, [component])
    return only


async def components_shown(connection: AsyncConnection, found: Sequence[Component]) -> list[dict[str, object]]:
    """Components with everything that is known about them, in four queries whatever their number."""
    if not found:
        return []
    run_ids = [component.run_id for component in found if component.run_id]
    background = Background(
        runs=await runs.find_all(connection, run_ids),
        totals={(one.run_id, one.variant): one for one in await totals.totals(connection, run_ids=run_ids)},
        flags={flag.name: flag for flag in await flags.all(connection, found[0].environment)},
    )
    return [_shown(component, background) for component in found]


def _shown(component: Component, background: Background) -> dict[str, object]:
    run = background.runs.get(component.run_id) if component.run_id else None
    reading = (run.reading if run else None) or {}
    return {
        "name": component.name,
        "phase": component.phase,
        "migrationId": str(component.migration_id),
        "status": component.status,
        "reason": component.reason,
        "waitingFor": component.waiting_for,
        "step": run.step if run else 0,
        "steps": len(component.plan.steps),
        "percentage": shown(_percentage(component, run, background)),
        "verdict": reading.get("verdict"),
        "reading": reading or None,
        "judgedAt": shown(run.judged_at) if run else None,
        **_run(run),
        **_figures(run, background),
    }


def _run(run: Run | None) -> dict[str, object]:
    return {
        "runId": str(run.id) if run else None,
        "runState": run.state if run else None,
        "attempt": run.attempt if run else None,
        "startedAt": shown(run.started_at) if run else None,
        "finishedAt": shown(run.finished_at) if run else None,
    }


def _percentage(component: Component, run: Run | None, background: Background) -> Decimal:
    """What is served now; of a run that a newer one has followed, what it ended with."""
    flag = background.flags.get(component.name)
    if flag is not None and (run is None or run.epoch == flag.epoch):
        return flag.served_percentage
    return run.percentage if run else ZERO


def _figures(run: Run | None, background: Background) -> dict[str, object]:
    sides = [background.totals.get((run.id, variant)) if run else None for variant in Variant]
    return {
        **{variant.value: _side(side) for variant, side in zip(Variant, sides, strict=True)},
        "comparisons": {
            "compared": sum(side.comparisons for side in sides if side),
            "mismatched": sum(side.mismatches for side in sides if side),
        },
    }


def _side(totals_: Totals | None) -> dict[str, object] | None:
    if totals_ is None:
        return None
    figures = shown(totals_)
    assert isinstance(figures, dict)
    return {name: value for name, value in figures.items() if name not in _NOT_FIGURES}
