"""The state of an environment read from its tables, to be compared with what the audit replays."""

import json

from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.flags import to_definition
from store import (
    audit,
    components,
    documents,
    flags,
    inter_phase,
    migrations,
    phases,
    retirements,
    rollbacks,
    run_rows,
    validations,
)
from store.documents import Document
from store.rollback_rows import image as rollback_image
from store.tables import runs

State = dict[tuple[str, str], Document]
ORDERS = {"stop"}  # what a person ordered; not an aggregate with a state of its own


async def replayed(connection: AsyncConnection, environment: str) -> State:
    """The last image of each aggregate; asserts on the way that each row begins where the one before it ended."""
    state: State = {}
    rows = await audit.find_all(connection, environment=environment, limit=100_000)
    versions: dict[tuple[str, str], int] = {}
    for row in reversed(rows):
        aggregate = (row.kind, row.key)
        versions[aggregate] = versions.get(aggregate, 0) + 1
        assert row.version == versions[aggregate], f"a gap in {aggregate}"
        if row.kind in ORDERS:
            continue
        assert row.before == state.get(aggregate), f"{row.action} of {aggregate} began elsewhere"
        if row.after is None:  # an archived flag
            del state[aggregate]
        else:
            state[aggregate] = row.after
    return state


async def stored(connection: AsyncConnection, environment: str) -> State:
    """The image of each aggregate as its row is now."""
    state: State = {("flag", flag.name): to_definition(flag) for flag in await flags.all(connection, environment)}
    rows = await connection.execute(run_rows.query().where(runs.c.environment == environment))
    for run in map(run_rows.from_row, rows.mappings()):
        state["run", run.key] = run_rows.image(run)
    for rollback in await rollbacks.list(connection, environment=environment, limit=10_000):
        state["rollback", rollback.key] = rollback_image(rollback)
    for checkpoint in await validations.list(connection, environment=environment, limit=10_000):
        state["validation", str(checkpoint.id)] = validations.image(checkpoint)
    for retirement in await retirements.list(connection, environment=environment):
        state["retirement", retirement.component] = retirements.image(retirement)
    for migration in await migrations.list(connection, environment=environment, limit=10_000):
        state["migration", migration.key] = {"status": migration.status.value}
        for phase in await phases.list(connection, migration_id=migration.id):
            state["phase", phase.key] = {"status": phase.status.value}
        for component in await components.list(connection, migration_id=migration.id):
            state["component", component.key] = components.image(component)
        for check in await inter_phase.list(connection, migration_id=migration.id):
            key = f"{check.migration_id}/{check.phase}/{check.name}"
            state["inter_phase", key] = {"verdict": check.verdict.value, "id": str(check.id)}
    return {aggregate: plain(image) for aggregate, image in state.items()}


def plain(image: Document) -> Document:
    """The image as it comes back from the database."""
    document: Document = json.loads(documents.dumps(image))
    return document


async def assert_audited(connection: AsyncConnection, environment: str) -> None:
    """Replaying the audit gives the state, and its chain holds."""
    assert await replayed(connection, environment) == await stored(connection, environment)
    assert await audit.first_broken(connection, environment) is None
