"""docker-compose.yml as Compose understands it, as far as its tests need it: anchors, merges and variables."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
OURS = {"migrate", "api", "worker", "airports", "traffic"}
JOBS = {"temporal-schema", "temporal-namespace", "migrate"}
VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Z_]+)(?P<modifier>[^}]*)\})")


def load(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file; with its variables, when they are given."""
    text = FILE.read_text()
    file: dict[str, Any] = yaml.safe_load(text)
    found = file if environ is None else _filled(file, environ)
    assert isinstance(found, dict)
    return found


def services(environ: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """The services by their names."""
    found: dict[str, dict[str, Any]] = load(environ)["services"]
    return found


def variables() -> dict[str, set[str]]:
    """Each variable with what follows its name wherever it is used."""
    found: dict[str, set[str]] = {}
    for use in VARIABLE.finditer(FILE.read_text()):
        if not use["escaped"]:
            found.setdefault(use["name"], set()).add(use["modifier"])
    return found


def example() -> dict[str, str]:
    """The variables of .env.example with their values."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _filled(value: object, environ: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        return {name: _filled(each, environ) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, environ) for each in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda use: "$" if use["escaped"] else environ[use["name"]], value)
    return value
