"""Runs the migrations on the connection that `store.schema` gives, which holds the lock for it."""

# ruff: noqa: INP001 - alembic loads this file by its path

from alembic import context
from sqlalchemy import Connection

from store.tables import metadata

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
