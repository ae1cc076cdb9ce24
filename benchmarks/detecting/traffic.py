"""Calls of an application through a real SDK client, some of which fail from a moment on."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread

from crossfade.sdk import Client, Variant

RATE = 50  # calls a second of each variant
FAILS = 5  # every so manieth call of candidate, once it fails
QUIET_SECONDS = 2.0


@dataclass
class Traffic:
    """Calls at a fixed rate: in turn one that candidate would serve and one that legacy serves.

    Attributes:
        candidate: when candidate was called, in seconds since the epoch.
        bad: when it has failed.
    """

    client: Client
    component: str
    candidate: list[float] = field(default_factory=list)
    bad: list[float] = field(default_factory=list)
    fails: Event = field(default_factory=Event)
    _ending: Event = field(default_factory=Event)

    def start(self) -> Callable[[], None]:
        """Begin; what it gives ends it."""
        thread = Thread(target=self._run)
        thread.start()

        def end() -> None:
            self._ending.set()
            thread.join()

        return end

    def wait_until_quiet(self, seconds: float) -> None:
        """Wait until candidate was not called for a while. TimeoutError when it still is."""
        deadline = time.monotonic() + seconds
        while time.time() - self.candidate[-1] < QUIET_SECONDS:
            if time.monotonic() > deadline:
                raise TimeoutError("Nobody took the traffic back.")
            time.sleep(0.05)

    def _run(self) -> None:
        keys = {variant: self._key(variant) for variant in (Variant.CANDIDATE, Variant.LEGACY)}
        due = time.monotonic()
        for number in count():
            due += 0.5 / RATE
            if self._ending.wait(max(0.0, due - time.monotonic())):
                return
            key = keys[Variant.CANDIDATE if number % 2 else Variant.LEGACY]
            self.client.switch(self.component, {"targetingKey": key}, legacy=lambda: None, candidate=self._candidate)

    def _key(self, variant: Variant) -> str:
        keys = (f"user-{random.random()}" for _ in count())
        return next(key for key in keys if self._variant(key) is variant)

    def _variant(self, key: str) -> Variant:
        return self.client.evaluate(self.component, {"targetingKey": key}).variant

    def _candidate(self) -> None:
        now = time.time()
        self.candidate.append(now)
        if self.fails.is_set() and len(self.candidate) % FAILS == 0:
            self.bad.append(now)
            raise ValueError("candidate fails")
