"""An hour of samples of a migration, written as the API writes them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, product
from typing import Any

import numpy as np

from crossfade.intake import kind_of
from crossfade.plan.resolved import ComponentPlan, PhasePlan, Plan, Step
from crossfade.states import Variant
from crossfade.statistics.histogram import encode
from crossfade.trends import SERIES
from crossfade.wire import BUCKET_SECONDS, MEMORY_USAGE, RESPONSE_TIME
from store import migrations, runs, series
from store.engine import AsyncEngine
from store.identifiers import uuid7
from store.metrics import COLUMNS
from store.runs import Run

BUCKETS = 3600 // BUCKET_SECONDS
REQUESTS = 100
"""Of each side in each bucket."""
COPIED = 20_000
"""So many rows at once stay within the time limit of a statement, on a busy machine too."""


async def fill(engine: AsyncEngine, *, environment: str, components: int) -> None:
    """Start a migration whose components are all live at 50 %, and write an hour of samples of both sides."""
    parts = tuple(
        ComponentPlan(name=f"part-{number}", steps=(Step(percentage=Decimal(50)),)) for number in range(components)
    )
    plan = Plan(name="bench", environment=environment, phases=(PhasePlan(name="all", components=parts),))
    live = await _begun(engine, plan)
    names = {
        series.Name(run.component, variant.value, metric, kind_of(metric))
        for run, variant, metric in product(live, Variant, SERIES)
    }
    async with engine.begin() as connection:
        ids = await series.ids(connection, environment=environment, names=names)
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        rows = _rows(live, ids)
        while some := list(islice(rows, COPIED)):
            await driver.copy_records_to_table("migration_metrics", records=some, columns=COLUMNS)


async def _begun(engine: AsyncEngine, plan: Plan) -> list[Run]:
    async with engine.begin() as connection:
        migration = await migrations.create(connection, plan=plan, text="bench", actor="bench")
        return [
            await runs.begin(
                connection,
                environment=plan.environment,
                component=part.name,
                migration_id=migration.id,
                phase="all",
                plan=part,
                actor="bench",
                effect=f"begin/{part.name}",
            )
            for part in plan.phases[0].components
        ]


def _rows(live: list[Run], ids: dict[series.Name, int]) -> Iterator[tuple[object, ...]]:
    random = np.random.default_rng(1)
    histograms = [encode(random.lognormal(4, 0.6, REQUESTS)) for _ in range(50)]
    newest = int(datetime.now(UTC).timestamp()) // BUCKET_SECONDS * BUCKET_SECONDS
    batch = uuid7()
    for bucket, run, variant, metric in product(range(BUCKETS), live, Variant, SERIES):
        kind = kind_of(metric)
        at = datetime.fromtimestamp(newest, UTC) - timedelta(seconds=(BUCKETS - 1 - bucket) * BUCKET_SECONDS)
        identity = ids[series.Name(run.component, variant.value, metric, kind)]
        place = (identity, at, run.epoch, run.id, 0, run.epoch, "one" if metric == MEMORY_USAGE else None)
        count = REQUESTS if kind != "gauge" else 1
        histogram = histograms[bucket % len(histograms)] if metric == RESPONSE_TIME else b""
        yield (*place, count, 0, 0.5, 0.0, 0.0, 1.0, histogram, None, batch)
