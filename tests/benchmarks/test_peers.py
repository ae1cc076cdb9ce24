import re
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.looks import peers
from benchmarks.looks.figures import Figures
from benchmarks.looks.ours import state_of
from benchmarks.peers.naive import gbstats_sequential, pooled_z, welch
from benchmarks.peers.score import stratified_score
from benchmarks.ramps.observations import Counts, Rates, Sums

ROOT = Path(__file__).resolve().parents[2]


def pins(lock: Path) -> set[str]:
    return {line.removesuffix("\\").strip() for line in lock.read_text().splitlines() if "==" in line}


def counts(n: float, x: float) -> Counts:
    return Counts(np.array([n]), np.array([x]))


def test_the_peers_meet_our_versions_of_numpy_and_scipy() -> None:
    ours, theirs = (pins(ROOT / lock) for lock in ("requirements.lock", "benchmarks/requirements.lock"))
    shared = {pin for pin in theirs if re.match("(numpy|scipy)==", pin)}
    assert shared
    assert shared <= ours


def test_the_pinned_files_name_no_host() -> None:
    for file in (ROOT / "benchmarks").glob("requirements.*"):
        assert "://" not in file.read_text()


def test_welch_is_that_of_scipy() -> None:
    values = np.array([1.0, 2, 4, 8]), np.array([3.0, 5, 5, 9, 13])
    arms = [Sums(np.array([len(v)]), np.array([v.sum()]), np.array([(v**2).sum()])) for v in values]
    expected = stats.ttest_ind(*values, equal_var=False).pvalue
    assert np.allclose(welch(*arms).p, expected, rtol=1e-12)


def test_pooled_z_is_the_root_of_chi_square() -> None:
    expected = stats.chi2_contingency([[10, 990], [25, 1175]], correction=False)[1]
    assert np.allclose(pooled_z(counts(1000, 10), counts(1200, 25)).p, expected, rtol=1e-12)


def test_no_peer_says_anything_without_data() -> None:
    nothing = Sums.of(counts(0, 0))
    assert welch(nothing, nothing).p.tolist() == [1.0]
    assert pooled_z(counts(0, 0), counts(0, 0)).p.tolist() == [1.0]
    assert gbstats_sequential(nothing, nothing, is_proportion=True).p.tolist() == [1.0]


def test_the_score_has_no_evidence_where_both_arms_are_alike() -> None:
    alike = Rates(*(Counts(np.full((3, 1), 1000.0), np.full((3, 1), 10.0)) for _ in range(2)))
    said = stratified_score(alike)
    assert bool(np.all(said.either_way < 0))
    assert bool(np.all(said.score == 0))


def test_the_loop_of_the_rate_mixture_is_ours() -> None:
    figures = Figures.random(20, seed=4)
    said = state_of(figures, n_star=5000).look()
    assert np.allclose(said.rates.log_e_harm, peers.mixture_look(figures), rtol=1e-8, atol=1e-8)
