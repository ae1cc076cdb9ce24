"""The load generator `wrk`, and what it says."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from statistics import median

PROGRAM = "wrk"
PACKAGE = "It is in the Debian package wrk: apt-get install wrk"
THREADS = 1
CONNECTIONS = 16
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_PERCENTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", re.MULTILINE)
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
# Every request is about somebody else.
_SCRIPT = """
local number = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %s"
request = function()
  number = number + 1
  local body = '{"context":{"targetingKey":"user-' .. number .. '","userGroups":["beta-testers"],"country":"DE"}}'
  return wrk.format(nil, nil, nil, body)
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load was answered with: all processes together, and the slowest of their percentiles."""

    per_second: float
    p50_ms: float
    p99_ms: float
    refused: int


def is_installed() -> bool:
    """Whether there is a generator at all."""
    return which(PROGRAM) is not None


def load(urls: Sequence[str], *, token: str, seconds: int, folder: Path) -> Load:
    """Load all addresses at once, each with a generator of its own."""
    script = folder / "request.lua"
    script.write_text(_SCRIPT % token)
    options = [f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script)]
    running = [subprocess.Popen([PROGRAM, *options, url], stdout=subprocess.PIPE, text=True) for url in urls]
    return together([_read(each.communicate()[0]) for each in running])


def together(loads: Sequence[Load]) -> Load:
    """Several at the same time as one."""
    return Load(
        sum(each.per_second for each in loads),
        max(each.p50_ms for each in loads),
        max(each.p99_ms for each in loads),
        sum(each.refused for each in loads),
    )


def middle(loads: Sequence[Load]) -> Load:
    """The medians of several, one after the other."""
    return Load(
        median(each.per_second for each in loads),
        median(each.p50_ms for each in loads),
        median(each.p99_ms for each in loads),
        sum(each.refused for each in loads),
    )


def _read(said: str) -> Load:
    rate = _RATE.search(said)
    times = {percent: float(number) * _MILLISECONDS[unit] for percent, number, unit in _PERCENTILE.findall(said)}
    if rate is None or len(times) < 2:
        raise RuntimeError(f"{PROGRAM} said {json.dumps(said[-300:])}")
    refused = _REFUSED.search(said)
    return Load(float(rate[1]), times["50"], times["99"], int(refused[1]) if refused else 0)
