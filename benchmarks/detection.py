"""How long a candidate is served after it has begun to fail: from its first bad request to its last request.

A candidate with 50 requests a second, healthy for five minutes, begins to fail a fifth of them; real API, worker,
Temporal, Postgres and SDK client. In turn with a guardrail that rolls back at its first bad reading, which has the bar,
and with one that tolerates a bad reading (`failureLimit: 1`), which waits for the next batch on purpose.
`python -m benchmarks.detection [--rounds N] [--json]`; exit code 1 when the bar is missed.
"""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median

from benchmarks.detecting.rollout import Rollout
from benchmarks.detecting.stack import SDK_TOKEN, Stack, running
from benchmarks.detecting.traffic import Traffic
from benchmarks.harness.report import Bar, Report, machine, versions
from benchmarks.harness.table import table
from crossfade.sdk import Client

LIMIT_SECONDS = 4.0
PATIENCE = 60.0
TOLERATED = (0, 1)
# The place of the fault within a bucket of ten seconds and between two ticks is chance, as in life.
HEALTHY_SECONDS = (12.0, 22.0)
VERSIONS = ("asyncpg", "fastapi", "httpx", "temporalio", "uvicorn")


@dataclass(frozen=True, slots=True)
class Detection:
    """One round, in seconds.

    Attributes:
        tolerated: how many bad readings the guardrail tolerates.
        flush: from the first bad request until the client sends the batch that decides.
        ingest: until the server has counted it.
        judging: until the rollback begins in Postgres.
        publish: until the server's stream says that there is something new.
        client: until candidate is called for the last time; negative when that was before the stream's word.
        total: all of it.
        bad: how many requests have failed.
    """

    tolerated: int
    flush: float
    ingest: float
    judging: float
    publish: float
    client: float
    total: float
    bad: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when the bar is missed."""
    asked = _parser().parse_args(arguments)
    with running() as stack:
        rounds = [_measured(stack, number, tolerated) for number in range(asked.rounds) for tolerated in TOLERATED]
    report = Report(
        name="detection",
        machine=machine(),
        versions=versions(VERSIONS),
        rounds=asked.rounds,
        results={"seconds": [asdict(each) for each in rounds]},
        bars=(
            Bar.at_most(
                "first bad to last candidate request, median",
                median(each.total for each in rounds if not each.tolerated),
                limit=LIMIT_SECONDS,
                unit="s",
            ),
        ),
    )
    print(report.as_json() if asked.json else _text(report, rounds))
    return 0 if all(bar.holds for bar in report.bars) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="faults (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _measured(stack: Stack, number: int, tolerated: int) -> Detection:
    rollout = Rollout(stack, f"failing-{number}-{tolerated}", tolerated=tolerated)
    rollout.begin()
    client = Client(stack.url, SDK_TOKEN)
    posts = _noted(client)
    client.start()
    traffic = Traffic(client, rollout.component)
    with rollout.followed() as told:
        end = traffic.start()
        try:
            time.sleep(random.uniform(*HEALTHY_SECONDS))
            traffic.fails.set()
            time.sleep(1)
            traffic.wait_until_quiet(PATIENCE)
        finally:
            end()
            client.close()
        return _split(traffic, posts, rollout, told)


def _noted(client: Client) -> list[tuple[float, float]]:
    """When each batch was sent and acknowledged: the one thing that only the inside of the client knows."""
    posts: list[tuple[float, float]] = []
    server = client._server  # noqa: SLF001 - as said
    post = server.post

    def noting(body: bytes, *, timeout: float) -> object:
        began = time.time()
        receipt = post(body, timeout=timeout)
        posts.append((began, time.time()))
        return receipt

    setattr(server, "post", noting)  # noqa: B010 - mypy allows no assignment to a method
    return posts


def _split(
    traffic: Traffic, posts: Sequence[tuple[float, float]], rollout: Rollout, told: Sequence[float]
) -> Detection:
    rolled_back = rollout.rolled_back_at()
    first, last = traffic.bad[0], traffic.candidate[-1]
    sent, counted = max(post for post in posts if post[1] <= rolled_back)
    known = min(moment for moment in told if moment >= rolled_back)
    return Detection(
        tolerated=rollout.tolerated,
        flush=sent - first,
        ingest=counted - sent,
        judging=rolled_back - counted,
        publish=known - rolled_back,
        client=last - known,
        total=last - first,
        bad=len(traffic.bad),
    )


def _text(report: Report, rounds: Sequence[Detection]) -> str:
    chosen = [each for tolerated in TOLERATED for each in rounds if each.tolerated == tolerated]
    rows = [["round", *_shown(each)] for each in chosen]
    for tolerated in TOLERATED:
        mine = [each for each in rounds if each.tolerated == tolerated]
        middle = (median(getattr(each, field.name) for each in mine) for field in fields(Detection)[1:])
        rows.append(["median", *_shown(Detection(tolerated, *middle))])
    head = ["seconds", *(field.name for field in fields(Detection))]
    return "\n".join((f"{report.name} on {report.machine}", "", table(head, rows), "", report.bars_text()))


def _shown(each: Detection) -> list[str]:
    spans = (f"{getattr(each, field.name):.2f}" for field in fields(each)[1:-1])
    return [str(each.tolerated), *spans, f"{each.bad:g}"]


if __name__ == "__main__":
    sys.exit(main())
