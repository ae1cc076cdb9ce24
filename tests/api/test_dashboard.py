"""The dashboard says what was written through the API, and nothing else."""

from decimal import Decimal

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.dashboard_example import EXAMPLE
from crossfade.states import ComponentStatus, PhaseStatus, Severity, Verdict
from store import alerts, flags, inter_phase, migrations, monitors, phases, stops, validations
from store.identifiers import uuid7
from store.inter_phase import Check
from store.migrations import Migration
from tests.builders import roll_back, started_migration
from tests.dashboards import DASHBOARD, half_way, report, revision_of, row, shown


@pytest.fixture
async def migration(engine: AsyncEngine, environment: str) -> Migration:
    return await half_way(engine, environment)


# -- state


async def test_an_environment_without_a_migration_says_so(admin: httpx.AsyncClient, environment: str) -> None:
    document = await shown(admin)

    assert document["environment"] == environment
    assert document["migration"] is None
    assert document["progress"]["components"] == 0
    assert document["progress"]["percentage"] is None
    assert document["alerts"] == {
        "total": 0,
        "bySeverity": {"critical": 0, "high": 0, "medium": 0, "low": 0},
        "active": [],
    }
    lists = ("phases", "components", "rollbacks", "validations", "experiments")
    assert [document[name] for name in lists] == [[], [], [], [], []]
    assert {value for each in document["performance"]["series"] for _, value in each["points"]} == {None}


async def test_it_says_where_the_migration_and_its_parts_stand(admin: httpx.AsyncClient, migration: Migration) -> None:
    document = await shown(admin)

    assert document["migration"]["id"] == str(migration.id)
    assert document["migration"]["status"] == "pending"
    assert document["migration"]["workflowId"] == migration.workflow_id
    counts = {name: count for name, count in document["progress"]["byStatus"].items() if count}
    assert counts == {"ramping": 1, "completed": 1, "pending": 1}
    assert {name: value for name, value in document["progress"].items() if name != "byStatus"} == {
        "percentage": 50.0,
        "components": 3,
        "completed": 1,
        "ramping": 1,
        "rolledBack": 0,
    }
    assert [(phase["name"], phase["components"], phase["percentage"]) for phase in document["phases"]] == [
        ("phase-1", ["search", "errors"], 75.0),
        ("phase-2", ["cache"], 0.0),
    ]
    assert [part["stepPercentages"] for part in document["components"]] == [[10, 50, 100]] * 3


@pytest.mark.usefixtures("migration")
async def test_its_components_are_those_of_the_list_of_components(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await roll_back(connection, "search", environment=environment)

    listed = (await admin.get("/api/migration/components")).json()["components"]
    parts = (await shown(admin))["components"]

    names = ("name", "phase", "status", "percentage", "step", "steps", "waitingFor", "verdict", "reason", "runId")
    assert [{name: part[name] for name in names} for part in parts] == [
        {name: part[name] for name in names} for part in listed
    ]
    assert [part["status"] for part in parts] == ["rolling_back", "completed", "pending"]


async def test_the_live_migration_is_shown_although_a_newer_one_has_ended(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        live = await started_migration(connection, ("search",), name="old", environment=environment)
        newer = await started_migration(connection, ("cache",), name="new", environment=environment)
        await stops.stop(connection, environment=environment, migration_id=newer.id, actor="ann", reason="drill")

    assert (await shown(admin))["migration"]["id"] == str(live.id)
    assert (await shown(admin, migrationId=str(newer.id)))["migration"]["status"] == "failed"


async def test_a_migration_or_component_that_does_not_exist_is_404(
    admin: httpx.AsyncClient, migration: Migration, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        elsewhere = await started_migration(connection, ("search",), environment=f"{migration.environment}-2")

    answers = [
        await admin.get(DASHBOARD + path, params=query)
        for path in ("", "/stream")
        for query in ({"migrationId": str(uuid7())}, {"migrationId": str(elsewhere.id)}, {"component": "nobody"})
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["type"].rpartition(":")[2] for answer in answers} == {
        "unknown-migration",
        "unknown-component",
    }


async def test_checks_of_phases_are_shown_with_their_verdicts(
    admin: httpx.AsyncClient, migration: Migration, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await phases.set_status(
            connection, migration_id=migration.id, name="phase-1", status=PhaseStatus.RUNNING, actor="crossfade"
        )
        check = Check(
            environment=environment,
            migration_id=migration.id,
            phase="phase-1",
            name="self-check",
            type="http",
            verdict=Verdict.FAIL,
            evidence={},
        )
        await inter_phase.record(connection, check)

    first, second = (await shown(admin))["phases"]

    assert (first["status"], second["status"]) == ("running", "pending")
    assert first["startedAt"] is not None
    assert [(check["name"], check["verdict"]) for check in first["checks"]] == [("self-check", "fail")]
    assert second["checks"] == []


# -- history


async def test_alerts_are_counted_by_severity_until_they_are_resolved(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    fired: list[alerts.Fired] = []
    async with engine.begin() as connection:
        for number, severity in enumerate([Severity.LOW, Severity.HIGH, Severity.CRITICAL, Severity.HIGH]):
            evidence = {"sentence": f"number {number}"}
            fired.append(
                await alerts.fire(
                    connection,
                    environment=environment,
                    component="search",
                    rule=f"rule {number}",
                    run_id=None,
                    severity=severity,
                    evidence=evidence,
                )
            )
        await alerts.resolve(connection, ids=[fired[-1].id])

    document = await shown(admin)

    assert document["alerts"]["total"] == 3
    assert document["alerts"]["bySeverity"] == {"critical": 1, "high": 1, "medium": 0, "low": 1}
    active = [(alert["severity"], alert["sentence"], alert["rule"]) for alert in document["alerts"]["active"]]
    assert active == [("critical", "number 2", "rule 2"), ("high", "number 1", "rule 1"), ("low", "number 0", "rule 0")]
    assert document["systemHealth"]["cause"] == "search: number 2"


@pytest.mark.usefixtures("migration")
async def test_rollbacks_and_validations_are_shown_with_reason_and_steps(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    request = validations.Request(
        environment=environment,
        component="search",
        name="same-results",
        sample=100,
        max_mismatch=0.01,
        share=Decimal(1),
        requested_by="ann",
    )
    result = validations.Result(verdict=Verdict.FAIL, compared=80, mismatched=20, lower=0.1, upper=0.3, evidence={})
    async with engine.begin() as connection:
        opened = await validations.open(connection, request)
        await validations.close(
            connection, environment=environment, checkpoint_id=opened.id, result=result, actor="crossfade"
        )
        await roll_back(connection, "search", environment=environment, reason="it hurts")

    document = await shown(admin)

    (rollback,) = document["rollbacks"]
    assert (rollback["component"], rollback["reason"], rollback["state"]) == ("search", "it hurts", "running")
    assert (rollback["fromPercentage"], rollback["toPercentage"]) == (50, 0)
    assert [step["state"] for step in rollback["steps"]] == ["pending"] * 4
    (validation,) = document["validations"]
    names = ("name", "verdict", "compared", "mismatched", "sample", "lower", "upper")
    assert [validation[name] for name in names] == ["same-results", "fail", 80, 20, 100, 0.1, 0.3]
    assert document["progress"]["rolledBack"] == 1
    assert "search is being rolled back; its traffic is on legacy." in document["systemHealth"]["issues"]


async def test_only_the_newest_twenty_rollbacks_are_shown(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    on = flags.Change(enabled=True, percentage=Decimal(10))
    async with engine.begin() as connection:
        for number in range(21):
            name = f"flag-{number}"
            await flags.put(connection, environment=environment, name=name, change=on, actor="ann", reason="")
            await roll_back(connection, name, environment=environment)

    newest = [rollback["component"] for rollback in (await shown(admin))["rollbacks"]]

    assert newest == [f"flag-{number}" for number in range(20, 0, -1)]


async def test_an_experiment_is_shown_as_its_newest_result_says(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    insert = text(
        "insert into statistical_results (id, environment, experiment, component, metric, method, valid, estimate,"
        " log_p, evidence, computed_at) values (:id, :environment, 'ramp', 'search', 'errorRate', 'mixture', true,"
        " :estimate, :log_p, '{}', now() - make_interval(secs => :ago))"
    )
    async with engine.begin() as connection:
        for estimate, log_p, ago in ((0.2, -1.0, 60), (0.1, 0.0, 0)):
            values = {"id": uuid7(), "environment": environment, "estimate": estimate, "log_p": log_p, "ago": ago}
            await connection.execute(insert, values)

    (experiment,) = (await shown(admin))["experiments"]

    assert (experiment["experiment"], experiment["estimate"], experiment["pValue"]) == ("ramp", 0.1, 1.0)
    assert experiment["lower"] is None


# -- health


@pytest.mark.usefixtures("migration")
async def test_a_stop_of_the_environment_fails_with_its_reason(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    async with engine.begin() as connection:
        await stops.stop(connection, environment=environment, migration_id=None, actor="ann", reason="drill")

    document = await shown(admin)

    assert document["systemHealth"]["status"] == "failing"
    assert document["systemHealth"]["cause"] == "An emergency stop is in force: drill"
    assert document["progress"]["byStatus"]["stopped"] == 3


@pytest.mark.usefixtures("migration")
async def test_a_live_run_that_nobody_judges_fails(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    before = (await shown(admin))["systemHealth"]
    async with engine.begin() as connection:
        await monitors.tick(connection, environment)
        late = text("update monitors set ticked_at = ticked_at - interval '60 s' where environment = :environment")
        await connection.execute(late, {"environment": environment})

    after = (await shown(admin, window="15m"))["systemHealth"]

    assert before["issues"] == [
        "Temporal does not answer: nothing advances. Rollback and emergency stop still work.",
    ]
    assert (before["status"], before["healthy"]) == ("degraded", False)
    assert after["status"] == "failing"
    assert after["cause"].startswith("No worker has judged for 60 s")


# -- the document


def shape(value: object) -> object:
    """The names of a document's members, those of a list's first element for the list."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


@pytest.mark.usefixtures("migration")
async def test_the_example_of_the_documentation_has_the_members_of_a_real_answer(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    await report(
        admin,
        row(await revision_of(admin, "search"), "requests", 1),
        row(await revision_of(admin, "search"), "requests", 1, variant="legacy"),
    )
    async with engine.begin() as connection:
        await alerts.fire(
            connection,
            environment=environment,
            component="search",
            rule="slow",
            run_id=None,
            severity=Severity.HIGH,
            evidence={},
        )

    assert shape(await shown(admin)) == shape(EXAMPLE)


@pytest.mark.parametrize(
    "query",
    [
        {"window": "1d"},
        {"component": "../etc"},
        {"migrationId": "x"},
        {"component": ""},
    ],
    ids=repr,
)
async def test_a_query_that_makes_no_sense_is_422(admin: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await admin.get(DASHBOARD, params=query)).status_code == 422


async def test_every_status_of_a_component_is_counted(
    admin: httpx.AsyncClient, engine: AsyncEngine, environment: str
) -> None:
    names = [status.value.replace("_", "-") for status in ComponentStatus]
    async with engine.begin() as connection:
        made = await started_migration(connection, names, environment=environment)
        for name, status in zip(names, ComponentStatus, strict=True):
            change = text("update migration_components set status = :status where migration_id = :id and name = :name")
            await connection.execute(change, {"status": status.value, "id": made.id, "name": name})
        assert len(await migrations.list(connection, environment=environment)) == 1

    progress = (await shown(admin))["progress"]

    assert set(progress["byStatus"].values()) == {1}
    assert (progress["completed"], progress["ramping"], progress["rolledBack"]) == (1, 1, 2)
    assert progress["percentage"] == 20.0
