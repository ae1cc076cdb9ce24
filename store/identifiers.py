"""Identifiers: UUIDv7, so that keys sort by time and indexes stay dense."""

import os
import time
from uuid import UUID

RANDOM_BITS = 74


def uuid7() -> UUID:
    """Gives a new UUIDv7 (RFC 9562, section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10)) & ((1 << RANDOM_BITS) - 1)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
