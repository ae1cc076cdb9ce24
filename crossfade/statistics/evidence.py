"""Evidence that may be looked at as often as one likes: e-values, as logarithms, and the p-values behind them.

An e-process starts at 1 and, while its null hypothesis holds, exceeds 1/alpha ever with a probability of at most
alpha (Ville's inequality). NaN is "no decision" and never rejects.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from crossfade.statistics.arguments import Bools, Floats, Texts, floats, probabilities


class Status(StrEnum):
    """Why a number is there, or is not.

    `INSUFFICIENT_DATA`: too little for a decision. `DEGENERATE_VARIANCE`: no value differs from another.
    `TOO_FEW_EVENTS`: fewer than 30 successes, or failures, in an arm: conversions do not add up to a bell curve yet;
    `rates.sequential_rates` decides exactly.
    """

    OK = "ok"
    INSUFFICIENT_DATA = "insufficient_data"
    DEGENERATE_VARIANCE = "degenerate_variance"
    TOO_FEW_EVENTS = "too_few_events"


_TEXT = f"<U{max(map(len, Status))}"


def statuses(shape: tuple[int, ...], *exceptions: tuple[Bools, Status]) -> Texts:
    """`OK` wherever none of the exceptions holds; of several the last one counts."""
    told: Texts = np.full(shape, Status.OK.value, dtype=_TEXT)
    for is_so, status in exceptions:
        if is_so.any():
            np.copyto(told, status.value, where=is_so)
    return told


def told_where(condition: Bools, values: Floats) -> Floats:
    """The values, and NaN ("no decision") where the condition does not hold."""
    return values if condition.all() else np.where(condition, values, np.nan)


def share_of(part: Floats, whole: Floats) -> Floats:
    """Part over whole; NaN where there is no whole, or no float for the result."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        share = part / whole
    return told_where(np.isfinite(share), share)


def peak(earlier: ArrayLike, log_e: ArrayLike) -> Floats:
    """The largest evidence so far: begin with 0 (an e-value of 1); a look without a decision changes nothing."""
    largest: Floats = np.fmax(np.asarray(earlier, dtype=np.float64), np.asarray(log_e, dtype=np.float64))
    return largest


def log_p_value(log_e_peak: ArrayLike) -> Floats:
    """The logarithm of the always-valid p-value, min(1, 1 / largest e-value so far); NaN stays NaN."""
    return np.minimum(0.0, -np.asarray(log_e_peak, dtype=np.float64)) + 0.0


def rejects(log_e: ArrayLike, *, alpha: ArrayLike) -> Bools:
    """Whether an e-value reaches 1/alpha; never where there is no decision (NaN).

    Raises:
        InvalidArgument: `log_e` is not numbers, or `alpha` is not between 0 and 1.
    """
    reached: Bools = floats(log_e, "log_e") >= -np.log(probabilities(alpha, "alpha"))
    return reached


def log_mean_exp(log_values: Floats, log_weights: Floats) -> Floats:
    """log(sum of weight * exp(value)) over the last axis, without overflow."""
    terms = log_values + log_weights
    largest = terms.max(axis=-1, keepdims=True)
    summed: Floats = np.log(np.exp(terms - largest).sum(axis=-1)) + largest[..., 0]
    return summed
