"""The packages themselves, called as their users call them. They are only there in the peers' environment."""

from collections.abc import Sequence
from importlib import import_module

VERSIONS = ("numpy", "scipy", "statsmodels", "gbstats")


def gbstats_mean(control: Sequence[float], candidate: Sequence[float]) -> float:
    """The p-value of gbstats' sequential test of a mean; an arm is n, sum, sum of squares."""
    statistics = import_module("gbstats.models.statistics")
    arms = [
        statistics.SampleMeanStatistic(n=int(n), sum=total, sum_squares=squares)
        for n, total, squares in (control, candidate)
    ]
    return _gbstats(arms)


def gbstats_proportion(control: Sequence[float], candidate: Sequence[float]) -> float:
    """The p-value of gbstats' sequential test of a proportion; an arm is n, sum."""
    statistics = import_module("gbstats.models.statistics")
    return _gbstats([statistics.ProportionStatistic(n=int(n), sum=total) for n, total in (control, candidate)])


def gbstats_metric(
    control: Sequence[float], candidate: Sequence[float], *, kind: str, weights: Sequence[float]
) -> float:
    """The p-value that gbstats' own entry point gives, sequential, with interval and sample ratio check.

    Args:
        control: n, sum and sum of squares.
        candidate: The same of candidate.
        kind: "count" for a mean, "binomial" for a proportion.
        weights: The planned split.
    """
    settings, entry = import_module("gbstats.models.settings"), import_module("gbstats.gbstats")
    analysis = settings.AnalysisSettingsForStatsEngine(
        var_names=["control", "candidate"],
        var_ids=["0", "1"],
        weights=list(weights),
        stats_engine="frequentist",
        sequential_testing_enabled=True,
        difference_type="absolute",
    )
    metric = settings.MetricSettingsForStatsEngine(id="m", name="m", statistic_type="mean", main_metric_type=kind)
    rows = [
        {"dimension": "", "variation": str(arm), "users": n, "count": n, "main_sum": total, "main_sum_squares": squares}
        for arm, (n, total, squares) in enumerate((control, candidate))
    ]
    analysed = entry.process_single_metric(rows=rows, metric=metric, analyses=[analysis])
    return float(analysed.analyses[0].dimensions[0].variations[1].pValue)


def gbstats_sample_ratio(users: Sequence[float], weights: Sequence[float]) -> float:
    """The p-value of gbstats' check of the sample ratio."""
    return float(import_module("gbstats.utils").check_srm(users, weights))


def scipy_welch(control: Sequence[float], candidate: Sequence[float]) -> float:
    """The p-value of scipy's Welch test; an arm is mean, standard deviation, n."""
    stats = import_module("scipy.stats")
    return float(stats.ttest_ind_from_stats(*control, *candidate, equal_var=False).pvalue)


def scipy_chi_square(observed: Sequence[float], expected: Sequence[float]) -> float:
    """The p-value of scipy's chi-square test."""
    return float(import_module("scipy.stats").chisquare(observed, expected).pvalue)


def statsmodels_z(successes: Sequence[float], trials: Sequence[float]) -> float:
    """The p-value of statsmodels' pooled z test of two proportions."""
    return float(import_module("statsmodels.stats.proportion").proportions_ztest(successes, trials)[1])


def _gbstats(arms: Sequence[object]) -> float:
    tests = import_module("gbstats.frequentist.tests")
    config = tests.SequentialConfig(difference_type="absolute")
    return float(tests.SequentialTwoSidedTTest(*arms, config).compute_result().p_value)
