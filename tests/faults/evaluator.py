"""A client application that evaluates flags all the time and writes each evaluation down: when it began, what it gave.

`python -m tests.faults.evaluator URL CLIENT_ID FILE FLAG...`; the token is in CROSSFADE_TOKEN. With `--endless` it is a
client as there must be none: its validity never ends. It says `candidate` when it has first been given that, and ends
at SIGTERM.
"""

import argparse
import os
import signal
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from crossfade.sdk import Client

KEYS = 40
PAUSE = 0.002
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Trace:
    """What one client was given: instants of beginning in nanoseconds, and after each whether it was candidate."""

    words: "array[int]"

    def __len__(self) -> int:
        """How many evaluations."""
        return len(self.words) // 2

    def candidates(self) -> Iterator[int]:
        """When the evaluations began that gave candidate."""
        for began, is_candidate in zip(self.words[::2], self.words[1::2], strict=True):
            if is_candidate:
                yield began


def boot_nanoseconds() -> int:
    """The clock of the trace; the same for all processes of a machine."""
    return time.clock_gettime_ns(_CLOCK)


def read(file: Path) -> Trace:
    """Read what a client has written down."""
    words = array("q")
    words.frombytes(file.read_bytes())
    return Trace(words)


def main() -> None:
    """Evaluate until SIGTERM, then write the trace."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.evaluator")
    for name in ("url", "client_id"):
        parser.add_argument(name)
    parser.add_argument("file", type=Path)
    parser.add_argument("flags", nargs="+")
    parser.add_argument("--endless", action="store_true")
    chosen = parser.parse_args()
    ending = Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    client = Client(chosen.url, os.environ["CROSSFADE_TOKEN"], client_id=chosen.client_id)
    if chosen.endless:
        client._serving.validity.until = float("inf")
    client.start()
    words = evaluate(client, chosen.flags, ending)
    chosen.file.write_bytes(words.tobytes())
    client.close()


def evaluate(client: Client, flags: list[str], ending: Event) -> "array[int]":
    """Evaluate in turn, a few at a time."""
    words = array("q")
    asked = [(flag, {"targetingKey": f"user-{number}"}) for flag in flags for number in range(KEYS)]
    place = 0
    has_told = False
    while not ending.wait(PAUSE):
        for flag, context in asked[place : place + 10]:
            began = boot_nanoseconds()
            is_candidate = client.is_enabled(flag, context)
            words.extend((began, is_candidate))
            if is_candidate and not has_told:
                has_told = True
                sys.stdout.write("candidate\n")
                sys.stdout.flush()
        place = (place + 10) % len(asked)
    return words


if __name__ == "__main__":
    main()
