import os
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
import pytest

from tests.acceptance.running import Running, home, stack, wait_until

PLAN = Path(__file__).with_name("two.yaml").read_text()
HISTORY = """
    select kind, key, action, step, before->>'percentage', after->>'percentage', before->>'status', after->>'status'
    from audit_log where kind in ('migration', 'phase', 'component', 'run', 'flag') order by sequence
"""


@pytest.mark.acceptance
def test_a_migration_whose_worker_is_killed_ends_as_an_undisturbed_one() -> None:
    undisturbed = history_of(lambda _: None)
    assert ("migration", "two/1", "migration.completed") in [row[:3] for row in undisturbed]
    assert history_of(kill_the_worker) == undisturbed


def history_of(disturb: Callable[[Running], None]) -> list[tuple[Any, ...]]:
    """The audit of a migration that was disturbed when its first component served 10 %."""
    with home() as folder, stack(folder) as running:

        def meanwhile(api: httpx.Client) -> None:
            first = "components/utilities-query-builder"
            wait_until(lambda: api.get(first).json()["percentage"] == 10, seconds=60, what="10 % is not served")
            disturb(running)

        running.migrate(PLAN, meanwhile=meanwhile)
        return running.rows(HISTORY)


def kill_the_worker(running: Running) -> None:
    killed = running.pids["worker"]
    os.kill(killed, SIGKILL)
    wait_until(lambda: running.pids["worker"] != killed, seconds=30, what="the worker was not started again")
