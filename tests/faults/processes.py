"""Crossfade as real processes that a test kills, freezes, thaws and starts again, by their pids."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx

import local.postgres
import local.temporal
from local.children import Child, start
from local.home import remove
from local.ports import held
from tests.local.folders import short_folder

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
# A killed server loses nothing that it has acknowledged; a power cut is not what these tests make.
FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
FOREIGN = ("CROSSFADE_", "TEMPORAL_", "DATABASE_URL")


class Process:
    """One of our own processes."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name, self.command, self.environment, self.log = name, command, dict(environment), log
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._child is not None, f"{self.name} was not started"
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended; a frozen one has not."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it; again, when it was killed."""
        assert not self.is_running, f"{self.name} runs already"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        environment = {**inherited, "PYTHONUNBUFFERED": "1", **self.environment}
        with self.log.open("ab") as log:
            self._child = start(self.name, self.command, log=log, env=environment, cwd=ROOT)

    def kill(self) -> None:
        """kill -9; it is gone when this returns."""
        os.kill(self.pid, signal.SIGKILL)
        self.reap()

    def reap(self) -> None:
        """Collect what has killed itself."""
        assert self._child is not None
        self._child.process.wait(PATIENCE)

    def freeze(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM, also to a frozen one; its exit code."""
        assert self._child is not None
        if self.is_running:
            self.thaw()
        return self._child.stop(grace=20)

    def said(self) -> str:
        """What it has said since it was first started."""
        return self.log.read_text(errors="replace")


class Api(Process):
    """An API replica on a port that stays its own."""

    def __init__(self, name: str, port: int, environment: Mapping[str, str], log: Path) -> None:
        super().__init__(name, (sys.executable, "-m", "api", "--port", str(port)), environment, log)
        self.address = f"http://127.0.0.1:{port}"

    async def until_ready(self) -> None:
        """Wait until it answers and has read the flags once."""
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(trust_env=False) as client:
            while not await self._has_flags(client):
                assert self.is_running, self.said()
                await asyncio.sleep(0.05)

    async def _has_flags(self, client: httpx.AsyncClient) -> bool:
        try:
            answer = await client.get(f"{self.address}/api/migration/health", timeout=5)
        except httpx.TransportError:
            return False
        return bool(answer.json()["dependencies"]["flags"]["healthy"])


class Server:
    """The embedded Postgres or Temporal, whose state outlives each of its processes."""

    def __init__(
        self, serve: Callable[[], AbstractContextManager[local.postgres.Postgres | local.temporal.Temporal]]
    ) -> None:
        self._serve = serve
        self._stack = ExitStack()
        self._child: Child | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not been killed."""
        return self._child is not None

    def start(self) -> local.postgres.Postgres | local.temporal.Temporal:
        """Start it on what its predecessor has left, ready when this returns."""
        server = self._stack.enter_context(self._serve())
        self._child = server.child
        return server

    def kill(self) -> None:
        """kill -9 of every process of it, as when its machine dies."""
        tell(self.family(), signal.SIGKILL)
        self._child = None
        self._stack.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP of every process of it, for as long as the context lasts."""
        family = self.family()
        tell(family, signal.SIGSTOP)
        try:
            yield
        finally:
            tell(family, signal.SIGCONT)

    def close(self) -> None:
        """End it in good order."""
        self._child = None
        self._stack.close()

    def family(self) -> list[int]:
        """The pids of all its processes."""
        assert self._child is not None, "it does not run"
        return [self._child.pid, *children(self._child.pid)]


class Cluster:
    """A Postgres, a Temporal, and the replicas and workers that a test starts on them."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self.postgres = Server(partial(local.postgres.serve, home, environ, settings=FAST))
        self.temporal = Server(partial(local.temporal.serve, home, environ, port=port, has_page=False))
        self.temporal_address = f"127.0.0.1:{port}"
        self.database_url = ""
        self.processes: list[Process] = []
        self._ports = ExitStack()

    def start(self) -> None:
        """Start the two servers, or those of them that were killed."""
        if not self.postgres.is_running:
            started = self.postgres.start()
            assert isinstance(started, local.postgres.Postgres)
            self.database_url = started.url
        if not self.temporal.is_running:
            self.temporal.start()

    def api(self, name: str, environment: Mapping[str, str]) -> Api:
        """A replica, not started yet; DATABASE_URL in its environment leads it through a proxy."""
        (port,) = self._ports.enter_context(held(0))
        api = Api(name, port, {**self._shared(name), **environment}, self.home / f"{name}.log")
        self.processes.append(api)
        return api

    def worker(self, name: str, environment: Mapping[str, str], *, script: str = "worker.py") -> Process:
        """A worker, not started yet."""
        command = (sys.executable, *script.split())
        worker = Process(name, command, {**self._shared(name), **environment}, self.home / f"{name}.log")
        self.processes.append(worker)
        return worker

    def end_processes(self) -> None:
        """Kill what a test has left, and heal the servers."""
        for process in self.processes:
            if process.is_running:
                process.kill()
        self.processes.clear()
        self._ports.close()
        self.start()

    def close(self) -> None:
        """End everything."""
        for process in self.processes:
            if process.is_running:
                process.kill()
        self._ports.close()
        self.temporal.close()
        self.postgres.close()

    def _shared(self, name: str) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "CROSSFADE_HOME": str(self.home),
            "CROSSFADE_REPLICA": name,
            "CROSSFADE_PLANS": str(ROOT / "plans"),
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Both servers, running; enter it from the main thread."""
    home = short_folder()
    with held(0) as (port,):
        cluster = Cluster(home, port)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.close()
            remove(home)


def tell(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each; some may have ended by themselves since they were listed."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def children(parent: int) -> list[int]:
    """The direct children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(") ")
        except OSError:
            continue
        if int(rest.split()[1]) == parent:
            found.append(int(stat.parent.name))
    return found
