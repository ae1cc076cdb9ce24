"""Runs the migrations on the connection that `store.schema` gives, one process at a time."""

# ruff: noqa: INP001 - alembic loads this file by its path

from alembic import context
from sqlalchemy import Connection, text

from store.tables import metadata

# Any constant: all that migrate this database must take the same one.
LOCK = 0x0C05_5FAD

connection: Connection = context.config.attributes["connection"]
connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
