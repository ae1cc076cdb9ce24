import asyncio
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

import store
from store import flags
from store.engine import create_engine, normalise
from store.flags import Change
from store.tables import metadata

USER_TABLES = {
    "migration_phases",
    "migration_components",
    "data_validation_checkpoints",
    "migration_metrics",
    "ab_testing_cohorts",
    "statistical_results",
    "rollback_events",
    "alert_events",
    "inter_phase_validation",
    "user_behavior_tracking",
}
OBJECTS = """
select 'column', table_name || '.' || column_name, concat_ws(' ', data_type, numeric_precision, numeric_scale,
       is_nullable, column_default, identity_generation, generation_expression)
from information_schema.columns where table_schema = 'public'
union all
select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
from pg_constraint where connamespace = 'public'::regnamespace
union all
select 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
from pg_index join pg_class on pg_class.oid = indexrelid where relnamespace = 'public'::regnamespace
union all
select 'partitioning', partrelid::regclass::text, pg_get_partkeydef(partrelid) from pg_partitioned_table
"""


def database(url: str, name: str) -> str:
    return normalise(url).set(database=name).render_as_string(hide_password=False)


async def described(engine: AsyncEngine) -> set[tuple[str, str, str]]:
    """Everything that a database is made of, apart from partitions and alembic's own table."""
    async with engine.connect() as connection:
        children = set((await connection.execute(text("select inhrelid::regclass::text from pg_inherits"))).scalars())
        rows = {tuple(row) for row in await connection.execute(text(OBJECTS))}
    apart = {"alembic_version", *children}
    return {row for row in rows if row[1].split(".")[0] not in apart and not row[1].startswith("alembic_version")}


async def test_the_tables_and_the_migrations_agree(engine: AsyncEngine, postgres_url: str) -> None:
    name = f"models_{uuid4().hex[:12]}"
    server = create_engine(postgres_url)
    async with server.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text(f"create database {name}"))
    models = create_engine(database(postgres_url, name))
    try:
        async with models.begin() as connection:
            await connection.run_sync(metadata.create_all)
        assert await described(models) == await described(engine)
    finally:
        await models.dispose()
        async with server.connect() as connection:
            autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await autocommit.execute(text(f"drop database {name} with (force)"))
        await server.dispose()


async def test_the_ten_tables_have_the_user_s_names(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        tables = await connection.execute(text("select table_name from information_schema.tables"))
        assert set(tables.scalars()) >= USER_TABLES


async def test_every_time_knows_its_zone_and_every_document_is_binary(engine: AsyncEngine) -> None:
    columns = "select table_name || '.' || column_name from information_schema.columns where table_schema = 'public'"
    async with engine.connect() as connection:
        wrong = await connection.execute(
            text(f"{columns} and data_type in ('timestamp without time zone', 'json', 'character varying')")
        )
        assert set(wrong.scalars()) <= {"alembic_version.version_num"}


async def test_migrating_twice_and_at_once_is_migrating_once(engine: AsyncEngine, database_url: str) -> None:
    before = await described(engine)
    await asyncio.gather(store.migrate(database_url), store.migrate(database_url))
    assert await described(engine) == before


async def test_an_empty_database_may_be_migrated_by_two_at_once(postgres_url: str) -> None:
    name = f"empty_{uuid4().hex[:12]}"
    server = create_engine(postgres_url)
    async with server.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text(f"create database {name}"))
        url = database(postgres_url, name)
        await asyncio.gather(store.migrate(url), store.migrate(url))
        await autocommit.execute(text(f"drop database {name} with (force)"))
    await server.dispose()


async def test_partitions_are_there_thirty_days_ahead(engine: AsyncEngine) -> None:
    partition = "'migration_metrics_' || to_char((now() at time zone 'UTC')::date + 30, 'YYYYMMDD')"
    async with engine.connect() as connection:
        found = await connection.execute(text(f"select to_regclass({partition}) is not null"))
        assert found.scalar_one()


async def test_a_plain_role_can_do_the_work_and_nothing_else(engine: AsyncEngine) -> None:
    role = f"plain_{uuid4().hex[:12]}"
    change = Change(enabled=True, percentage=Decimal(10))
    words: dict[str, Any] = {"environment": "test", "name": "search", "change": change, "actor": "ann", "reason": ""}
    async with engine.begin() as connection:
        await connection.execute(text(f"create role {role}"))
        await connection.execute(text(f"grant select, insert, update, delete on all tables in schema public to {role}"))
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"set local role {role}"))
            assert (await flags.put(connection, **words)).served_percentage == 10
        async with engine.begin() as connection:
            await connection.execute(text(f"set local role {role}"))
            with pytest.raises(DBAPIError, match="must be owner"):
                await connection.execute(text("alter table audit_log disable trigger all"))
    finally:
        async with engine.begin() as connection:
            await connection.execute(text(f"drop owned by {role}"))
            await connection.execute(text(f"drop role {role}"))
