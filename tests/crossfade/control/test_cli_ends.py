"""How a command ends: its exit code, its words, the server that it has asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossfade.control.cli.running import run
from crossfade.plan.__main__ import main as plans_command
from tests.api.conftest import ADMIN, SDK
from tests.crossfade.control.conftest import Command
from tests.crossfade.control.scripted import Scripted, answer

ROOT = Path(__file__).parents[3]


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


def test_a_stop_that_is_not_proven_is_3_and_names_who_may_still_serve(crossfade: Command, scripted: Scripted) -> None:
    open_to = {"replicas": ["api-1"], "clients": ["app-1:4711"], "flags": ["search"]}
    stopped = {"epoch": 7, "revision": 9, "flags": ["search"], "replicasApplied": 1, "mayStillServe": open_to}
    scripted.answers = [answer(stopped, status=202)]

    code, out, _ = crossfade("stop", "--yes", "--reason", "fire", "--url", scripted.url)

    assert code == 3
    assert out.startswith("Stopped, but not proven: api-1, app-1:4711 may still serve candidate of search. ")
