"""The thread that brings the samples to the server, each batch exactly once."""

import json
import logging
import random
import time
from dataclasses import MISSING, dataclass, fields
from threading import Event, Thread

from crossfade.sdk.clocks import boottime
from crossfade.sdk.server import Receipt, Server
from crossfade.sdk.tally import Tally
from crossfade.sdk.uuid7 import uuid7
from crossfade.wire import Summary

log = logging.getLogger("crossfade.sdk")

ENOUGH_BYTES = 400_000
"""A batch takes no more groups once it is this long; the server reads a megabyte, and no group fills half of that."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
POST_TIMEOUT = 5.0
_DEFAULTS = {field.name: field.default for field in fields(Summary) if field.default is not MISSING}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch whose id and bytes no longer change, so that the server can count it once."""

    body: bytes
    samples: int


class Reporter:
    """Seals a batch only when the one before has been acknowledged; meanwhile samples merge in the tally."""

    def __init__(self, server: Server, tally: Tally, *, client_id: str, interval: float) -> None:
        self._server = server
        self._tally = tally
        self._client_id = client_id
        self._interval = interval
        self._left: list[str] = []
        self._pending: Sealed | None = None
        self._attempts = 0
        self._retry_at = 0.0
        self._deadline = float("inf")
        self._ending = Event()
        self._thread = Thread(target=self._run, name="crossfade-report", daemon=True)

    def start(self) -> None:
        """Begin reporting."""
        self._thread.start()

    def end(self, timeout: float) -> None:
        """Report what is left within the timeout, and count what could not be."""
        self._deadline = boottime() + timeout
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._ending.wait(self._interval):
            self._guarded_report()
        self._flush()

    def _flush(self) -> None:
        self._retry_at = 0.0
        while boottime() < self._deadline:
            self._guarded_report()
            if self._pending is None:
                return
            time.sleep(min(0.1, max(0.0, self._deadline - boottime())))
            self._retry_at = 0.0
        self._tally.fold()
        lost = sum(summary.count for summary in self._tally.take(10**9))
        self._tally.dropped.add(lost + (self._pending.samples if self._pending else 0))

    def _guarded_report(self) -> None:
        try:
            self._report()
        except Exception:  # the edge of a thread: one sample that cannot be told must not silence all others
            log.exception("a batch of metrics was lost")
            self._drop()

    def _report(self) -> None:
        self._tally.fold()
        while boottime() < self._deadline:
            self._pending = self._pending or self._seal()
            if self._pending is None or boottime() < self._retry_at:
                return
            receipt = self._server.post(self._pending.body, timeout=self._patience())
            if receipt is Receipt.AGAIN:
                self._retry_at = boottime() + self._pause()
                return
            if receipt is Receipt.REFUSED:
                log.error("the server refused a batch of %d samples for good", self._pending.samples)
                self._drop()
            self._pending, self._attempts = None, 0

    def _drop(self) -> None:
        if self._pending is not None:
            self._tally.dropped.add(self._pending.samples)
            self._pending = None

    def _patience(self) -> float:
        return max(0.05, min(POST_TIMEOUT, self._deadline - boottime()))

    def _pause(self) -> float:
        """Full jitter (Brooker 2015): anything up to a doubling limit."""
        limit = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 16)
        return random.uniform(0, limit)  # noqa: S311 - not a secret

    def _seal(self) -> Sealed | None:
        rows: list[str] = []
        samples = size = 0
        while size < ENOUGH_BYTES and (summaries := self._tally.take(1)):
            taken = [_row(summary) for summary in summaries]
            rows += taken
            size += sum(map(len, taken))
            samples += sum(summary.count for summary in summaries)
        if not rows:
            return None
        head = json.dumps({"batchId": uuid7(), "client": self._client_id, "sentAt": time.time()})
        return Sealed(f'{head[:-1]},"summaries":[{",".join(rows)}]}}'.encode(), samples)


def _row(summary: Summary) -> str:
    members = {field.name: getattr(summary, field.name) for field in fields(summary)}
    told = {name: value for name, value in members.items() if value != _DEFAULTS.get(name, MISSING)}
    return json.dumps(told, separators=(",", ":"))
