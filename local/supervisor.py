"""Starts services, starts some of them again when they end, and says when another one has ended."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from local.children import Child, start
from local.errors import ChildDied
from local.services import ROOT, Service

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 10.0
_STABLE_SECONDS = 30.0
_MOST_RESTARTS = 8
_LAST_LINES = 5


@dataclass(slots=True)
class Supervised:
    """A service, its present process, and what is known of its earlier ones."""

    service: Service
    child: Child
    started_at: float
    failures: int = 0
    restart_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """The running services; call `check` often and from the main thread."""

    logs: Path
    running: dict[str, Supervised] = field(default_factory=dict)
    servers: dict[str, Child] = field(default_factory=dict)

    def start(self, service: Service) -> None:
        """Start a service."""
        self.running[service.name] = Supervised(service, self._spawn(service), time.monotonic())

    def check(self) -> bool:
        """Whether anything was started again; ChildDied when something has ended that must not."""
        for name, child in self.servers.items():
            if (code := child.poll()) is not None:
                raise ChildDied(f"{name} ended with {code}; see {self.logs}")
        started_again = [supervised for supervised in self.running.values() if self._check(supervised)]
        return bool(started_again)

    def stop(self) -> None:
        """Stop the services, the last started first, so that clients can still report."""
        for supervised in reversed(self.running.values()):
            supervised.child.stop()

    def pids(self) -> dict[str, int]:
        """The process ids by name."""
        own = {name: supervised.child.pid for name, supervised in self.running.items()}
        return {**{name: child.pid for name, child in self.servers.items()}, **own}

    def _check(self, supervised: Supervised) -> bool:
        service, code, now = supervised.service, supervised.child.poll(), time.monotonic()
        if code is None:
            return False
        if supervised.restart_at is None:
            self._plan_restart(supervised, code, now)
        if supervised.restart_at is None or now < supervised.restart_at:
            return False
        supervised.child.stop()
        supervised.child = self._spawn(service)
        supervised.started_at, supervised.restart_at = now, None
        return True

    def _plan_restart(self, supervised: Supervised, code: int, now: float) -> None:
        service = supervised.service
        is_stable = now - supervised.started_at > _STABLE_SECONDS
        supervised.failures = 1 if is_stable else supervised.failures + 1
        if not service.is_restarted or supervised.failures > _MOST_RESTARTS:
            raise ChildDied(f"{service.name} ended with {code}; {self.last_words(service.name)}")
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (supervised.failures - 1))
        supervised.restart_at = now + delay
        print(f"{service.name} ended with {code}; starting it again in {delay:g} s", file=sys.stderr, flush=True)

    def log(self, name: str) -> Path:
        """Where the output of a service goes."""
        return self.logs / f"{name}.log"

    def last_words(self, name: str) -> str:
        """Where the output of a service went, and the end of it."""
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        return "\n  ".join((f"see {self.log(name)}", *lines))

    def _spawn(self, service: Service) -> Child:
        with self.log(service.name).open("ab") as log:
            return start(
                service.name,
                service.command,
                log=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **service.environment},
                cwd=ROOT,
            )
