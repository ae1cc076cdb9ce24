"""How the kinds of vectors that may be looked at at any time are solved."""

import math
import re

import numpy as np

from crossfade.statistics.accumulators import Counts, Moments
from crossfade.statistics.evidence import log_p_value
from crossfade.statistics.mixtures import (
    mean_sequence,
    one_sided_bound,
    one_sided_log_e,
    tuning,
    two_sided_bound,
    two_sided_log_e,
)
from crossfade.statistics.rates import RateDesign, RateEvidence, sequential_rates
from crossfade.statistics.sample_ratio import CONCENTRATION, sample_ratio
from crossfade.statistics.sequences import compare_quantiles, share_sequence
from crossfade.statistics.sequential_means import MeanDesign, sequential_means
from crossfade.statistics.spending import group_sequential_bounds, power_spending
from crossfade.statistics.stratified import StratifiedMeans
from tests.crossfade.statistics.vector_inputs import (
    Answers,
    Inputs,
    floats,
    given,
    moments,
    number,
    strata,
    table,
    told,
)


def srm_sequential(inputs: Inputs) -> Answers:
    planned = floats(inputs["theta0"])
    counted = table(inputs["increments"], planned.size).sum(axis=0)
    result = sample_ratio(counted, planned, concentration=given(inputs, "concentration", CONCENTRATION))
    return {"log_e_value": told(result.log_e), "p_always_valid": told(result.p), "status": str(result.status[0])}


def counts_dirichlet(inputs: Inputs) -> Answers:
    share = number(inputs["theta0_treatment"])
    counted = table(inputs["increments_treatment_control"], 2).sum(axis=0)
    result = sample_ratio(counted, [share, 1 - share], concentration=given(inputs, "concentration", CONCENTRATION))
    return {"log_e_value": told(result.log_e)}


def sequential_mean_ci(inputs: Inputs) -> Answers:
    result = mean_sequence(*moments(inputs), alpha=given(inputs, "alpha", 0.05), n_star=number(inputs["n_star"]))
    return {
        "diff": told(result.difference),
        "ci_low": told(result.low),
        "ci_high": told(result.high),
        "p_always_valid": told(np.exp(log_p_value(result.log_e))),
        "one_sided_lower_bound": told(result.lower_bound),
    }


def normal_mixture(inputs: Inputs) -> Answers:
    score, information, v_opt = (number(inputs[name]) for name in ("S", "V", "v_opt"))
    alpha, alpha_opt = given(inputs, "alpha", 0.05), given(inputs, "alpha_opt", 0.05)
    rho = tuning(v_opt, alpha=alpha_opt)
    answers: Answers = {
        "two_sided_bound": told(two_sided_bound(information, rho=rho, alpha=alpha)),
        "two_sided_log_e": told(two_sided_log_e(score, information, rho=rho)),
    }
    if alpha_opt < 0.5:
        rho = tuning(v_opt, alpha=alpha_opt, sides=1)
        answers["one_sided_bound"] = told(one_sided_bound(information, rho=rho, alpha=alpha))
        answers["one_sided_log_e"] = told(one_sided_log_e(score, information, rho=rho))
    return answers


def stratified_mean(inputs: Inputs) -> Answers:
    buckets = table(inputs["buckets_nc_sumc_sumsqc_nt_sumt_sumsqt"], 6).T
    evidence = StratifiedMeans.over_buckets(Moments.from_sums(*buckets[:3]), Moments.from_sums(*buckets[3:]))
    design = MeanDesign.of(number(inputs["v_opt"]), alpha=given(inputs, "alpha", 0.05))
    result = sequential_means(evidence, design)
    return {
        "diff": told(result.difference),
        "S": told(result.score),
        "W": told(result.weight),
        "V": told(result.information),
        "log_e": told(result.log_e),
        "ci_low": told(result.low),
        "ci_high": told(result.high),
        "status": str(result.status[0]),
    }


def rate_ratio(inputs: Inputs) -> Answers:
    design = RateDesign.of(given(inputs, "null_ratio", 1.0), given(inputs, "ni_ratio", 1.5))
    result = sequential_rates(RateEvidence.over_buckets(*strata(inputs), design=design))
    return {"log_e_harm": told(result.log_e_harm), "log_e_noninferior": told(result.log_e_noninferior)}


def bernoulli_sequence(inputs: Inputs) -> Answers:
    low, high = share_sequence(
        Counts.of(number(inputs["n"]), number(inputs["successes"])),
        alpha=given(inputs, "alpha", 0.05),
        t_opt=given(inputs, "t_opt", 1000.0),
        alpha_opt=given(inputs, "alpha_opt", 0.05),
    )
    return {"low": told(low), "high": told(high)}


def quantile_ab(inputs: Inputs) -> Answers:
    log_e = compare_quantiles(
        floats(inputs["control"]),
        floats(inputs["treatment"]),
        share=number(inputs["quantile"]),
        t_opt=number(inputs["t_opt"]),
        alpha_opt=given(inputs, "alpha_opt", 0.05),
    )
    return {"p": math.exp(min(0.0, -log_e))}


def group_sequential(inputs: Inputs) -> Answers:
    fractions, alpha = floats(inputs["information_fractions"]), given(inputs, "alpha", 0.05)
    spending = re.fullmatch(r"alpha\*t(?:\^([0-9.]+))?", str(inputs["spending"]))
    if spending is None:
        return {"status": f"no such spending: {inputs['spending']}"}
    spent = power_spending(fractions, alpha=alpha, power=float(spending[1] or 1))
    return {"z_bounds": group_sequential_bounds(fractions, spent, sides=int(given(inputs, "sides", 2))).tolist()}
