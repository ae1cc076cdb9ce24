import json
from pathlib import Path

import pytest

from crossfade.plan.__main__ import main
from crossfade.plan.schema import json_schema
from tests.crossfade.plan.texts import BASE, ENVIRON, edited


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(BASE)
    return path


def test_an_accepted_plan_ends_with_0_and_tells_what_has_no_effect(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(plan)], ENVIRON) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{plan}: without effect yet: line 7: channels: notices are not sent yet; alerts are stored and shown",
        f"{plan}: accepted: small, phases: 2, components: 3",
    ]


def test_a_refused_plan_ends_with_1_and_each_problem_in_a_line(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(edited(("hold: 1h", "hold: 1"), ("bake: 24h", "bake: 1")))

    assert main(["check", str(plan)], ENVIRON) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{plan}:13:26: templates.ramps.standard[1].hold: write a duration such as 500ms, 10s, 5m, 2h or 3d",
        f"{plan}:28:3: defaults.bake: write a duration such as 500ms, 10s, 5m, 2h or 3d",
        "refused: 2 problems",
    ]


def test_json_has_the_same_as_the_text(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(plan), "--json"], ENVIRON) == 0
    accepted = json.loads(capsys.readouterr().out)
    assert (accepted["accepted"], accepted["phases"]) == (True, {"first": ["alpha", "beta"], "second": ["gamma"]})

    plan.write_text(edited(("hold: 1h", "hold: 1")))
    assert main(["check", str(plan), "--json"], ENVIRON) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["file"], problem["line"], problem["field"]) == (str(plan), 13, "templates.ramps.standard[1].hold")


def test_a_file_that_cannot_be_read_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)], ENVIRON) == 2
    assert main(["check", str(tmp_path / "none.yaml")], ENVIRON) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_a_wrong_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chekc"], ENVIRON)

    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_file_larger_than_a_plan_is_refused_without_being_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(1 << 40)

    assert main(["check", str(huge)], ENVIRON) == 1
    assert "larger than 5 MiB" in capsys.readouterr().out


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"], ENVIRON) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
