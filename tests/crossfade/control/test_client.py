"""The client against a real API: what a person orders, and what comes back."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.control import (
    AccessDenied,
    AsyncClient,
    Client,
    Conflict,
    ControlError,
    Invalid,
    NotFound,
    Unavailable,
    Unusable,
)
from tests.api.conftest import ADMIN, SDK
from tests.builders import served_run, started_migration
from tests.crossfade.control.conftest import Api

PLAN = """
apiVersion: crossfade/v1
kind: MigrationPlan
metadata: {{name: {name}}}
environment: {environment}
phases:
  - name: only
    components: [{{name: {name}-search, ramp: {{percentages: [10, 100], hold: 1h}}}}]
"""


def plan(api: Api, name: str) -> str:
    return PLAN.format(name=name, environment=api.environment)


async def live_migration(connection: AsyncConnection, environment: str) -> UUID:
    migration = await started_migration(connection, ("stopped",), name="stop", environment=environment)
    await served_run(connection, "stopped", environment=environment, migration_id=migration.id)
    return migration.id


def test_health_needs_no_token_and_says_what_does_not_work(api: Api) -> None:
    with Client(api.url) as nobody:
        health = nobody.health_check()

    assert not health.healthy
    assert "Temporal does not answer: nothing advances. Rollback and emergency stop still work." in health.issues
    assert health.raw["environment"] == api.environment


def test_a_plan_is_started_and_found_again(api: Api, client: Client) -> None:
    started = client.start_migration(plan(api, "found"))

    (migration,) = [one for one in client.migrations() if one.id == started.id]
    assert (started.name, started.number, started.status, started.is_live) == ("found", 1, "pending", True)
    assert migration.started_at == started.started_at
    assert [phase.name for phase in client.phases(started.id)] == ["only"]
    (component,) = client.components(started.id)
    assert (component.name, component.phase, component.steps, component.has_ended) == ("found-search", "only", 2, False)


def test_a_plan_may_be_a_file(api: Api, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(plan(api, "file"))

    assert client.start_migration(file).name == "file"


def test_a_plan_whose_migration_is_live_is_a_conflict_that_names_it(api: Api, client: Client) -> None:
    first = client.start_migration(plan(api, "twice"))

    with pytest.raises(Conflict) as refused:
        client.start_migration(plan(api, "twice"))

    assert (refused.value.status, refused.value.kind) == (409, "migration-is-live")
    assert refused.value.more["migrationId"] == first.id
    assert str(refused.value) == "A migration of this name is already live. Wait for it to end, or abort it."


def test_a_refused_plan_says_each_problem_with_its_place(client: Client) -> None:
    with pytest.raises(Invalid) as refused:
        client.start_migration("apiVersion: crossfade/v1\nkind: Plan\nphases: []\n")

    assert refused.value.kind == "invalid-plan"
    assert "2:1: kind: must be 'MigrationPlan'" in refused.value.errors


def test_a_rollout_is_enabled_and_the_flag_is_read(client: Client) -> None:
    enabled = client.enable_gradual_rollout("by-hand", 25)

    assert (enabled.enabled, enabled.rollout_percentage, enabled.served_percentage) == (True, 25, 25)
    assert client.flag("by-hand") == enabled
    assert enabled in client.flags()


def test_a_flag_that_has_changed_since_is_left_alone(client: Client) -> None:
    first = client.set_percentage("changed", 10)
    client.set_percentage("changed", 20, revision=first.revision)

    with pytest.raises(Conflict) as refused:
        client.set_percentage("changed", 30, revision=first.revision)

    assert refused.value.kind == "precondition-failed"
    assert client.flag("changed").served_percentage == 20


@pytest.mark.parametrize("percentage", [-1, 101, float("nan"), float("inf")])
def test_a_senseless_percentage_is_not_even_sent(client: Client, percentage: float) -> None:
    with pytest.raises(Unusable):
        client.set_percentage("senseless", percentage)


def test_a_rollback_is_rehearsed_done_and_listed(api: Api, client: Client) -> None:
    api.change(lambda connection: served_run(connection, "taken-back", percentage=50, environment=api.environment))

    rehearsal = client.rehearse_rollback("taken-back")
    rollback = client.roll_back("taken-back", "High error rate detected")
    again = client.roll_back("taken-back")

    assert (rehearsal.component, rehearsal.from_percentage) == ("taken-back", 50)
    assert (rollback.state, rollback.trigger, rollback.reason) == ("running", "manual", "High error rate detected")
    assert [step.name for step in rollback.steps] == list(rehearsal.steps)
    assert again.id == rollback.id
    assert rollback.id in {one.id for one in client.rollbacks()}
    assert client.flag("taken-back").served_percentage == 0


def test_orders_to_workflows_are_taken_refused_or_cannot_be_given(api: Api, client: Client) -> None:
    migration = client.start_migration(plan(api, "told"))

    paused = client.pause(migration=migration.id, reason="lunch")
    with pytest.raises(Conflict) as not_running:
        client.pause("told-search")
    with pytest.raises(Unavailable) as away:
        client.approve("told-search", reason="fine")

    assert (paused.order, paused.answer) == ("pause", None)
    assert not_running.value.kind == "not-running"
    assert away.value.kind == "temporal-unavailable"


@pytest.mark.parametrize("targets", [{}, {"component": "a", "phase": "b"}, {"phase": "a", "migration": "b"}])
def test_a_pause_is_of_one_thing(client: Client, targets: dict[str, str]) -> None:
    with pytest.raises(Unusable, match="name one of component, phase and migration"):
        client.pause(**targets)


@pytest.mark.parametrize(
    "name", ["unknown", "../../health", "..", ".", "a/b", "a?b=c", "%2e%2e", "\N{GREEK SMALL LETTER PI}", "\udc80"]
)
def test_a_name_leads_to_no_other_route(client: Client, name: str) -> None:
    with pytest.raises((NotFound, Invalid)) as refused:
        client.component(name)

    assert refused.value.kind in {"unknown-component", "invalid-request", "not-found"}


def test_a_stop_covers_one_migration_or_everything(api: Api) -> None:
    with Client(api.url, ADMIN) as client:
        migration = api.change(lambda connection: live_migration(connection, api.environment))
        client.enable_gradual_rollout("beside", 30)

        first = client.emergency_stop("fire", migration=str(migration))
        second = client.emergency_stop("fire")
        released = client.release_stop("over")

    assert first.flags == ("stopped",)
    assert {"beside", "stopped"} <= set(second.flags)
    assert released.epoch > second.epoch > first.epoch
    assert (second.is_proven, second.replicas_applied, second.clients_confirmed) == (True, 1, 0)


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("cf_admin_nobody_" + "x" * 43, 401), (SDK, 403)])
def test_a_token_that_may_not_is_denied(api: Api, token: str | None, status: int) -> None:
    with Client(api.url, token) as client, pytest.raises(AccessDenied) as denied:
        client.flags()

    assert denied.value.status == status


def test_what_is_not_there_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound) as refused:
        client.flag("nobody-knows-it")

    assert str(refused.value) == "There is no such flag. GET /api/migration/feature-flags lists the flags."
    assert isinstance(refused.value, ControlError)


async def test_the_client_for_asyncio_does_the_same(api: Api) -> None:
    async with AsyncClient(api.url, ADMIN) as client:
        enabled = await client.enable_gradual_rollout("by-asyncio", 12.5)
        with pytest.raises(Conflict):
            await client.set_percentage("by-asyncio", 1, revision=enabled.revision - 1)

        assert await client.flag("by-asyncio") == enabled


def test_both_clients_know_the_same_orders() -> None:
    def orders(kind: type[Any]) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert orders(Client) ^ orders(AsyncClient) == {"subscribe", "updates"}
