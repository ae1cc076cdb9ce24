"""What a person orders on the command line, against a real API."""

import json
import os
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.builders import completed_run, served_run, started_migration
from tests.crossfade.control.conftest import Api, Command
from tests.crossfade.control.test_client import plan

ROOT = Path(__file__).parents[3]


def test_health_is_3_when_something_does_not_work(crossfade: Command) -> None:
    code, out, _ = crossfade("health")

    assert code == 3
    assert out.startswith("not healthy\n")
    assert "  Temporal does not answer: nothing advances. Rollback and emergency stop still work." in out.splitlines()
    assert json.loads(crossfade("health", "--json")[1])["healthy"] is False


def test_a_plan_is_started_from_its_file(api: Api, crossfade: Command, tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(plan(api, "started"))

    code, out, err = crossfade("start", str(file))
    again, _, refused = crossfade("start", str(file))

    assert (code, again) == (0, 1)
    assert out.startswith("Started started #1, id ")
    assert "warning: " in err
    assert refused.splitlines()[0] == "crossfade: A migration of this name is already live."
    assert "  Wait for it to end, or abort it." in refused


def test_a_refused_plan_prints_each_problem_with_its_place(crossfade: Command, tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("kind: Plan\n")

    code, out, err = crossfade("start", str(file))

    assert (code, out) == (1, "")
    assert "  1:1: kind: must be 'MigrationPlan'" in err.splitlines()


def test_a_percentage_is_set_and_the_flag_is_listed(crossfade: Command) -> None:
    code, out, _ = crossfade("set", "by-hand", "12.5", "--reason", "try it")
    listed = crossfade("flags")[1]
    (flag,) = [one for one in json.loads(crossfade("flags", "--json")[1])["flags"] if one["name"] == "by-hand"]

    assert (code, out) == (0, "by-hand: candidate serves 12.5 %\n")
    assert any(line.split()[:4] == ["by-hand", "on", "12.5", "%"] for line in listed.splitlines())
    assert flag["servedPercentage"] == 12.5
    assert json.loads(crossfade("flags", "by-hand", "--json")[1]) == flag


def test_a_rollback_is_rehearsed_and_done(api: Api, crossfade: Command) -> None:
    api.change(lambda connection: served_run(connection, "hurts", percentage=50, environment=api.environment))

    _, rehearsed, _ = crossfade("rollback", "hurts", "--dry-run")
    code, out, _ = crossfade("rollback", "hurts", "--reason", "it hurts")

    assert rehearsed.startswith("hurts: would go from 50 % to 0 %; then disable_flag")
    assert code == 0
    assert out.startswith("hurts: legacy for everybody; the steps follow: disable_flag")


def test_without_a_target_the_live_migration_is_paused(api: Api, crossfade: Command) -> None:
    migration = api.change(
        lambda connection: started_migration(connection, ("a",), name="newest", environment=api.environment)
    )

    assert crossfade("pause", "--reason", "lunch")[1] == "migration newest #1: pause is on its way\n"
    assert crossfade("resume", "--migration", str(migration.id))[0] == 0
    assert crossfade("abort", "--reason", "enough")[1] == "migration newest #1: abort is on its way\n"
    assert crossfade("pause", "a", "--phase", "b")[0] == 2
    assert crossfade("resume", "--migration", "00000000-0000-7000-8000-000000000000")[0] == 1


def test_an_order_that_nothing_waits_for_is_refused_with_advice(api: Api, crossfade: Command) -> None:
    api.change(lambda connection: started_migration(connection, ("idle",), name="idle", environment=api.environment))

    for order in ("hold", "pause", "resume"):
        code, out, err = crossfade(order, "idle")
        assert (code, out) == (1, "")
        assert err.startswith("crossfade: Nothing runs that could take this order.")
        assert err.endswith("crossfade status shows where it stands.\n")


def test_an_order_that_needs_temporal_is_4_without_it(api: Api, crossfade: Command) -> None:
    api.change(lambda connection: started_migration(connection, ("known",), name="k", environment=api.environment))

    for order in (("approve", "known"), ("retry", "known"), ("skip", "known", "--reason", "x")):
        code, _, err = crossfade(*order)
        assert (code, err.splitlines()[0]) == (4, "crossfade: Temporal or the worker does not answer.")


def test_a_stop_wants_the_migrations_name(api: Api, crossfade: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    api.change(lambda connection: started_migration(connection, ("s",), name="fire", environment=api.environment))
    crossfade("set", "burning", "30")

    def typed(text: str) -> tuple[int, str, str]:
        with (reading := Path(os.devnull).open() if not text else _file(text)):
            monkeypatch.setattr("sys.stdin", reading)
            return crossfade("stop", "--reason", "drill")

    empty, wrong = typed(""), typed("yes\n")
    right = typed("fire\n")

    assert [code for code, _, _ in (empty, wrong, right)] == [1, 1, 0]
    assert wrong[2].endswith("Type fire to stop: Nothing was stopped.\n")
    assert "  burning" in right[1].splitlines()
    assert right[1].startswith("Stopped: nobody serves candidate any more. Confirmed by 1 replica and 0 clients; ")
    assert crossfade("stop", "--yes", "--reason", "again", "--json")[0] == 0
    crossfade("release", "--reason", "over")


def test_a_stop_stays_in_force_until_it_is_released(api: Api, crossfade: Command) -> None:
    async def complete(connection: AsyncConnection) -> None:
        migration = await started_migration(connection, ("done",), name="held", environment=api.environment)
        await completed_run(connection, "done", environment=api.environment, migration_id=migration.id)

    api.change(complete)
    crossfade("stop", "--yes", "--reason", "drill")
    raised = crossfade("set", "done", "30")
    released = crossfade("release", "--restore", "completed", "--reason", "over")
    again = crossfade("release", "--reason", "over")

    assert (raised[0], raised[2].splitlines()[0]) == (
        1,
        "crossfade: A stop is in force; nothing may be enabled or raised.",
    )
    assert "crossfade release --reason TEXT" in raised[2]
    assert (released[0], released[1].splitlines()) == (
        0,
        ["Released: migrations may start and flags may rise again.", "  done is back at 100 %, as it was"],
    )
    assert (again[0], again[2].splitlines()[0]) == (1, "crossfade: No stop of the environment is in force.")


def _file(text: str) -> IO[str]:
    read, write = os.pipe()
    with os.fdopen(write, "w") as writing:
        writing.write(text)
    return os.fdopen(read)
