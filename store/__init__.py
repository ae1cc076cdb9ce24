"""Floor 2: Postgres. Tables, SQL and migrations; nothing else knows SQL."""

from store.schema import migrate

__all__ = ["migrate"]
