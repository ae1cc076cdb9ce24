"""The processes of Crossfade on one machine: what each is called, how it is started, when it is ready."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.ports import held
from local.tokens import Tokens

ROOT = Path(__file__).parent.parent
ENVIRONMENT = "production"
REQUESTS_PER_SECOND = 140
_PHASES = ("utilities", "search", "errors", "repository", "websocket")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the processes listen on 127.0.0.1; 0 means any free one."""

    api: int = 0
    app: int = 0
    traffic: int = 0
    page: int = 0

    @contextmanager
    def held(self) -> Iterator["Ports"]:
        """The same, with a free port in place of each 0, all of them kept from others for as long as it lasts."""
        with held(self.api, self.app, self.traffic, self.page) as chosen:
            yield Ports(*chosen)


@dataclass(frozen=True, slots=True)
class Service:
    """One process; the address `ready` answers when it is; some are started again after their end."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: str | None = None
    is_restarted: bool = False


def services(
    ports: Ports, tokens: Tokens, *, home: Path, database: str, temporal: Mapping[str, str]
) -> tuple[Service, ...]:
    """The services in the order of starting."""
    api = url(ports.api)
    app = url(ports.app)
    shared = {"DATABASE_URL": database, "CROSSFADE_HOME": str(home), "CROSSFADE_ENVIRONMENT": ENVIRONMENT}
    server = {
        **shared,
        **temporal,
        "CROSSFADE_ADMIN_TOKEN": tokens.admin,
        "CROSSFADE_SDK_TOKEN": tokens.sdk,
        "CROSSFADE_PLANS": str(ROOT / "plans"),
        "CROSSFADE_TARGETS": json.dumps(_targets(app)),
    }
    client = {**shared, "CROSSFADE_URL": api, "CROSSFADE_TOKEN": tokens.sdk}
    traffic = ("-m", "examples.airports.traffic", "--app", app, "--port", str(ports.traffic))
    return (
        _python("api", ("-m", "api", "--port", str(ports.api)), server, f"{api}/api/migration/health", restart=True),
        _python("worker", ("worker.py",), server, None, restart=True),
        _python("app", ("-m", "examples.airports", "--port", str(ports.app)), client, f"{app}/healthz"),
        _python("traffic", (*traffic, "--rate", str(REQUESTS_PER_SECOND)), client, f"{url(ports.traffic)}/healthz"),
    )


def migrate(database: str) -> tuple[list[str], dict[str, str]]:
    """The command that brings the schema up to date, and its environment."""
    return [sys.executable, "-m", "store", "migrate"], {"DATABASE_URL": database}


def url(port: int) -> str:
    """The web address of a port of this machine."""
    return f"http://127.0.0.1:{port}"


def _targets(app: str) -> dict[str, str]:
    """What the gates of the plans ask, by the names that plans use."""
    crosschecks = {f"app-crosscheck-{phase}": f"{app}/crosscheck/{phase}" for phase in _PHASES}
    return {"app-selfcheck": f"{app}/selfcheck", **crosschecks}


def _python(
    name: str, arguments: tuple[str, ...], environment: Mapping[str, str], ready: str | None, *, restart: bool = False
) -> Service:
    return Service(name, (sys.executable, *arguments), environment, ready, restart)
