"""The tokens of one local stack, made once and kept where only their owner can read them."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from local.home import write_private


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an operator and what an application shows to the API."""

    admin: str
    sdk: str


def ensure(home: Path) -> Tokens:
    """The tokens of this home, the same ones at every start."""
    file = home / "tokens.json"
    if not file.exists():
        write_private(file, json.dumps(asdict(Tokens(admin=_new("admin"), sdk=_new("sdk")))))
    return Tokens(**json.loads(file.read_text()))


def _new(kind: str) -> str:
    return f"cf_{kind}_{secrets.token_hex(8)}_{secrets.token_urlsafe(32)}"
