"""The parameters that many routes share."""

from typing import Annotated
from uuid import UUID

from fastapi import Header, Path, Query

ComponentName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")]
MigrationQuery = Annotated[
    UUID | None, Query(alias="migrationId", description="Default: the live migration, else the latest one.")
]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most, newest first.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="The same key within 24 hours is the same order: it has one effect.",
    ),
]


def effect_of(environment: str, order: str, key: str | None) -> str | None:
    """The idempotency key of an effect in the store, apart from those that workflows draw; None without a header."""
    return None if key is None else f"api/{environment}/{order}/{key}"
