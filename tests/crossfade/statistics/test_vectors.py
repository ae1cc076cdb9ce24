import json
import math
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


def mismatches(kind: str, inputs: object, expected: object, tolerance: object = None) -> list[str]:
    case = {"id": "own", "kind": kind, "inputs": inputs, "expected": expected, "tolerance": tolerance}
    report = solve([case])
    assert report.unknown == {}
    return report.mismatches


SUMMARY = {"n": 10, "mean": 1.0, "variance": 4.0}
COUNTS = {"n": 100, "successes": 10}
WITHOUT = {"n": 10, "mean": 1.0, "variance": 0.0}


def test_infinity_agrees_with_infinity_only() -> None:
    split = {"theta0": [0.5, 0.5, 0], "increments": [[5, 5, 1]]}
    assert mismatches("srm_sequential", split, {"log_e_value": math.inf}) == []
    split = {"theta0": [0.5, 0.5, 0], "increments": [[5, 5, 0]]}
    assert len(mismatches("srm_sequential", split, {"log_e_value": math.inf}, {"rel": 1e-8})) == 1


@pytest.mark.parametrize(
    "broken",
    [None, [], {}, {"kind": "srm_chi2", "inputs": {}}, {**a_case(), "expected": None}, {**a_case(), "tolerance": "x"}],
)
def test_what_is_no_case_is_a_mismatch_and_hides_no_other(broken: object) -> None:
    report = solve([broken, a_case()])
    assert len(report.mismatches) == 1
    assert report.mismatches[0].startswith("case 1 of the file cannot be read: ")
    assert report.kinds["srm_chi2"].passed == 1


def test_without_a_tolerance_numbers_must_be_met_exactly() -> None:
    case = a_case(p=1.0 - 1e-12)
    assert len(solve([{**case, "tolerance": None}]).mismatches) == 1
    assert solve([case]).mismatches == []


@pytest.mark.parametrize("inputs", [None, [1, 2]])
@pytest.mark.parametrize("kind", ["welch_t_raw", "edge_anything"])
def test_inputs_that_are_no_object_are_invalid(kind: str, inputs: object) -> None:
    assert mismatches(kind, inputs, {"status": "invalid_input"}) == []


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"theta0": [0.5, 0.5], "increments": [[0, 0]]}, {"log_e_value": 0.0, "status": "insufficient_data"}),
        ({"theta0_treatment": 0.5, "increments_treatment_control": []}, {"log_e_value": 0.0}),
        ({"buckets_nc_sumc_sumsqc_nt_sumt_sumsqt": [], "v_opt": 1.0}, {"diff": None, "status": "insufficient_data"}),
        ({"S": 0.0, "V": 0.0, "v_opt": 1.0}, {"two_sided_log_e": 0.0, "one_sided_log_e": 0.0}),
        ({"strata_nc_xc_nt_xt": [[9, 0, 9, 0]], "null_ratio": 1.0}, {"log_e_harm": 0.0, "log_e_noninferior": 0.0}),
        ({"strata_nc_xc_nt_xt": []}, {"cmh_p": None, "pooled_control": None, "status": "insufficient_data"}),
        ({"strata_nc_xc_nt_xt": [[0, 0, 0, 0]]}, {"cmh_p": None, "status": "insufficient_data"}),
        ({"strata_nc_xc_nt_xt": [[1, 0]]}, {"status": "invalid_input"}),
        ({"control": SUMMARY, "treatment": SUMMARY, "margin_abs": 0.0}, {"t": 0.0, "status": "ok"}),
        ({"control": WITHOUT, "treatment": WITHOUT, "margin_abs": 1.0}, {"t": None, "status": "degenerate_variance"}),
        ({"control": COUNTS, "treatment": COUNTS, "margin_abs": 0.0}, {"z": 0.0, "status": "ok"}),
        ({"control": {"n": 9}, "treatment": SUMMARY, "n_star": 9}, {"status": "invalid_input"}),
        ({"control": SUMMARY, "treatment": SUMMARY, "n_star": 9}, {"diff": 0.0, "p_always_valid": 1.0}),
        ({"p_values": [0.01, 0.02]}, {"holm": [0.02, 0.02], "holm_reject": [True, True]}),
        ({"effect_size_sd": 0.0, "n1": 10}, {"power": 0.05}),
        ({"control": None, "treatment": None}, {"status": "invalid_input"}),
        ({"control": {**SUMMARY, "mean": []}, "treatment": SUMMARY}, {"status": "invalid_input"}),
    ],
)
def test_an_edge_is_solved_by_what_its_inputs_name(inputs: object, expected: dict[str, object]) -> None:
    """Optional inputs that are missing have the defaults of our functions."""
    assert mismatches("edge_anything", inputs, expected, {"abs": 1e-12}) == []


def test_values_are_merged_from_chunks_or_taken_at_once() -> None:
    inputs = {"control": [1e9, 1e9 + 1, 1e9 + 2], "treatment": []}
    for chunk in ({}, {"chunk": None}, {"chunk": 2}):
        assert mismatches("variance_stability", {**inputs, **chunk}, {"var_control": 1.0, "var_treatment": None}) == []


def test_a_mixture_tuned_for_more_than_one_side_bears_keeps_its_two_sides() -> None:
    inputs = {"S": 0.0, "V": 0.0, "v_opt": 1.0, "alpha_opt": 0.5}
    assert mismatches("normal_mixture", inputs, {"two_sided_log_e": 0.0, "one_sided_log_e": None}) == []
