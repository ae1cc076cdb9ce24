"""Synthetic traffic in a process of its own: SDK clients that serve made-up requests and report them.

Flags, confirmations and batches are the SDK's own; the response times are drawn, and one candidate can be made to
fail. Ends at SIGTERM and prints what the calls to the server took.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from random import Random
from threading import Event
from time import perf_counter
from types import FrameType

from benchmarks.scaling.latency import Latency
from crossfade.sdk.refresher import Refresher
from crossfade.sdk.reporter import Reporter
from crossfade.sdk.server import Confirmation, Receipt, Server
from crossfade.sdk.serving import Serving
from crossfade.sdk.snapshot import Snapshot
from crossfade.sdk.table import Entry
from crossfade.sdk.tally import Tally
from crossfade.states import Variant
from crossfade.wire import MEMORY_USAGE

TURN = 0.1  # seconds
LIVE_RATE = 40.0  # requests a second of a component that ramps
SETTLED_RATE = 4.0  # and of any other
FAILING = 0.3  # of the broken candidate's requests
BROKEN_FROM = 50  # percent; below, the candidate is well
MEMORY_EVERY = 10  # turns
MEDIAN_MS, SPREAD = 20.0, 0.4


@dataclass(frozen=True, slots=True)
class Served:
    """What this process prints at its end: requests served, and milliseconds by kind of call to the server."""

    requests: int
    ms: dict[str, list[float]]


class TimedServer(Server):
    """The server, with what each call took."""

    def __init__(self, url: str, token: str, took: dict[str, Latency]) -> None:
        super().__init__(url, token)
        self._took = took

    def flags(self, known: int | None, *, timeout: float | None = None) -> Snapshot | None:
        """Fetch the flags."""
        with self._took["GET sdk/flags"].timed():
            return super().flags(known, timeout=timeout)

    def confirm(self, client_id: str, revision: int, epoch: int) -> Confirmation:
        """Confirm what is served."""
        with self._took["POST sdk/confirmations"].timed():
            return super().confirm(client_id, revision, epoch)

    def post(self, batch: bytes, *, timeout: float | None = None) -> Receipt:
        """Hand over a batch."""
        with self._took["POST metrics (SDK batch)"].timed():
            return super().post(batch, timeout=timeout)


class Customers:
    """One process of the application: an SDK client and the people that it serves."""

    def __init__(self, server: Server, *, name: str, share: float, broken: str) -> None:
        self._random = Random(name)
        self._share = share
        self._broken = broken
        self._serving = Serving()
        self._tally = Tally(name)
        self._refresher = Refresher(server, self._serving, client_id=name, cache=None, refresh=1.0)
        self._reporter = Reporter(server, self._tally, client_id=name, interval=1.0)
        self._turns = 0
        self.requests = 0

    def start(self) -> None:
        """Begin to ask and to report."""
        self._refresher.start()
        self._reporter.start()

    def end(self) -> None:
        """Report what is left."""
        self._refresher.end()
        self._reporter.end(2.0)
        self._refresher.wait(2.0)

    def turn(self) -> None:
        """Serve the requests of one turn."""
        self._turns += 1
        for entry in self._serving.table.entries.values():
            self._serve(entry)

    def _serve(self, entry: Entry) -> None:
        flag = entry.flag
        expected = (LIVE_RATE if flag.is_live else SETTLED_RATE) * TURN * self._share
        for _ in range(int(expected + self._random.random())):
            self._request(entry)
        if flag.is_live and self._turns % MEMORY_EVERY == 0:
            for variant in Variant:
                self._tally.gauged(flag.name, variant, flag.revision, MEMORY_USAGE, 0.4)

    def _request(self, entry: Entry) -> None:
        flag = entry.flag
        evaluation = entry.evaluate({"targetingKey": f"customer-{self._random.randrange(1_000_000)}"})
        variant, ended = evaluation.variant, perf_counter()
        started = ended - self._random.lognormvariate(0.0, SPREAD) * MEDIAN_MS / 1000
        self.requests += 1
        if variant is Variant.CANDIDATE and self._is_failing(entry):
            self._tally.failed(flag.name, variant, evaluation.revision, started, ended, fell_back=True)
        else:
            self._tally.answered(flag.name, variant, evaluation.revision, started, ended)
        if self._random.random() < entry.shadow_share:
            self._tally.compared(flag.name, evaluation.revision, ())

    def _is_failing(self, entry: Entry) -> bool:
        flag = entry.flag
        return flag.name == self._broken and flag.served_percentage >= BROKEN_FROM and self._random.random() < FAILING


def main() -> int:
    """Serve until SIGTERM."""
    asked = _parser().parse_args()
    ending = Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    took: dict[str, Latency] = defaultdict(Latency)
    clients = [
        Customers(
            TimedServer(os.environ["CROSSFADE_URL"], os.environ["CROSSFADE_TOKEN"], took),
            name=f"scale-{number}",
            share=1 / asked.clients,
            broken=asked.broken,
        )
        for number in range(asked.clients)
    ]
    for client in clients:
        client.start()
    _serve(clients, ending)
    for client in clients:
        client.end()
    milliseconds = {call: latency.milliseconds for call, latency in took.items()}
    print(json.dumps(asdict(Served(sum(client.requests for client in clients), milliseconds))))
    return 0


def _serve(clients: list[Customers], ending: Event) -> None:
    due = time.monotonic()
    while not ending.wait(max(0.0, due - time.monotonic())):
        due = max(due + TURN, time.monotonic() - TURN)  # what a busy machine has missed is not made up for
        for client in clients:
            client.turn()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling.traffic", description=__doc__)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--broken", default="", help="the component whose candidate fails from 50 %% on")
    return parser


if __name__ == "__main__":
    sys.exit(main())
