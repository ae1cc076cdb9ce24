"""What every table shares: the metadata with its naming convention, and the columns that recur."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, MetaData, Numeric, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identifier(name: str = "id") -> Column[UUID]:
    """A UUIDv7 primary key, made in Python."""
    return Column(name, Uuid, primary_key=True)


def label(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    """A text column."""
    return Column(name, Text, nullable=nullable and not primary_key, primary_key=primary_key)


def counter(name: str, *, default: int | None = None, nullable: bool = False) -> Column[int]:
    """A 64-bit integer column."""
    server_default = None if default is None else text(str(default))
    return Column(name, BigInteger, nullable=nullable, server_default=server_default)


def moment(name: str, *, default: bool = False, nullable: bool = True) -> Column[Any]:
    """A `timestamptz` column; `default` fills in the time of the statement's transaction."""
    server_default = text("now()") if default else None
    return Column(name, DateTime(timezone=True), nullable=nullable and not default, server_default=server_default)


def document(name: str, *, nullable: bool = False) -> Column[Any]:
    """A `jsonb` column; None is SQL NULL, never the JSON null."""
    return Column(name, JSONB(none_as_null=True), nullable=nullable)


def share_of_keys(name: str, *, nullable: bool = False) -> Column[Any]:
    """A percentage in steps of 0.001."""
    return Column(name, Numeric(6, 3), nullable=nullable)


def one_of(column: str, states: type[StrEnum] | tuple[str, ...]) -> CheckConstraint:
    """The named CHECK that keeps a text column to the members of an enumeration."""
    values = ", ".join(f"'{state}'" for state in states)
    return CheckConstraint(f"{column} in ({values})", name=f"{column}_known")
