"""Clients, replicas, monitors and tokens: who is there, and who may ask."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.upkeep import CALLERS_KEPT
from store import clients, monitors, replicas, tokens
from store.tokens import Token
from tests.builders import ENVIRONMENT


async def confirm(connection: AsyncConnection, client_id: str, revision: int) -> None:
    await clients.confirm(
        connection, environment=ENVIRONMENT, client_id=client_id, revision=revision, epoch=1, replica="r-1"
    )


async def behind(connection: AsyncConnection, revision: int) -> list[str]:
    found = await clients.behind(connection, environment=ENVIRONMENT, revision=revision)
    return [client.client_id for client in found]


async def test_a_client_is_behind_until_it_confirms_the_revision(connection: AsyncConnection) -> None:
    await confirm(connection, "a", 7)
    await confirm(connection, "b", 8)
    assert await behind(connection, 8) == ["a"]
    await confirm(connection, "a", 8)
    assert await behind(connection, 8) == []


async def test_a_client_that_is_silent_for_five_seconds_is_not_waited_for(connection: AsyncConnection) -> None:
    await confirm(connection, "a", 7)
    await connection.execute(text("update sdk_clients set seen_at = seen_at - interval '5.1 seconds'"))
    assert await behind(connection, 8) == []
    within = timedelta(minutes=1)
    (client,) = await clients.list(connection, environment=ENVIRONMENT, within=within)
    assert (client.client_id, client.revision, client.replica) == ("a", 7, "r-1")


async def test_a_client_that_leaves_is_forgotten(connection: AsyncConnection) -> None:
    await confirm(connection, "a", 7)
    await clients.leave(connection, environment=ENVIRONMENT, client_id="a")
    assert await behind(connection, 8) == []


async def test_environments_have_clients_of_their_own(connection: AsyncConnection) -> None:
    await confirm(connection, "a", 7)
    assert await clients.behind(connection, environment="staging", revision=8) == ()


FIRST, SECOND = uuid4(), uuid4()


async def serve(connection: AsyncConnection, process: UUID, revision: int = 1) -> bool:
    return await replicas.confirm(
        connection, environment=ENVIRONMENT, replica="r-1", process=process, revision=revision, epoch=0
    )


async def test_a_replica_is_known_until_it_leaves(connection: AsyncConnection) -> None:
    for revision in (1, 2):
        assert await serve(connection, FIRST, revision)
    known = text("select revision from replicas")
    assert (await connection.execute(known)).scalars().all() == [2]
    await replicas.leave(connection, process=SECOND)
    assert (await connection.execute(known)).scalars().all() == [2]
    await replicas.leave(connection, process=FIRST)
    assert (await connection.execute(known)).scalars().all() == []


async def test_a_name_goes_to_the_next_process_only_after_the_lease_of_the_last(connection: AsyncConnection) -> None:
    await serve(connection, FIRST)
    assert not await serve(connection, SECOND, revision=9)
    await connection.execute(text("update replicas set seen_at = seen_at - interval '2.3 seconds'"))
    assert await serve(connection, SECOND, revision=9)
    assert not await serve(connection, FIRST)
    assert (await connection.execute(text("select process, revision from replicas"))).all() == [(SECOND, 9)]


async def test_replicas_and_clients_are_forgotten_after_a_week_of_silence(connection: AsyncConnection) -> None:
    await serve(connection, FIRST)
    await confirm(connection, "a", 7)
    for table, forget in (("replicas", replicas.forget), ("sdk_clients", clients.forget)):
        await connection.execute(text(f"update {table} set seen_at = seen_at - interval '6.9 days'"))
        assert await forget(connection, older=CALLERS_KEPT) == 0
        await connection.execute(text(f"update {table} set seen_at = seen_at - interval '0.2 days'"))
        assert await forget(connection, older=CALLERS_KEPT) == 1


async def test_the_age_of_a_tick_grows_and_starts_anew(connection: AsyncConnection) -> None:
    assert await monitors.age(connection, ENVIRONMENT) is None
    await monitors.tick(connection, ENVIRONMENT)
    await connection.execute(text("update monitors set ticked_at = ticked_at - interval '1 hour'"))
    old = await monitors.age(connection, ENVIRONMENT)
    await monitors.tick(connection, ENVIRONMENT)
    new = await monitors.age(connection, ENVIRONMENT)
    assert old is not None
    assert new is not None
    assert new < timedelta(hours=1) <= old


@pytest.mark.parametrize("token", ["cf_admin_abc123_" + "s" * 43, "plain-secret", "cf_a_b", "ü\ud800"])
async def test_a_token_says_who_somebody_is(connection: AsyncConnection, token: str) -> None:
    await tokens.ensure(connection, token, role="admin", environment=None)
    assert await tokens.authenticate(connection, token) == Token("admin", None)
    assert await tokens.authenticate(connection, token + "x") is None


async def test_a_token_is_stored_as_its_hash_only(connection: AsyncConnection) -> None:
    await tokens.ensure(connection, "cf_sdk_abc_secret", role="sdk", environment=ENVIRONMENT)
    row = (await connection.execute(text("select to_jsonb(api_tokens)::text from api_tokens"))).scalar_one()
    assert "secret" not in row


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_a_token_that_has_ended_is_nobody_s(connection: AsyncConnection, column: str) -> None:
    await tokens.ensure(connection, "secret", role="viewer", environment=ENVIRONMENT)
    await connection.execute(text(f"update api_tokens set {column} = now() - interval '1 second'"))
    assert await tokens.authenticate(connection, "secret") is None


async def test_ensuring_a_token_again_changes_what_it_may_do(connection: AsyncConnection) -> None:
    await tokens.ensure(connection, "secret", role="viewer", environment=ENVIRONMENT)
    await tokens.ensure(connection, "secret", role="operator", environment=ENVIRONMENT)
    assert await tokens.authenticate(connection, "secret") == Token("operator", ENVIRONMENT)


async def test_a_client_s_token_has_an_environment(connection: AsyncConnection) -> None:
    with pytest.raises(IntegrityError, match="sdk_has_environment"):
        await tokens.ensure(connection, "secret", role="sdk", environment=None)
