import json
from pathlib import Path

import pytest

from tests.crossfade.statistics_vectors import main, read, solve

FILE = Path(__file__).parents[2] / "data" / "statistics.json"


def written(folder: Path, *cases: dict[str, object]) -> Path:
    file = folder / "vectors.json"
    file.write_text(json.dumps({"cases": cases}), encoding="utf-8")
    return file


def a_case(kind: str = "srm_chi2", p: float = 1.0) -> dict[str, object]:
    inputs = {"counts": [50, 50], "expected_weights": [0.5, 0.5]}
    return {"id": "own", "kind": kind, "inputs": inputs, "expected": {"p": p}, "tolerance": {"rel": 1e-9}}


def test_every_case_of_the_public_file_is_solved() -> None:
    report = solve(read(FILE))
    assert report.mismatches == []
    assert report.unknown == {}
    assert sum(kind.cases for kind in report.kinds.values()) == 86


def test_a_file_that_agrees_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path, a_case())), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kinds"]["srm_chi2"] == {"cases": 1, "passed": 1, "worst": 0.0}


def test_a_mismatch_ends_with_1_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path, a_case(p=0.9)))]) == 1
    assert "own p: expected 0.9, got 1.0" in capsys.readouterr().out


def test_an_unknown_kind_neither_passes_nor_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path, a_case("astrology")))]) == 0
    assert "0 of 0 passed, 1 of unknown kind" in capsys.readouterr().out


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("[]", encoding="utf-8")
    with pytest.raises(SystemExit) as refusal:
        main([str(file)])
    assert refusal.value.code == 2
