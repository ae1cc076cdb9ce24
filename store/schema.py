"""The schema: brought to its newest revision by alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from store import partitions
from store.engine import create_engine

SCRIPTS = Path(__file__).parent / "alembic"
# Any constant: all that migrate this database must take the same one.
LOCK = 0x0C05_5FAD


async def migrate(url: str) -> None:
    """Brings the database to the newest revision and makes partitions ahead; any number may do so at once."""
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("set local statement_timeout = 0"))
            await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            await connection.run_sync(upgrade)
            await partitions.ensure(connection)
    finally:
        await engine.dispose()


def upgrade(connection: Connection) -> None:
    """Runs what is missing of the migrations on this connection."""
    command.upgrade(configuration(connection), "head")


def configuration(connection: Connection) -> Config:
    """Gives alembic's configuration for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config
