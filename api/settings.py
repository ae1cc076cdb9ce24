"""What the environment says about one API process."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from crossfade.settings import InvalidSettings, checked_environment, environment_of

__all__ = ["InvalidSettings", "Settings"]

_TOKEN = re.compile(r"cf_[a-z]+_[A-Za-z0-9]{1,64}_[A-Za-z0-9_-]{32,128}")
_REPLICA = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}(/[A-Za-z0-9._~/-]*)?")


@dataclass(frozen=True, slots=True)
class Settings:
    """One API process: its database, its environment, the tokens that it makes sure of, the plans that ship with it.

    `replica` is the name under which this process, and after its death the next one, says what it serves; without one
    each process draws its own. `public_url` is the address of the API as its callers see it, where a proxy stands
    between; without one, what a request says of itself.
    """

    database_url: str = field(repr=False)
    environment: str = "production"
    admin_token: str | None = field(default=None, repr=False)
    sdk_token: str | None = field(default=None, repr=False)
    plans: Path = Path("plans")
    replica: str | None = None
    public_url: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.database_url:
            raise InvalidSettings("DATABASE_URL is not set.")
        checked_environment(self.environment)
        if self.replica is not None and not _REPLICA.fullmatch(self.replica):
            raise InvalidSettings("CROSSFADE_REPLICA is not a name of letters, digits, '.', '_', '-'.")
        if self.public_url is not None and not _URL.fullmatch(self.public_url):
            raise InvalidSettings("CROSSFADE_PUBLIC_URL is not an address like https://crossfade.example.")
        for variable, token in (("CROSSFADE_ADMIN_TOKEN", self.admin_token), ("CROSSFADE_SDK_TOKEN", self.sdk_token)):
            if token is not None and not _TOKEN.fullmatch(token):
                raise InvalidSettings(f"{variable} is not of the form cf_<type>_<selector>_<secret of 32 or more>.")
        if self._selector(self.admin_token) == self._selector(self.sdk_token) is not None:
            raise InvalidSettings("CROSSFADE_ADMIN_TOKEN and CROSSFADE_SDK_TOKEN have the same selector.")

    @staticmethod
    def _selector(token: str | None) -> str | None:
        return token.split("_")[2] if token else None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The settings that environment variables give."""
        return cls(
            database_url=environ.get("DATABASE_URL", ""),
            environment=environment_of(environ),
            admin_token=environ.get("CROSSFADE_ADMIN_TOKEN") or None,
            sdk_token=environ.get("CROSSFADE_SDK_TOKEN") or None,
            plans=Path(environ.get("CROSSFADE_PLANS") or "plans"),
            replica=environ.get("CROSSFADE_REPLICA") or None,
            public_url=environ.get("CROSSFADE_PUBLIC_URL") or None,
            environ=environ,
        )
