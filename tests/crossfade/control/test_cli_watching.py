"""The live state on the command line, in processes of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from tests.api.conftest import ADMIN
from tests.builders import completed_run, served_run, started_migration
from tests.crossfade.control.conftest import Api, Command
from tests.crossfade.control.test_client import plan

ROOT = Path(__file__).parents[3]


def process(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSFADE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "crossfade.control", *arguments],
        cwd=ROOT,
        env={**kept, "PYTHONUNBUFFERED": "1", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_state_is_shown_once_and_an_ended_migration_is_3(api: Api, crossfade: Command) -> None:
    async def state(connection: AsyncConnection) -> None:
        migration = await started_migration(connection, ("full", "half"), name="shown", environment=api.environment)
        await completed_run(connection, "full", environment=api.environment, migration_id=migration.id)
        await served_run(connection, "half", percentage=50, environment=api.environment, migration_id=migration.id)

    api.change(state)

    code, out, _ = crossfade("status", "--once")
    shown = json.loads(crossfade("status", "--once", "--json")[1])
    crossfade("stop", "--yes", "--reason", "drill")
    crossfade("release", "--reason", "over")
    ended = crossfade("status", "--interval", "1")

    assert code in {0, 3}
    assert out.startswith("shown #1 pending · 1 of 2 components complete · ")
    half = next(line for line in out.splitlines() if line.startswith("  half"))
    assert half.split()[:3] == ["half", "█████░░░░░", "50"]
    assert shown["migration"]["name"] == "shown"
    assert ended[0] == 3
    assert "shown #1 failed" in ended[1]


def test_in_a_pipe_the_live_state_is_lines_without_colours_and_ends_with_the_migration(
    api: Api, crossfade: Command
) -> None:
    api.change(lambda connection: started_migration(connection, ("p",), name="piped", environment=api.environment))
    watching = process("status", "--interval", "1", CROSSFADE_URL=api.url, CROSSFADE_TOKEN=ADMIN)
    assert watching.stdout is not None
    first = watching.stdout.readline()

    crossfade("stop", "--yes", "--reason", "drill")
    rest, err = watching.communicate(timeout=30)
    crossfade("release", "--reason", "over")

    assert watching.returncode == 3, err
    assert "piped #1 pending" in first
    assert "piped #1 failed" in rest
    assert "\x1b" not in first + rest


def test_a_followed_start_is_3_when_the_migration_does_not_complete(
    api: Api, crossfade: Command, tmp_path: Path
) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(plan(api, "followed"))
    following = process("start", str(file), "--follow", "--json", CROSSFADE_URL=api.url, CROSSFADE_TOKEN=ADMIN)
    assert following.stdout is not None
    started, first = (json.loads(following.stdout.readline()) for _ in range(2))

    crossfade("stop", "--yes", "--reason", "drill")
    rest, err = following.communicate(timeout=30)
    crossfade("release", "--reason", "over")

    assert (following.returncode, err) == (3, "")
    assert first["migration"]["id"] == started["id"]
    assert json.loads(rest.splitlines()[-1])["migration"]["status"] == "failed"


def test_each_update_is_one_json_object(api: Api, crossfade: Command) -> None:
    api.change(lambda connection: started_migration(connection, ("j",), name="json", environment=api.environment))
    watching = process("status", "--json", "--interval", "1", CROSSFADE_URL=api.url, CROSSFADE_TOKEN=ADMIN)
    assert watching.stdout is not None
    first, second = (json.loads(watching.stdout.readline()) for _ in range(2))

    crossfade("stop", "--yes", "--reason", "drill")
    last = json.loads(watching.communicate(timeout=30)[0].splitlines()[-1])
    crossfade("release", "--reason", "over")

    assert first["migration"]["name"] == second["migration"]["name"] == "json"
    assert (last["migration"]["status"], watching.returncode) == ("failed", 3)


def test_ctrl_c_ends_quietly(api: Api) -> None:
    api.change(lambda connection: started_migration(connection, ("c",), name="cut", environment=api.environment))
    watching = process("status", "--interval", "1", CROSSFADE_URL=api.url, CROSSFADE_TOKEN=ADMIN)
    assert watching.stdout is not None
    watching.stdout.readline()

    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=30)

    assert (watching.returncode, err) == (130, "")


def test_a_reader_that_goes_away_ends_it_quietly(api: Api) -> None:
    watching = process("status", "--json", "--interval", "1", CROSSFADE_URL=api.url, CROSSFADE_TOKEN=ADMIN)
    assert watching.stdout is not None
    assert watching.stderr is not None
    watching.stdout.readline()

    watching.stdout.close()
    code = watching.wait(timeout=30)

    assert (code, watching.stderr.read()) == (141, "")
    watching.stderr.close()
