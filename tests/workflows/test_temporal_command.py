"""The commands of docs/temporal.md, run as they stand there by the real `temporal` against a running migration."""

import asyncio
import json
import os
import re
import shlex
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import local.temporal
from crossfade.plan.resolved import PhasePlan, Policy
from crossfade.states import ComponentStatus, MigrationStatus, PhaseStatus
from tests.workflows.plans import APPROVAL, LONG, component, steps
from tests.workflows.stage import Stage
from workflows.phase import Phase

PAGE = Path(__file__).parent.parent.parent / "docs" / "temporal.md"
ROLLOUT = "rollout/production/search-fuzzy"
HELD, PAUSED, RAMPING = ComponentStatus.HELD, ComponentStatus.PAUSED, ComponentStatus.RAMPING


def commands() -> list[str]:
    """Every command of the page, in its order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


class Shell:
    """Runs the page's commands for a migration `demo`: one component is complete, one ramps, one has not begun."""

    def __init__(self, stage: Stage, address: str) -> None:
        self.stage, self.address = stage, address
        self.migration: UUID
        self.answer = ""

    async def start(self) -> None:
        ramp = (*steps(10, hold=LONG), *steps(25, hold=LONG, approval=APPROVAL), *steps(50, 100, hold=LONG))
        parts = (
            component("search-index", ramp=steps(100), bake=timedelta(0)),
            component("search-fuzzy", ramp=ramp, depends_on=("search-index",)),
            component("search-socket", ramp=ramp, depends_on=("search-index",)),
        )
        plan = PhasePlan(name="search", components=parts)
        self.migration = await self.stage.start(plan, policy=Policy(max_components_ramping=1), name="demo")
        await self.stage.until_percentage("search-fuzzy", 10)
        await self.stage.until_waiting(self.migration, "search-fuzzy", "hold to end")

    async def run(self, line: str) -> str:
        """Run one command and give what it prints."""
        program, *words = shlex.split(line.replace("production", self.stage.environment))
        process = await asyncio.create_subprocess_exec(
            local.temporal.program(program, os.environ),
            *words,
            *("--output", "json"),
            env={**os.environ, "TEMPORAL_ADDRESS": self.address, "TEMPORAL_CONFIG_FILE": os.devnull},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, f"{line}\n{err.decode()}"
        return out.decode()

    async def component(self, status: ComponentStatus, name: str = "search-fuzzy") -> None:
        await self.stage.until_component(self.migration, name, status)

    async def served(self, percentage: int, name: str = "search-fuzzy") -> None:
        await self.stage.until_percentage(name, percentage)

    async def listed(self, line: str, *workflows: str) -> None:
        """Visibility lags behind: list again until it shows exactly these."""

        async def ids() -> set[str]:
            return {item["execution"]["workflowId"] for item in json.loads(await self.run(line))}

        expected = {workflow.replace("production", self.stage.environment) for workflow in workflows}
        await self.stage.until(f"{line} lists {expected}", ids, lambda seen: seen == expected)


Check = Callable[[Shell, str], Awaitable[None]]


async def lists_all(shell: Shell, line: str) -> None:
    await shell.listed(line, "migration/production/demo", "phase/production/demo/search", ROLLOUT, "monitor/production")


async def lists_the_ramping(shell: Shell, line: str) -> None:
    await shell.listed(line, ROLLOUT)


async def describes(shell: Shell, _line: str) -> None:
    seen = json.loads(shell.answer)["workflowExecutionInfo"]["searchAttributes"]["indexedFields"]
    assert {"MigrationComponent", "MigrationStatus", "RolloutPercentage"} <= seen.keys()


async def tells_the_story(shell: Shell, _line: str) -> None:
    for words in ("search-fuzzy", "**10 %**", "its hold to end", "waits for"):
        assert words in shell.answer


async def has_a_state(shell: Shell, _line: str) -> None:
    assert '"waits_for"' in shell.answer or '"phases"' in shell.answer or '"components"' in shell.answer


async def has_a_history(shell: Shell, _line: str) -> None:
    assert "10 % published as revision" in shell.answer


def becomes(status: ComponentStatus, percentage: int) -> Check:
    async def check(shell: Shell, _line: str) -> None:
        await shell.served(percentage)
        await shell.component(status)

    return check


async def pauses_all(shell: Shell, _line: str) -> None:
    await shell.component(PAUSED)
    await shell.stage.until_phase(shell.migration, "search", PhaseStatus.PAUSED)


async def goes_back(shell: Shell, _line: str) -> None:
    """The phase knows it too, which a retry needs."""
    await shell.served(0)
    phase = shell.stage.phase("search", "demo")
    await shell.stage.until(
        "the phase knows",
        lambda: phase.query(Phase.state),
        lambda seen: seen.components["search-fuzzy"] is ComponentStatus.ROLLED_BACK,
    )


async def approves(shell: Shell, _line: str) -> None:
    assert "step 2 approved" in shell.answer


async def skips(shell: Shell, _line: str) -> None:
    await shell.component(ComponentStatus.SKIPPED, "search-socket")


async def retires(shell: Shell, _line: str) -> None:
    assert "search-index is retired" in shell.answer


async def stops_and_starts_again(shell: Shell, _line: str) -> None:
    await shell.stage.until_status(shell.migration, MigrationStatus.FAILED)
    assert (await shell.stage.flag("search-index")).served_percentage == Decimal(100)
    assert (await shell.stage.flag("search-fuzzy")).served_percentage == Decimal(0)
    await shell.component(ComponentStatus.STOPPED)
    await shell.stage.until_ended("demo")
    await shell.stage.until("no live run", shell.stage.live_runs, lambda seen: not seen)
    await shell.start()


async def aborts(shell: Shell, _line: str) -> None:
    await shell.stage.until_status(shell.migration, MigrationStatus.ABORTED)
    await shell.served(0)
    await shell.served(100, "search-index")


# What each kind of command does, in the order of the page: verb, name, workflow -> the fact that follows it.
CHECKS: list[tuple[str, Check]] = [
    (r"list .*ExecutionStatus", lists_all),
    (r"list .*RolloutPercentage", lists_the_ramping),
    (r"list .*MigrationComponent = 'search-fuzzy'", lists_the_ramping),
    (r"describe", describes),
    (r"metadata", tells_the_story),
    (r"query .*state", has_a_state),
    (r"query .*history", has_a_history),
    (r"signal .*rollout.* pause", becomes(PAUSED, 10)),
    (r"signal .*(phase|migration).* pause", pauses_all),
    (r"signal .* resume", becomes(RAMPING, 10)),
    (r"update .* approve", approves),
    (r"update .* promote", becomes(RAMPING, 25)),
    (r"update .* set_percentage", becomes(HELD, 15)),
    (r"update .* hold", becomes(HELD, 15)),
    (r"signal .* hold", becomes(HELD, 5)),
    (r"signal .* roll_back", goes_back),
    (r"update .* retry", becomes(RAMPING, 10)),
    (r"update .* skip", skips),
    (r"update .* retire", retires),
    (r"signal .* emergency_stop", stops_and_starts_again),
    (r"signal .* abort", aborts),
]


async def test_every_command_of_the_page_does_what_the_page_says(stage: Stage, temporal: str) -> None:
    shell = Shell(stage, temporal)
    await shell.start()
    unused = dict(CHECKS)
    for line in commands():
        shell.answer = await shell.run(line)
        pattern = next(pattern for pattern, _ in CHECKS if re.search(rf"workflow {pattern}", line))
        await dict(CHECKS)[pattern](shell, line)
        unused.pop(pattern, None)
    assert not unused
