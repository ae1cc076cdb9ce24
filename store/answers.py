"""First answers to orders that carry an idempotency key: whoever repeats the order gets the same one."""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import KeyReused
from store import control
from store.documents import Document
from store.tables import first_answers

KEPT = timedelta(hours=24)
"""How long a key means the same order: a stop under one of last week is a new one."""


async def find(connection: AsyncConnection, *, environment: str, key: str, digest: str) -> Document | None:
    """Gives the answer that this key has had; orders with a key queue up. Raises KeyReused for another digest.

    One that is older than `KEPT` is none.
    """
    await control.lock(connection, environment)
    mine = (first_answers.c.environment == environment, first_answers.c.key == key)
    await connection.execute(delete(first_answers).where(*mine, _is_old()))
    row = (await connection.execute(select(first_answers).where(*mine))).one_or_none()
    if row is None:
        return None
    if row.digest != digest:
        raise KeyReused
    answer: Document = row.answer
    return answer


async def keep(connection: AsyncConnection, *, environment: str, key: str, digest: str, answer: Document) -> None:
    """Keeps the first answer, in the transaction of what it tells."""
    values = {"environment": environment, "key": key, "digest": digest, "answer": answer}
    await connection.execute(insert(first_answers).values(values))


async def forget(connection: AsyncConnection) -> int:
    """Forgets what nobody can ask for any more, and gives how many."""
    return (await connection.execute(delete(first_answers).where(_is_old()))).rowcount


def _is_old() -> ColumnElement[bool]:
    return first_answers.c.answered_at < func.clock_timestamp() - KEPT
