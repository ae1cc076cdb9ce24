"""The way to Postgres: its address, a pool of connections, and a listener for notifications."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from store import documents

__all__ = [  # the floors above name the types of the engine without knowing SQLAlchemy
    "FLAGS_CHANNEL",
    "LOST",
    "OUTBOX_CHANNEL",
    "AsyncConnection",
    "AsyncEngine",
    "create_engine",
    "database_url",
    "greet",
    "listen",
    "normalise",
    "subscription",
]

DRIVER = "postgresql+asyncpg"
FLAGS_CHANNEL = "crossfade_flags"
OUTBOX_CHANNEL = "crossfade_outbox"
STATEMENTS = 500  # kept prepared by each connection; with fewer than a process uses, each is prepared again and again
LOST = ""
"""The payload that a listener yields when its connection was lost: whatever was sent meanwhile must be read again."""


def database_url(environ: Mapping[str, str]) -> str:
    """Gives the address in DATABASE_URL, spelled for SQLAlchemy; KeyError without it."""
    return str(normalise(environ["DATABASE_URL"]).render_as_string(hide_password=False))


def create_engine(url: str, *, pool_size: int = 20) -> AsyncEngine:
    """Gives an engine whose statements and idle transactions end by themselves.

    Every connection stays, and the one used last is used next: what it has prepared is what is needed.
    """
    settings = {
        "application_name": "crossfade",
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "30s",
        "TimeZone": "UTC",
    }
    address, options = split(normalise(url))
    engine = create_async_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,
        json_serializer=documents.dumps,
        connect_args={
            "server_settings": settings,
            "timeout": 10,
            "prepared_statement_cache_size": STATEMENTS,
            **options,
        },
    )
    event.listen(engine.sync_engine, "checkout", refuse_ended)
    event.listen(engine.sync_engine, "invalidate", abandon)
    return engine


def refuse_ended(_: object, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
    """Makes the pool replace a connection that the server has ended: asyncpg knows, asking costs three round trips."""
    del entry
    if getattr(proxy.driver_connection, "is_closed", bool)():
        raise DisconnectionError


def abandon(connection: DBAPIConnection, _: object, error: object) -> None:
    """Cuts a connection whose caller waits no longer: SQLAlchemy would wait two seconds for the server's goodbye."""
    del error
    getattr(connection, "driver_connection", connection).terminate()


async def greet(connection: AsyncConnection) -> None:
    """Waits until Postgres says anything at all."""
    await connection.execute(text("select 1"))


async def listen(url: str, *, channel: str = FLAGS_CHANNEL, retry_seconds: float = 0.25) -> AsyncGenerator[str, None]:
    """Yields the payloads of a channel for ever; yields LOST after each (re)connection, once it listens again."""
    while True:
        try:
            async with subscription(url, channel) as received:
                yield LOST
                while (payload := await received.get()) is not None:
                    yield payload
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.sleep(retry_seconds)


@asynccontextmanager
async def subscription(url: str, channel: str) -> AsyncIterator[asyncio.Queue[str | None]]:
    """Gives the queue of a channel's payloads; None in it says that the connection has ended."""
    received: asyncio.Queue[str | None] = asyncio.Queue()
    address = normalise(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(address, timeout=5, server_settings={"application_name": "crossfade-listen"})
    connection.add_termination_listener(lambda _: received.put_nowait(None))
    try:
        await connection.add_listener(channel, lambda _c, _p, _n, payload: received.put_nowait(str(payload)))
        yield received
    finally:
        connection.terminate()


def normalise(url: str) -> URL:
    """Gives the address for SQLAlchemy, from either of its spellings and from that of libpq.

    TLS is asked for as libpq does: `sslmode`, `sslrootcert`, `sslcert`, `sslkey`. SQLAlchemy's `ssl` becomes `sslmode`.
    """
    parsed = make_url(url)
    if parsed.drivername not in {"postgres", "postgresql", DRIVER}:
        raise ValueError(parsed.drivername)
    query = {"sslmode" if name == "ssl" else name: value for name, value in parsed.query.items()}
    return parsed.set(drivername=DRIVER, query=query)


def split(url: URL) -> tuple[URL, dict[str, str]]:
    """Gives the address as SQLAlchemy reads it, and what only asyncpg understands, as an argument of its connect.

    SQLAlchemy would hand each option of the query to asyncpg as an argument, and there is none called `sslmode`.
    """
    options = [name for name in url.query if name not in {"host", "port"}]
    if not options:
        return url, {}
    rest = URL.create("postgresql", query={name: url.query[name] for name in options})
    return url.difference_update_query(options), {"dsn": rest.render_as_string(hide_password=False)}
