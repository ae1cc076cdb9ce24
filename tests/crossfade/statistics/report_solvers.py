"""How the kinds of vectors of the report and of planning are solved."""

import math
from collections.abc import Mapping

import numpy as np

from crossfade.statistics import noninferiority, power
from crossfade.statistics.accumulators import Counts, Moments, RatioMoments
from crossfade.statistics.arguments import Floats
from crossfade.statistics.means import welch
from crossfade.statistics.multiple import benjamini_hochberg, bonferroni, holm
from crossfade.statistics.proportions import Strata, mantel_haenszel, two_proportions
from crossfade.statistics.ratio import compare_ratios
from crossfade.statistics.sample_ratio import chi_square
from tests.crossfade.statistics.vector_inputs import (
    Answers,
    Inputs,
    Value,
    arm,
    counts,
    floats,
    given,
    moments,
    number,
    strata,
    told,
)


def _welch(control: Moments, treatment: Moments, inputs: Inputs) -> Answers:
    result = welch(control, treatment, confidence=given(inputs, "confidence", 0.95))
    log_p = told(result.log_p)
    return {
        "diff": told(result.difference),
        "relative_diff": told(result.relative),
        "t": told(result.t),
        "df": told(result.degrees),
        "p_two_sided": told(result.p),
        "log10_p_two_sided": None if log_p is None else log_p / math.log(10),
        "ci_low": told(result.low),
        "ci_high": told(result.high),
        "status": str(result.status[0]),
    }


def welch_raw(inputs: Inputs) -> Answers:
    return _welch(Moments.of(floats(inputs["control"])), Moments.of(floats(inputs["treatment"])), inputs)


def welch_summary(inputs: Inputs) -> Answers:
    return _welch(*moments(inputs), inputs)


def variance_stability(inputs: Inputs) -> Answers:
    control, treatment = (_streamed(floats(inputs[name]), inputs) for name in ("control", "treatment"))
    variances = {"var_control": told(control.variance), "var_treatment": told(treatment.variance)}
    return {**variances, "t": told(welch(control, treatment).t)}


def _streamed(values: Floats, inputs: Inputs) -> Moments:
    """The moments of the values, merged from chunks; all of them at once where no chunk is told."""
    size = max(len(values), 1)
    chunk = max(int(given(inputs, "chunk", size)), 1)
    first, *others = (Moments.of(values[start : start + chunk]) for start in range(0, size, chunk))
    for other in others:
        first = first + other
    return first


def two_proportion(inputs: Inputs) -> Answers:
    result = two_proportions(*counts(inputs), confidence=given(inputs, "confidence", 0.95))
    low, high = told(result.low), told(result.high)
    return {
        "diff": told(result.difference),
        "relative_diff": told(result.relative),
        "z_pooled": told(result.z),
        "p_two_sided": told(result.p),
        "p_treatment_greater": told(result.p_greater),
        "newcombe_ci_low": low,
        "newcombe_ci_high": high,
        "ci_contains_zero": low is not None and high is not None and low <= 0 <= high,
        "ci_width_positive": low is not None and high is not None and low < high,
        "status": str(result.status[0]),
    }


def noninferiority_mean(inputs: Inputs) -> Answers:
    result = noninferiority.noninferior_means(
        *moments(inputs), margin=number(inputs["margin_abs"]), lower_is_better=_lower(inputs)
    )
    return {"t": told(result.statistic), "df": told(result.degrees), **_noninferior(result)}


def noninferiority_proportion(inputs: Inputs) -> Answers:
    result = noninferiority.noninferior_proportions(
        *counts(inputs), margin=number(inputs["margin_abs"]), lower_is_better=_lower(inputs)
    )
    return {"z": told(result.statistic), **_noninferior(result)}


def _noninferior(result: noninferiority.NonInferiority) -> Answers:
    return {"p_noninferior": told(result.p), "status": str(result.status[0])}


def _lower(inputs: Inputs) -> bool:
    lower = inputs.get("lower_is_better")
    return lower is None or bool(lower)


def srm_chi2(inputs: Inputs) -> Answers:
    result = chi_square(floats(inputs["counts"]), floats(inputs["expected_weights"]))
    numbers = {"chi2": told(result.statistic), "df": told(result.degrees), "p": told(result.p)}
    return {**numbers, "status": str(result.status[0])}


def stratified(inputs: Inputs) -> Answers:
    control, treatment = strata(inputs)
    result = mantel_haenszel(Strata.over_buckets(control, treatment))
    return {
        "chi2": told(result.statistic),
        "p": told(result.p),
        "cmh_p": told(result.p),
        "mh_diff_sign": told(np.sign(result.difference)),
        "pooled_control": told(Counts.of(control.n.sum(), control.successes.sum()).rate),
        "pooled_treatment": told(Counts.of(treatment.n.sum(), treatment.successes.sum()).rate),
        "status": str(result.status[0]),
    }


def sample_size_proportion(inputs: Inputs) -> Answers:
    sizes = power.sample_size_proportions(
        number(inputs["p_control"]),
        number(inputs["p_treatment"]),
        alpha=given(inputs, "alpha", 0.05),
        power=given(inputs, "power", 0.8),
        control_per_treatment=given(inputs, "control_per_treatment", 1.0),
    )
    return {"n_treatment_unpooled_normal": told(sizes)}


def sample_size_mean(inputs: Inputs) -> Answers:
    effect, ratio = number(inputs["effect_size_sd"]), given(inputs, "ratio_n2_over_n1", 1.0)
    alpha, chance = given(inputs, "alpha", 0.05), given(inputs, "power", 0.8)
    return {"n1": told(power.sample_size_means(effect, alpha=alpha, power=chance, ratio=ratio))}


def power_mean(inputs: Inputs) -> Answers:
    effect, n_first = number(inputs["effect_size_sd"]), number(inputs["n1"])
    ratio, alpha = given(inputs, "ratio", 1.0), given(inputs, "alpha", 0.05)
    found = power.power_means(effect, n_first, ratio=ratio, alpha=alpha)
    return {"power": told(found)}


def delta_ratio(inputs: Inputs) -> Answers:
    control, treatment = (_ratio_moments(arm(inputs, name)) for name in ("control", "treatment"))
    result = compare_ratios(control, treatment)
    return {
        "ratio_control": told(result.ratio_control),
        "ratio_treatment": told(result.ratio_treatment),
        "se_control": told(result.error_control),
        "se_treatment": told(result.error_treatment),
        "diff": told(result.difference),
        "se_diff": told(result.error),
        "z": told(result.z),
        "relative_diff": told(result.relative),
        "relative_se": told(result.relative_error),
        "status": str(result.status[0]),
    }


def _ratio_moments(arm: Mapping[str, Value]) -> RatioMoments:
    n, num, num2, den, den2, product = (
        number(arm[name]) for name in ("n", "sum_num", "sumsq_num", "sum_den", "sumsq_den", "sum_prod")
    )
    return RatioMoments.from_sums(n, num=num, num2=num2, den=den, den2=den2, product=product)


def multiple_testing(inputs: Inputs) -> Answers:
    p, alpha = floats(inputs["p_values"]), given(inputs, "alpha", 0.05)
    by_holm, by_bh = holm(p), benjamini_hochberg(p)
    return {
        "holm": [None if math.isnan(value) else value for value in by_holm.tolist()],
        "bh": [None if math.isnan(value) else value for value in by_bh.tolist()],
        "holm_reject": (by_holm <= alpha).tolist(),
        "bh_reject": (by_bh <= alpha).tolist(),
        "bh_rejections": int((by_bh <= alpha).sum()),
        "bonferroni_rejections": int((bonferroni(p) <= alpha).sum()),
    }
