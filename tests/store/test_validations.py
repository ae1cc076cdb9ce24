from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import Fenced, UnknownFlag, UnknownValidation
from crossfade.states import Verdict
from store import audit, flags, inter_phase, runs, validations
from store.flags import Change
from store.identifiers import uuid7
from store.inter_phase import Check
from store.validations import Checkpoint, Request, Result
from tests.builders import ENVIRONMENT, effect, publish, roll_back, served_run, started_migration

SHARE = Decimal("0.25")


async def open_one(connection: AsyncConnection, **changes: Any) -> Checkpoint:
    values: dict[str, Any] = {"name": "data", "sample": 300, "max_mismatch": 0.01, "share": SHARE, **changes}
    request = Request(environment=ENVIRONMENT, component="search", requested_by="ann", **values)
    return await validations.open(connection, request)


async def close(connection: AsyncConnection, checkpoint: Checkpoint, **changes: Any) -> Checkpoint:
    values: dict[str, Any] = {"verdict": Verdict.PASS, "compared": 300, "evidence": {"fields": {}}, **changes}
    return await validations.close(
        connection,
        environment=ENVIRONMENT,
        checkpoint_id=checkpoint.id,
        result=Result(**values),
        actor="crossfade",
    )


async def share(connection: AsyncConnection) -> Decimal:
    return (await flags.get(connection, environment=ENVIRONMENT, name="search")).shadow_share


async def report(
    connection: AsyncConnection, metric: str, count: int, *, revision: int, variant: str = "legacy", fields: str = "{}"
) -> None:
    """Stores a partial of comparisons, as the ingestion does."""
    series = await connection.execute(
        text(
            "insert into metric_series (environment, component, variant, metric, kind) "
            "values (:e, 'search', :v, :m, 'counter') on conflict (environment, component, variant, metric, kind) "
            "do update set kind = 'counter' returning id"
        ),
        {"e": ENVIRONMENT, "v": variant, "m": metric},
    )
    await connection.execute(
        text(
            "insert into migration_metrics (series_id, bucket, revision, epoch, count, details, batch_id) "
            "values (:s, now(), :r, 1, :c, cast(:d as jsonb), gen_random_uuid())"
        ),
        {"s": series.scalar_one(), "r": revision, "c": count, "d": fields},
    )


async def test_an_open_checkpoint_compares_a_share_of_the_calls_in_the_same_step(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    checkpoint = await open_one(connection, run_id=run.id, epoch=run.epoch)
    assert await share(connection) == SHARE
    assert (checkpoint.run_id, checkpoint.epoch, checkpoint.step, checkpoint.state) == (run.id, run.epoch, 1, "open")
    row = await connection.execute(
        text("select run_id, step from flag_revisions where revision = :r"), {"r": checkpoint.opened_revision}
    )
    assert tuple(row.one()) == (run.id, 1)
    assert await validations.get(connection, checkpoint_id=checkpoint.id) == checkpoint


async def test_a_checkpoint_by_hand_belongs_to_the_live_run(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    assert (await open_one(connection)).run_id == run.id


async def test_a_checkpoint_without_a_run_stands_alone(connection: AsyncConnection) -> None:
    await flags.put(
        connection, environment=ENVIRONMENT, name="search", change=Change(enabled=True), actor="ann", reason=""
    )
    checkpoint = await open_one(connection)
    assert (checkpoint.run_id, checkpoint.step) == (None, None)
    await close(connection, checkpoint)
    assert await share(connection) == 0


async def test_closing_stores_the_verdict_and_ends_the_comparing(connection: AsyncConnection) -> None:
    await served_run(connection)
    checkpoint = await open_one(connection)
    evidence = {"fields": {"name": 3}}
    closed = await close(connection, checkpoint, mismatched=3, lower=0.002, upper=0.03, evidence=evidence)
    assert await share(connection) == 0
    assert (closed.verdict, closed.compared, closed.mismatched) == (Verdict.PASS, 300, 3)
    assert (closed.lower, closed.upper, closed.evidence) == (0.002, 0.03, evidence)
    assert closed.closed_revision == checkpoint.opened_revision + 1
    assert await validations.get(connection, checkpoint_id=checkpoint.id) == closed


async def test_closing_twice_gives_the_first_verdict(connection: AsyncConnection) -> None:
    await served_run(connection)
    checkpoint = await open_one(connection)
    first = await close(connection, checkpoint)
    assert await close(connection, checkpoint, verdict=Verdict.FAIL) == first


async def test_opening_twice_for_one_effect_opens_once(connection: AsyncConnection) -> None:
    await served_run(connection)
    first = await open_one(connection, effect="validate/2")
    rows = await audit.find_all(connection, environment=ENVIRONMENT)
    assert await open_one(connection, effect="validate/2") == first
    assert await audit.find_all(connection, environment=ENVIRONMENT) == rows


async def test_a_run_that_rolls_back_opens_no_checkpoint(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    await roll_back(connection)
    with pytest.raises(Fenced):
        await open_one(connection, run_id=run.id, epoch=run.epoch)


async def test_a_rollback_ends_the_comparing_for_good(connection: AsyncConnection) -> None:
    await served_run(connection)
    checkpoint = await open_one(connection)
    await roll_back(connection)
    assert await share(connection) == 0
    await close(connection, checkpoint, verdict=Verdict.INCONCLUSIVE)
    assert await share(connection) == 0


async def test_one_of_two_checkpoints_closes_without_ending_the_other(connection: AsyncConnection) -> None:
    await served_run(connection)
    wide = await open_one(connection, share=Decimal("0.5"))
    narrow = await open_one(connection)
    assert await share(connection) == Decimal("0.5")
    await close(connection, wide)
    assert await share(connection) == SHARE
    await close(connection, narrow)
    assert await share(connection) == 0


async def test_only_calls_that_started_while_it_was_open_count(connection: AsyncConnection) -> None:
    run = await served_run(connection)
    checkpoint = await open_one(connection)
    before, during = checkpoint.opened_revision - 1, checkpoint.opened_revision
    await report(connection, "comparisons", 1000, revision=before)
    await report(connection, "comparisons", 200, revision=during)
    await report(connection, "comparisons", 100, revision=during, variant="candidate")
    await report(connection, "mismatches", 2, revision=during, fields='{"name": 2}')
    await report(connection, "mismatches", 3, revision=during, variant="candidate", fields='{"name": 1, "city": 2}')
    await report(connection, "requests", 5000, revision=during)
    counts = await validations.counts(connection, checkpoint)
    assert (counts.compared, counts.mismatched, counts.fields) == (300, 5, {"name": 3, "city": 2})
    closed = await close(connection, checkpoint)
    later = await publish(connection, run, step=2, percentage=50)
    await report(connection, "comparisons", 400, revision=later.revision)
    assert (await validations.counts(connection, closed)).compared == 300


async def test_a_checkpoint_of_nothing_or_of_elsewhere_is_unknown(connection: AsyncConnection) -> None:
    with pytest.raises(UnknownFlag):
        await open_one(connection)
    await served_run(connection)
    checkpoint = await open_one(connection)
    with pytest.raises(UnknownValidation):
        await validations.get(connection, checkpoint_id=checkpoint.id, environment="staging")
    with pytest.raises(UnknownValidation):
        await validations.get(connection, checkpoint_id=uuid7())
    assert await validations.list(connection, environment=ENVIRONMENT, component="search") == (checkpoint,)


async def test_a_lowered_run_keeps_what_is_compared(connection: AsyncConnection) -> None:
    await served_run(connection)
    await open_one(connection)
    await runs.lower(
        connection, environment=ENVIRONMENT, component="search", percentage=Decimal(5), actor="ann", reason=""
    )
    assert await share(connection) == SHARE


async def test_an_inter_phase_check_is_stored_once(connection: AsyncConnection) -> None:
    migration = await started_migration(connection)
    check = Check(
        environment=ENVIRONMENT,
        migration_id=migration.id,
        phase="phase-1",
        name="selfcheck",
        type="http",
        verdict=Verdict.FAIL,
        evidence={"status": 500},
        effect=effect("gate"),
    )
    first = await inter_phase.record(connection, check)
    assert await inter_phase.record(connection, check) == first
    assert await inter_phase.list(connection, migration_id=migration.id) == (first,)
    assert (first.verdict, first.evidence) == (Verdict.FAIL, {"status": 500})
