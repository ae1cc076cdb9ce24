"""The command line against a real API: what a person reads, and the exit code that a script gets."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.control.cli.running import run
from crossfade.plan.__main__ import main as plans_command
from tests.api.conftest import ADMIN, SDK
from tests.builders import completed_run, served_run, started_migration
from tests.crossfade.control.conftest import Api
from tests.crossfade.control.scripted import Scripted, answer
from tests.crossfade.control.test_client import plan

ROOT = Path(__file__).parents[3]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def crossfade(api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command against the API; its exit code, what it prints, and what it complains about."""
    monkeypatch.setenv("CROSSFADE_URL", api.url)
    monkeypatch.setenv("CROSSFADE_TOKEN", ADMIN)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return command


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


def test_health_is_3_when_something_does_not_work(crossfade: Command) -> None:
    code, out, _ = crossfade("health")

    assert code == 3
    assert out.splitlines() == [
        "not healthy",
        "  Temporal does not answer: nothing advances. Rollback and emergency stop still work.",
    ]
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
    assert crossfade("stop", "--yes", "--reason", "again", "--json")[0] == 0


def _file(text: str) -> IO[str]:
    read, write = os.pipe()
    with os.fdopen(write, "w") as writing:
        writing.write(text)
    return os.fdopen(read)


def test_the_state_is_shown_once_and_an_ended_migration_is_3(api: Api, crossfade: Command) -> None:
    async def state(connection: AsyncConnection) -> None:
        migration = await started_migration(connection, ("full", "half"), name="shown", environment=api.environment)
        await completed_run(connection, "full", environment=api.environment, migration_id=migration.id)
        await served_run(connection, "half", percentage=50, environment=api.environment, migration_id=migration.id)

    api.change(state)

    code, out, _ = crossfade("status", "--once")
    shown = json.loads(crossfade("status", "--once", "--json")[1])
    crossfade("stop", "--yes", "--reason", "drill")
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


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("--help",), 0),
        (("nonsense",), 2),
        (("start",), 2),
        (("start", "nowhere.yaml"), 2),
        (("set", "a", "101"), 2),
        (("set", "a", "nan"), 2),
        (("stop",), 2),
        (("skip", "a"), 2),
        (("health", "--url", "nonsense"), 2),
        (("flags", "--token", "with space"), 2),
        (("flags", "--token", ADMIN + "x"), 1),
        (("flags", "--token", SDK), 1),
        (("flags", "unknown"), 1),
        (("set", "No Name", "1"), 1),
        (("set", "\udc80", "1", "--reason", "\udc80"), 1),
        (("health", "--url", "http://127.0.0.1:1"), 4),
    ],
)
def test_every_end_has_its_code_and_no_traceback(crossfade: Command, arguments: tuple[str, ...], code: int) -> None:
    ended, out, err = crossfade(*arguments)

    assert ended == code, out + err
    assert bool(err) is (code != 0)
    assert "Traceback" not in out + err
    assert ADMIN not in out + err


def test_a_defect_is_told_without_a_traceback(
    crossfade: Command, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossfade.control.cli.reading._show", lambda *_: 1 // 0)
    scripted.answers = [answer({"flags": []})]

    code, _, err = crossfade("flags", "--url", scripted.url)

    assert code == 1
    assert (
        err.splitlines()[0]
        == "crossfade: a defect of this command: ZeroDivisionError: integer division or modulo by zero"
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CROSSFADE_URL", raising=False)
    monkeypatch.delenv("CROSSFADE_TOKEN", raising=False)
    monkeypatch.delenv("CROSSFADE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".crossfade").mkdir()
    return tmp_path / ".crossfade"


def test_a_local_stack_is_found_from_its_note(
    home: Path, scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.answers = [answer({"flags": []})]
    (home / "stack.json").write_text(json.dumps({"api": scripted.url, "adminToken": ADMIN}))

    assert run(["flags"]) == 0
    assert run(["flags", "--url", scripted.url + "/"]) == 0

    assert [asked.headers["authorization"] for asked in scripted.asked] == [f"Bearer {ADMIN}"] * 2
    assert "no flags yet" in capsys.readouterr().out


def test_the_token_of_a_local_stack_is_sent_to_no_other_server(home: Path, scripted: Scripted) -> None:
    scripted.answers = [answer({"flags": []})]
    (home / "stack.json").write_text(json.dumps({"api": "http://127.0.0.1:1", "adminToken": ADMIN}))

    assert run(["flags", "--url", scripted.url]) == 0

    assert "authorization" not in scripted.asked[0].headers


@pytest.mark.parametrize("note", [None, "{", "[]", "{}", '{"api": 1}'])
def test_without_a_readable_note_a_server_must_be_named(
    home: Path, capsys: pytest.CaptureFixture[str], note: str | None
) -> None:
    if note is not None:
        (home / "stack.json").write_text(note)

    assert run(["flags"]) == 2
    assert "give --url" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [("plans/demo.yaml",), ("broken.yaml",), ("gone.yaml",), ("--json", "broken.yaml")]
)
def test_a_plan_check_is_that_of_the_plans_own_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    (tmp_path / "broken.yaml").write_text("kind: Plan\n")
    (tmp_path / "plans").symlink_to(ROOT / "plans")
    monkeypatch.chdir(tmp_path)

    ours = run(["plan", "check", *arguments]), capsys.readouterr()
    own = plans_command(["check", *arguments], os.environ), capsys.readouterr()

    assert ours == own


@pytest.mark.parametrize(
    ("missing", "arguments", "said"),
    [
        ("click", ("health",), "the command line needs click and rich: pip install 'crossfade[cli]'"),
        ("rich", ("health",), "the command line needs click and rich: pip install 'crossfade[cli]'"),
        ("yaml", ("plan", "check", "plans/demo.yaml"), "checking a plan needs yaml: pip install 'crossfade[cli]'"),
    ],
)
def test_a_missing_package_is_named_with_what_to_install(missing: str, arguments: tuple[str, ...], said: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = {list(arguments)!r}; "
        "from crossfade.control.cli import main; sys.exit(main())"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (2, f"crossfade: {said}\n")
