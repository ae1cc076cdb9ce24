"""What every process of the server reads of its surroundings in the same way, and how it refuses."""

import re
from collections.abc import Mapping

_ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class InvalidSettings(ValueError):
    """The process cannot start with this configuration; the argument names the variable, never its value."""


def environment_of(environ: Mapping[str, str]) -> str:
    """The environment that a process serves: CROSSFADE_ENVIRONMENT, `production` where that is unset or empty."""
    return checked_environment(environ.get("CROSSFADE_ENVIRONMENT") or "production")


def checked_environment(name: str) -> str:
    """`name`, where it can be that of an environment; InvalidSettings where it cannot."""
    if not _ENVIRONMENT.fullmatch(name):
        raise InvalidSettings("CROSSFADE_ENVIRONMENT is not a name of lower-case letters, digits, '.', '_', '-'.")
    return name
