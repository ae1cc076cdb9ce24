"""The services of docker-compose.yml as processes of this machine: their command lines, environments and checks.

What a container has to itself is mapped: the names of other services to their addresses here, ports to free ones,
0.0.0.0 to loopback, files to where they lie, `python` to the interpreter of the tests.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import local.postgres
import local.temporal
from local.binaries import find
from local.home import remove
from local.ports import held
from tests.deploy.compose import ROOT, example, services
from tests.faults.processes import FAST, FOREIGN, Process
from tests.local.folders import short_folder

SUPERUSER = "app"  # the embedded server's
# As the image has it: trusted on the socket, a password by TCP.
ACCESS = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
SECONDS = 60


def filled_in() -> dict[str, str]:
    """A `.env` as its example says how to make it; every password is another one."""
    tokens = {f"CROSSFADE_{kind.upper()}_TOKEN": f"cf_{kind}_{kind}0test_{'s' * 43}" for kind in ("admin", "sdk")}
    passwords = {name: f"{number}of{name.title().replace('_', '')}" for number, name in enumerate(example())}
    return {**passwords, **tokens, "CROSSFADE_ENVIRONMENT": "production", "CROSSFADE_TARGETS": "{}"}


@dataclass
class Machine:
    """The two servers, and what is started on them."""

    home: Path
    sockets: str
    postgres_port: int
    temporal_address: str
    ports: ExitStack
    services: Mapping[str, dict[str, Any]] = field(default_factory=lambda: services(filled_in()))
    processes: list[Process] = field(default_factory=list)

    def address(self, service: str) -> str:
        """The address of the database that a service connects to."""
        return self._mapped(self.services[service]["environment"]["DATABASE_URL"])

    def run(self, service: str) -> subprocess.CompletedProcess[str]:
        """Run a job to its end."""
        described = self.services[service]
        command = described["command"] if "command" in described else described["entrypoint"]
        return self._run([self._mapped(word) for word in command], self._environment(service, {}))

    def start(self, service: str, number: int, ports: Mapping[str, int]) -> Process:
        """Start one replica; `ports` maps the ports of its container."""
        command = [self._mapped(word, ports) for word in self.services[service]["command"]]
        environment = {**self._environment(service, ports), "HOSTNAME": f"{service}-{number}"}
        command[0] = shutil.which(command[0]) or command[0]
        process = Process(f"{service}-{number}", command, environment, self.home / f"{service}-{number}.log")
        process.start()
        self.processes.append(process)
        return process

    def is_healthy(self, service: str, ports: Mapping[str, int]) -> bool:
        """What the health check of a service says of the replica at these ports."""
        kind, *command = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return self._run([self._mapped(word, ports) for word in command], {}).returncode == 0

    def free_port(self) -> int:
        """One that stays ours."""
        (port,) = self.ports.enter_context(held(0))
        return port

    def initialise(self, script: Path) -> subprocess.CompletedProcess[str]:
        """What the Postgres image does with a script of `docker-entrypoint-initdb.d`."""
        text = script.read_text().replace("/deploy/", f"{ROOT}/deploy/postgres/")
        server = {"POSTGRES_USER": SUPERUSER, "PGHOST": self.sockets, "PGPORT": str(self.postgres_port)}
        return self._run(["sh", "-c", text], {**self._environment("postgres", {}), **server})

    def _environment(self, service: str, ports: Mapping[str, int]) -> dict[str, str]:
        environment = self.services[service].get("environment", {})
        mapped = {name: self._mapped(value, ports) for name, value in environment.items()}
        return {**mapped, "TEMPORAL_CONFIG_FILE": os.devnull, "CROSSFADE_PLANS": str(ROOT / "plans")}

    def _mapped(self, word: str, ports: Mapping[str, int] | None = None) -> str:
        known = {
            "postgres:5432": f"127.0.0.1:{self.postgres_port}",
            "temporal:7233": self.temporal_address,
            "0.0.0.0": "127.0.0.1",
            "/deploy/": f"{ROOT}/deploy/temporal/",
            **{port: str(number) for port, number in (ports or {}).items()},
        }
        word = re.sub(r"(^|exec )python(?=$| )", rf"\1{sys.executable}", word)
        for name, here in known.items():
            word = word.replace(name, here)
        return word

    def _run(self, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        temporal = Path(local.temporal.program("temporal", os.environ)).parent
        path = os.pathsep.join([str(find().folder), str(temporal), os.environ["PATH"]])
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**inherited, "PATH": path, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


@contextmanager
def running_machine() -> Iterator[Machine]:
    """A Postgres that asks for passwords and a Temporal, both empty; enter it from the main thread."""
    home = short_folder()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    access = home / "pg_hba.conf"
    access.write_text(ACCESS)
    access.chmod(0o644)
    with ExitStack() as stack:
        stack.callback(remove, home)
        (port,) = stack.enter_context(held(0))
        settings = {**FAST, "listen_addresses": "127.0.0.1", "port": str(port), "hba_file": str(access)}
        postgres = stack.enter_context(local.postgres.serve(home, environ, settings=settings))
        temporal = stack.enter_context(local.temporal.serve(home, environ, has_page=False))
        machine = Machine(home, postgres.url.partition("host=")[2], port, temporal.address, stack)
        try:
            yield machine
        finally:
            for process in machine.processes:
                if process.is_running:
                    process.kill()
