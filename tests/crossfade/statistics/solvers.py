"""Which public function solves which kind of vector."""

from collections.abc import Mapping, Sequence

from crossfade.errors import InvalidArgument
from tests.crossfade.statistics import report_solvers as report
from tests.crossfade.statistics import sequential_solvers as sequential
from tests.crossfade.statistics.vector_inputs import Answers, Inputs, Solver, Value


def solver_of(kind: str, inputs: Value) -> Solver | None:
    """Give the solver of a kind; of an edge or a published example the one that fits its inputs; else None."""
    is_free = kind.startswith(("edge_", "published_"))
    if not isinstance(inputs, Mapping):
        return _refuse if is_free or kind in SOLVERS else None
    if kind in SOLVERS or not is_free:
        return SOLVERS.get(kind)
    names = _names(inputs)
    return next((solver for needed, solver in BY_INPUTS if needed <= names), None)


def _refuse(_: Value) -> Answers:
    raise InvalidArgument("inputs", "must be an object")


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

# The more specific inputs first: strata with a ratio are rates, counts with a margin a test of non-inferiority.
BY_INPUTS: Sequence[tuple[set[str], Solver]] = (
    ({"strata_nc_xc_nt_xt", "null_ratio"}, sequential.rate_ratio),
    ({"strata_nc_xc_nt_xt", "ni_ratio"}, sequential.rate_ratio),
    ({"strata_nc_xc_nt_xt"}, report.stratified),
    ({"buckets_nc_sumc_sumsqc_nt_sumt_sumsqt"}, sequential.stratified_mean),
    ({"theta0", "increments"}, sequential.srm_sequential),
    ({"increments_treatment_control"}, sequential.counts_dirichlet),
    ({"S", "V"}, sequential.normal_mixture),
    ({"counts", "expected_weights"}, report.srm_chi2),
    ({"p_values"}, report.multiple_testing),
    ({"information_fractions"}, sequential.group_sequential),
    ({"p_control", "p_treatment"}, report.sample_size_proportion),
    ({"effect_size_sd", "n1"}, report.power_mean),
    ({"effect_size_sd"}, report.sample_size_mean),
    ({"margin_abs", "successes"}, report.noninferiority_proportion),
    ({"margin_abs"}, report.noninferiority_mean),
    ({"n_star"}, sequential.sequential_mean_ci),
    ({"quantile"}, sequential.quantile_ab),
    ({"chunk"}, report.variance_stability),
    ({"sum_num"}, report.delta_ratio),
    ({"n", "successes", "t_opt"}, sequential.bernoulli_sequence),
    ({"successes"}, report.two_proportion),
    ({"mean"}, report.welch_summary),
    ({"control", "treatment"}, report.welch_raw),
)
