"""`python -m local demo`: the whole stack, one migration under live traffic, a summary."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from local import summary
from local.counts import Beginning, Difference, beginnings, differences
from local.fault import Fault
from local.guide import Ending, Guide
from local.rest import Rest
from local.screen import screen
from local.stack import Stack, serve_until_interrupted, up
from local.view import MigrationView

_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for; `exits` ends after the summary instead of serving."""

    fault: Fault | None = None
    exits: bool = False


def run(environ: Mapping[str, str], options: Options) -> Ending:
    """Start everything, migrate, say what has come out, and serve until Ctrl-C unless told to end."""
    with up(environ, has_traffic=False) as stack:
        ending = _perform(stack, options)
        if not options.exits:
            print("Serving until Ctrl-C ...", flush=True)
            serve_until_interrupted(stack)
    return ending


def _perform(stack: Stack, options: Options) -> Ending:
    addresses = stack.addresses
    with (
        Rest(addresses.api, addresses.admin_token, stack.check) as rest,
        httpx.Client(base_url=addresses.app, timeout=10, trust_env=False) as app,
        httpx.Client(base_url=addresses.traffic, timeout=10, trust_env=False) as traffic,
    ):
        shown = screen()
        guide = Guide(rest, app, shown, options.fault, _PATIENCE_SECONDS if options.exits else None)
        guide.mend()
        print(stack.describe(), flush=True)
        started = time.monotonic()
        with shown:
            migration = guide.begin()
            began = beginnings(rest, migration)
            stack.start_traffic()
            migration = guide.follow(migration, stack.check)
        seconds = time.monotonic() - started
        return _conclude(guide, migration, began, traffic, seconds)


def _conclude(
    guide: Guide, migration: MigrationView, began: Mapping[str, Beginning], traffic: httpx.Client, seconds: float
) -> Ending:
    compared, differing = differences(traffic, lambda: guide.rest.migration(migration.id), began)
    migration = guide.rest.migration(migration.id)
    rollbacks = guide.rollbacks(migration)
    ending = guide.ending(migration, rollbacks)
    print()
    for line in summary.summary(migration, rollbacks, seconds):
        print(line)
    for rollback in rollbacks:
        for line in summary.of_rollback(rollback, guide.rest.flag(rollback.component).percentage, migration):
            print(line)
    for line in summary.of_counts(compared, differing):
        print(line)
    return _final(ending, differing)


def _final(ending: Ending, differing: list[Difference]) -> Ending:
    """A number that disagrees is not a success."""
    final = Ending.UNEXPECTED if differing else ending
    if final is Ending.ROLLED_BACK:
        print("The fault was found and taken back, for the expected reason.", flush=True)
    if final is Ending.UNEXPECTED:
        print("This is not what was expected.", flush=True)
    return final
