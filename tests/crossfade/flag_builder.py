"""Flags with defaults, for tests."""

from decimal import Decimal
from typing import Any

from crossfade.flags import Flag


def flag(percentage: float | str | Decimal = 25, **changes: Any) -> Flag:
    values: dict[str, Any] = {"name": "search", "environment": "test", "revision": 7, **changes}
    return Flag(percentage=Decimal(str(percentage)), **values)
