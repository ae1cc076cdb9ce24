"""The processes that listen, started and asked."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Listening:
    """One process that is ready."""

    process: "subprocess.Popen[str]"

    def result(self) -> Any:
        """What it has noted; it ends."""
        output, _ = self.process.communicate()
        return json.loads(output)


@contextmanager
def listening(module: str, count: int, ports: Sequence[int], *, back_to: int | None = None) -> Iterator[Listening]:
    """A process of `count` listeners of these ports, once all of them are ready; `back_to`: see `streams`."""
    command = [sys.executable, "-m", f"benchmarks.delivering.{module}", str(count), *map(str, ports)]
    if back_to is not None:
        command += ["--back-to", str(back_to)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"The {module} did not come up.")
            yield Listening(process)
        finally:
            process.kill()
