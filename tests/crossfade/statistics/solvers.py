"""Which public function solves which kind of vector."""

from collections.abc import Mapping, Sequence

from tests.crossfade.statistics import report_solvers as report
from tests.crossfade.statistics import sequential_solvers as sequential
from tests.crossfade.statistics.vector_inputs import Inputs, Solver


def solver_of(kind: str, inputs: Inputs) -> Solver | None:
    """Give the solver of a kind; of an edge or a published example the one that fits its inputs; else None."""
    if kind in SOLVERS:
        return SOLVERS[kind]
    if not kind.startswith(("edge_", "published_")):
        return None
    return next((solver for names, solver in BY_INPUTS if names <= _names(inputs)), None)


def _names(inputs: Inputs) -> set[str]:
    control = inputs.get("control")
    return {*inputs, *control} if isinstance(control, Mapping) else set(inputs)


SOLVERS: Mapping[str, Solver] = {
    "welch_t_raw": report.welch_raw,
    "welch_t_summary": report.welch_summary,
    "welch_t_tiny_p": report.welch_summary,
    "variance_stability": report.variance_stability,
    "two_proportion": report.two_proportion,
    "noninferiority_mean_welch": report.noninferiority_mean,
    "noninferiority_proportion_wald": report.noninferiority_proportion,
    "srm_chi2": report.srm_chi2,
    "srm_sequential": sequential.srm_sequential,
    "sequential_counts_dirichlet": sequential.counts_dirichlet,
    "sequential_mean_ci": sequential.sequential_mean_ci,
    "normal_mixture": sequential.normal_mixture,
    "stratified_sequential_mean": sequential.stratified_mean,
    "stratified_cmh": report.stratified,
    "sequential_rate_ratio": sequential.rate_ratio,
    "bernoulli_confidence_sequence": sequential.bernoulli_sequence,
    "quantile_ab_always_valid": sequential.quantile_ab,
    "group_sequential_bounds": sequential.group_sequential,
    "sample_size_proportion": report.sample_size_proportion,
    "sample_size_mean": report.sample_size_mean,
    "power_mean": report.power_mean,
    "delta_ratio": report.delta_ratio,
    "multiple_testing": report.multiple_testing,
}

BY_INPUTS: Sequence[tuple[set[str], Solver]] = (
    ({"strata_nc_xc_nt_xt"}, report.stratified),
    ({"counts", "expected_weights"}, report.srm_chi2),
    ({"p_values"}, report.multiple_testing),
    ({"sum_num"}, report.delta_ratio),
    ({"successes"}, report.two_proportion),
    ({"variance"}, report.welch_summary),
    ({"control", "treatment"}, report.welch_raw),
)
