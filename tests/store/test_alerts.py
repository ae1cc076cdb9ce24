from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from crossfade.states import Severity
from store import alerts
from store.alerts import Fired
from store.identifiers import uuid7

RUN = uuid7()


async def fire(
    connection: AsyncConnection, rule: str = "error-rate", run_id: UUID | None = RUN, environment: str = "test"
) -> Fired:
    return await alerts.fire(
        connection,
        environment=environment,
        component="search",
        rule=rule,
        run_id=run_id,
        severity=Severity.HIGH,
        evidence={"rule": rule, "sentence": f"{rule} is bad", "value": 0.5},
    )


async def test_an_alert_keeps_its_evidence(connection: AsyncConnection) -> None:
    await fire(connection)
    (alert,) = await alerts.list(connection, environment="test")
    assert (alert.rule, alert.state, alert.severity, alert.run_id) == ("error-rate", "firing", Severity.HIGH, RUN)
    assert (alert.summary, alert.evidence["value"]) == ("error-rate is bad", 0.5)


async def test_one_alert_is_open_for_each_rule_component_and_run(connection: AsyncConnection) -> None:
    first, again = await fire(connection), await fire(connection)
    assert (first.created, again) == (True, Fired(first.id, created=False))
    others = [await fire(connection, "memory"), await fire(connection, run_id=uuid7())]
    others.append(await fire(connection, environment="other"))
    assert all(other.created for other in others)


async def test_an_alert_without_a_run_is_open_once(connection: AsyncConnection) -> None:
    assert [(await fire(connection, run_id=None)).created for _ in range(3)] == [True, False, False]


async def test_a_restart_does_not_raise_an_open_alert_again(engine: AsyncEngine) -> None:
    for _ in range(3):
        async with engine.begin() as connection:
            await fire(connection)
    async with engine.connect() as connection:
        assert len(await alerts.list(connection, environment="test")) == 1


async def test_a_resolved_alert_may_be_raised_anew(connection: AsyncConnection) -> None:
    first = await fire(connection)
    await alerts.resolve(connection, ids=[first.id])
    assert await alerts.unresolved(connection, environment="test") == ()
    second = await fire(connection)
    assert second.created
    assert [alert.id for alert in await alerts.unresolved(connection, environment="test")] == [second.id]
    states = {alert.id: (alert.state, alert.resolved_by) for alert in await alerts.list(connection, environment="test")}
    assert states == {first.id: ("resolved", "crossfade"), second.id: ("firing", None)}


async def test_resolving_twice_keeps_who_came_first(connection: AsyncConnection) -> None:
    fired = await fire(connection)
    await alerts.resolve(connection, ids=[fired.id], by="alice")
    await alerts.resolve(connection, ids=[fired.id], by="bob")
    (alert,) = await alerts.list(connection, environment="test")
    assert alert.resolved_by == "alice"


async def test_environments_are_apart(connection: AsyncConnection) -> None:
    await fire(connection, environment="other")
    assert await alerts.list(connection, environment="test") == ()
    assert await alerts.unresolved(connection, environment="test") == ()


async def test_the_newest_alerts_come_first_and_no_more_than_asked_for(connection: AsyncConnection) -> None:
    for rule in ("a", "b", "c"):
        await fire(connection, rule)
    assert [alert.rule for alert in await alerts.list(connection, environment="test", limit=2)] == ["c", "b"]
