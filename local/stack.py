"""The whole of Crossfade on one machine: servers, processes, addresses."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from local import postgres, temporal, tokens
from local.children import Child
from local.errors import ChildDied, NotReady
from local.home import home, write_private
from local.locks import owned
from local.postgres import Postgres
from local.services import ROOT, Ports, Service, migrate, services, url
from local.supervisor import Supervisor
from local.temporal import Temporal
from local.tokens import Tokens

READY_SECONDS = 120.0
_CHECK_SECONDS = 0.2
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a stack answer, and the tokens that they ask for."""

    api: str
    documentation: str
    app: str
    traffic: str
    temporal: str
    temporal_page: str | None
    database_url: str
    admin_token: str
    sdk_token: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack; call `check` often: it starts again what has ended, or raises ChildDied."""

    home: Path
    addresses: Addresses
    supervisor: Supervisor
    traffic: Service

    def start_traffic(self) -> None:
        """Start the traffic, when the stack was started without."""
        start(self.supervisor, [self.traffic])
        self.announce()

    def describe(self) -> str:
        """The addresses for a person."""
        addresses = self.addresses
        lines = {
            "API": f"{addresses.api}/api/migration/health",
            "documentation": addresses.documentation,
            "Temporal": addresses.temporal,
            "its web page": addresses.temporal_page,
            "application": addresses.app,
            "admin token": addresses.admin_token,
        }
        return "\n".join(f"{name:>14}  {value}" for name, value in lines.items() if value)

    def check(self) -> None:
        """See to the processes."""
        if self.supervisor.check():
            self.announce()

    def announce(self) -> None:
        """Write `stack.json`, for programs that want to reach this stack."""
        write_private(self.home / "stack.json", self.to_json())

    def to_json(self) -> str:
        """The addresses, tokens and process ids, in camelCase."""
        described = {_camel(name): value for name, value in asdict(self.addresses).items()}
        return json.dumps({**described, "pid": os.getpid(), "processes": self.supervisor.pids()}, indent=2)


@contextmanager
def up(
    environ: Mapping[str, str], *, ports: Ports | None = None, has_traffic: bool = True, say: Say = print
) -> Iterator[Stack]:
    """A stack for as long as the context lasts; every part answers. Enter it from the main thread."""
    folder = home(environ)
    with ExitStack() as stack:
        stack.enter_context(owned(folder / "stack.lock"))
        (folder / "stack.json").unlink(missing_ok=True)
        logs = folder / "logs"
        logs.mkdir(exist_ok=True)
        chosen = stack.enter_context((ports or Ports()).held())
        say("Starting Postgres and Temporal ...")
        database = stack.enter_context(postgres.serve(folder, environ))
        server = stack.enter_context(temporal.serve(folder, environ, page_port=chosen.page))
        _migrate(database.url, logs / "migrate.log")
        keys = tokens.ensure(folder)
        supervisor = Supervisor(logs)
        supervisor.servers = _children(database, server)
        stack.callback(supervisor.stop)
        say("Starting the API, the worker and the application ...")
        *wanted, traffic = services(chosen, keys, home=folder, database=database.url, temporal=server.environment)
        start(supervisor, wanted)
        running = Stack(folder, _addresses(chosen, keys, database, server), supervisor, traffic)
        if has_traffic:
            running.start_traffic()
        running.announce()
        stack.callback((folder / "stack.json").unlink, missing_ok=True)
        yield running


def serve_until_interrupted(stack: Stack) -> None:
    """See to the stack until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        while True:
            stack.check()
            time.sleep(_CHECK_SECONDS)


def start(supervisor: Supervisor, wanted: Sequence[Service]) -> None:
    """Start the services side by side and wait until each of them answers."""
    for service in wanted:
        supervisor.start(service)
    for service in wanted:
        _wait(supervisor, service)


def _wait(supervisor: Supervisor, service: Service) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while service.ready and not _answers(service.ready):
        if (code := supervisor.running[service.name].child.poll()) is not None:
            raise ChildDied(f"{service.name} ended with {code} at its start; {supervisor.last_words(service.name)}")
        if time.monotonic() > deadline:
            raise NotReady(f"{service.name} after {READY_SECONDS:.0f} s; {supervisor.last_words(service.name)}")
        time.sleep(0.05)


def _answers(address: str) -> bool:
    """Whether it answers, and does not say that it is unhealthy."""
    try:
        answer = httpx.get(address, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    if answer.is_error:
        return False
    body = answer.json()
    return not isinstance(body, dict) or body.get("healthy") is not False


def _migrate(database: str, log: Path) -> None:
    command, environment = migrate(database)
    with log.open("ab") as output:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        raise ChildDied(f"the migration of the schema ended with {done.returncode}; see {log}")


def _children(database: Postgres, server: Temporal) -> dict[str, Child]:
    found = {"postgres": database.child, "temporal": server.child}
    return {name: child for name, child in found.items() if child}


def _addresses(ports: Ports, keys: Tokens, database: Postgres, server: Temporal) -> Addresses:
    return Addresses(
        api=url(ports.api),
        documentation=f"{url(ports.api)}/docs",
        app=url(ports.app),
        traffic=url(ports.traffic),
        temporal=server.address,
        temporal_page=server.page,
        database_url=database.url,
        admin_token=keys.admin,
        sdk_token=keys.sdk,
    )


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
