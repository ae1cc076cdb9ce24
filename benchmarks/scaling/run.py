"""One migration of a generated plan on a stack of its own, with everything that is measured meanwhile."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import asyncpg
import httpx

from benchmarks.scaling import journal
from benchmarks.scaling.footprint import Footprint, Footprints
from benchmarks.scaling.histories import Histories, histories
from benchmarks.scaling.latency import Spread
from benchmarks.scaling.plan import BAKE, Size, holds, plan_text
from benchmarks.scaling.probes import Api, Ticks, repeatedly
from benchmarks.scaling.traffic import Served
from local.services import Service
from local.stack import Stack, start

CUSTOMERS = "customers"
LOOK = 1.0  # seconds between looks at the components
ENDED = frozenset({"completed", "aborted", "failed"})


class NotMeasured(Exception):
    """The run did not come to its end."""


@dataclass(slots=True)
class Result:
    """What one migration took."""

    status: str
    seconds: float
    requests: int
    histories: dict[str, Histories]
    footprints: dict[str, Footprint]
    waits: dict[str, Spread]
    turnarounds: Spread
    ticks: Spread
    api: dict[str, Spread]
    refused: dict[str, int]
    fault: journal.Fault | None
    tables: dict[str, journal.Grown]


@dataclass(slots=True)
class Watch:
    """The migration under way."""

    stack: Stack
    size: Size
    api: Api
    migration: str


async def run(stack: Stack, size: Size, *, patience: float, tell: Callable[[str], None]) -> Result:
    """Migrate, with one candidate that fails on the way.

    Raises:
        NotMeasured: It did not end within so many seconds.
    """
    addresses = stack.addresses
    footprints = Footprints()
    async with AsyncExitStack() as opened:
        api = await opened.enter_async_context(Api(addresses.api, admin=addresses.admin_token, sdk=addresses.sdk_token))
        database = await asyncpg.connect(addresses.database_url.replace("+asyncpg", ""))
        opened.push_async_callback(database.close)
        ticks = Ticks(database, size.broken)
        footprints.sample(stack.supervisor.pids())
        await api.flag()
        began = time.monotonic()
        watch = Watch(stack, size, api, await api.start(plan_text(size)))
        _start_customers(stack, size)
        status = await _followed(watch, ticks, footprints, patience=patience, tell=tell)
        seconds = time.monotonic() - began
        traffic = _end_customers(stack)
        return Result(
            status=status,
            seconds=seconds,
            requests=traffic.requests,
            histories=await histories(addresses.temporal),
            footprints=footprints.found,
            waits=_spreads(journal.waits(await journal.moves(database, watch.migration), holds(size), BAKE)),
            turnarounds=Spread.of(await journal.turnarounds(database, watch.migration)),
            ticks=Spread.of(ticks.gaps),
            api=_spreads({**{name: one.milliseconds for name, one in api.took.items()}, **traffic.ms}),
            refused=dict(api.failed),
            fault=await journal.fault(database, size.broken, ticks.bad_at),
            tables=await journal.grown(database),
        )


async def _followed(
    watch: Watch, ticks: Ticks, footprints: Footprints, *, patience: float, tell: Callable[[str], None]
) -> str:
    """Look after the migration until it ends, with the probes beside; its status."""
    api, stack = watch.api, watch.stack

    async def sample() -> None:
        stack.check()
        footprints.sample(stack.supervisor.pids())

    beside = [
        asyncio.create_task(repeatedly(what, seconds=seconds))
        for what, seconds in ((api.health, 0.5), (api.flag, 2.0), (api.metrics, 1.0), (ticks.look, 0.2), (sample, 2.0))
    ]
    try:
        async with asyncio.timeout(patience):
            status = ""
            while status not in ENDED:
                with suppress(httpx.HTTPError):  # counted where it is made; the next look comes soon
                    status = await _looked_after(watch, tell)
                await asyncio.wait([*beside], timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                _raise_failed(beside)
            return status
    except TimeoutError:
        raise NotMeasured(f"the migration did not end within {patience:.0f} s") from None
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


def _raise_failed(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def _looked_after(watch: Watch, tell: Callable[[str], None]) -> str:
    """Do what a person does: approve, and skip what was rolled back."""
    migration = await watch.api.migration(watch.migration)
    components = await watch.api.components(watch.migration)
    for component in components:
        name = component["name"]
        with suppress(httpx.HTTPError):
            if str(component["waitingFor"]).startswith("approval"):
                await watch.api.approve(name)
            if component["status"] == "rolled_back":
                await _skip(watch, name, tell)
    settled = sum(component["status"] in {"completed", "skipped"} for component in components)
    tell(f"{settled} of {len(components)} components settled")
    return str(migration["status"])


async def _skip(watch: Watch, name: str, tell: Callable[[str], None]) -> None:
    tell(f"{name} was rolled back and is skipped")
    await watch.api.skip(name)
    await watch.api.resume(watch.migration)


def _start_customers(stack: Stack, size: Size) -> None:
    environment = {"CROSSFADE_URL": stack.addresses.api, "CROSSFADE_TOKEN": stack.addresses.sdk_token}
    command = (sys.executable, "-m", "benchmarks.scaling.traffic", "--broken", size.broken)
    start(stack.supervisor, [Service(CUSTOMERS, command, environment)])


def _end_customers(stack: Stack) -> Served:
    stack.supervisor.running.pop(CUSTOMERS).child.stop()
    *_, last = stack.supervisor.log(CUSTOMERS).read_text().splitlines()
    return Served(**json.loads(last))


def _spreads(figures: dict[str, list[float]]) -> dict[str, Spread]:
    return {name: Spread.of(values) for name, values in figures.items()}
