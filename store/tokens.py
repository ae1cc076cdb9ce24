"""Tokens of the API: only their hashes are stored."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.identifiers import uuid7
from store.tables import api_tokens as table

Role = Literal["viewer", "operator", "admin", "sdk"]


@dataclass(frozen=True, slots=True)
class Token:
    """Who somebody is; an environment of None means that each request names one."""

    role: Role
    environment: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A token as it is stored: by its hash."""

    token: Token
    digest: bytes


async def ensure(connection: AsyncConnection, token: str, *, role: Role, environment: str | None) -> None:
    """Makes a token valid for this role and environment."""
    granted = {"digest": digest(token), "role": role, "environment": environment, "revoked_at": None}
    statement = insert(table).values(id=uuid7(), selector=selector(token), **granted)
    await connection.execute(statement.on_conflict_do_update(index_elements=["selector"], set_=granted))


async def authenticate(connection: AsyncConnection, token: str) -> Token | None:
    """Gives whom a token names, or None for one that is unknown, revoked or expired."""
    found = await find(connection, selector(token))
    return found.token if found and hmac.compare_digest(found.digest, digest(token)) else None


async def find(connection: AsyncConnection, selector: str) -> Stored | None:
    """Gives the token of a selector, unless it is unknown, revoked or expired; nothing is proved by that."""
    is_fresh = table.c.expires_at.is_(None) | (table.c.expires_at > func.clock_timestamp())
    is_valid = table.c.revoked_at.is_(None) & is_fresh
    query = select(table.c.digest, table.c.role, table.c.environment).where(table.c.selector == selector, is_valid)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Stored(Token(row.role, row.environment), row.digest)


def selector(token: str) -> str:
    """Gives the part of a token by which its row is found: of `cf_type_selector_secret` its own, else of the hash."""
    match token.split("_"):
        case ["cf", _, chosen, secret] if chosen and secret:
            return chosen
        case _:
            return digest(token).hex()[:16]


def digest(token: str) -> bytes:
    """Gives the hash of a token; its 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
