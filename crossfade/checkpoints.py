"""Judge a shadow comparison: what a number of compared calls proves about all calls.

The verdict is on exact one-sided bounds of the mismatch rate, never on the rate that was seen.
"""

import math
from dataclasses import dataclass

from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.states import Verdict
from crossfade.statistics.limits import lower_bound, upper_bound

# Where a bound equals the limit exactly, its last bit must not decide.
_ROUNDING = 1e-12
_LARGEST_SAMPLE = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointJudgement:
    """What the comparison proves, and how many more calls it needs.

    Attributes:
        verdict: Pass or fail once proven, inconclusive until then.
        lower: The true mismatch rate is above this, at the confidence asked for.
        upper: The true mismatch rate is below this, at the confidence asked for.
        samples_needed: Calls still to be compared, without a further mismatch, before it passes; 0 once decided.
    """

    verdict: Verdict
    lower: float
    upper: float
    samples_needed: int


def judge(*, compared: int, mismatched: int, max_mismatch: float, confidence: float) -> CheckpointJudgement:
    """Pass when the upper bound is within the limit, fail when the lower bound is above it.

    Args:
        compared: Calls that both sides have answered.
        mismatched: How many of them differed.
        max_mismatch: The limit, a fraction between 0 and 1.
        confidence: Of each bound on its own, between 0 and 1.

    Raises:
        InvalidArgument: A fraction is outside (0, 1), a count is negative, or more mismatched than compared.
    """
    _check_fractions(max_mismatch, confidence)
    alpha = 1 - confidence
    lower = float(lower_bound(mismatched, compared, alpha=alpha)[0])
    upper = float(upper_bound(mismatched, compared, alpha=alpha)[0])
    verdict = _verdict(lower, upper, limit=max_mismatch)
    needed = 0
    if verdict is Verdict.INCONCLUSIVE:
        needed = max(_smallest_passing(mismatched, max_mismatch, alpha) - compared, 1)
    return CheckpointJudgement(verdict=verdict, lower=lower, upper=upper, samples_needed=needed)


def smallest_sample(max_mismatch: float, confidence: float) -> int:
    """How many calls without one mismatch prove the limit: ceil(ln(1 - confidence) / ln(1 - limit))."""
    _check_fractions(max_mismatch, confidence)
    return math.ceil(math.log1p(-confidence) / math.log1p(-max_mismatch) * (1 - _ROUNDING))


def _verdict(lower: float, upper: float, *, limit: float) -> Verdict:
    if upper <= limit * (1 + _ROUNDING):
        return Verdict.PASS
    if lower > limit * (1 + _ROUNDING):
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE


def _smallest_passing(mismatched: int, limit: float, alpha: float) -> int:
    """The smallest sample with that many mismatches whose upper bound is within the limit."""
    few, many = mismatched, max(smallest_sample(limit, 1 - alpha), mismatched + 1)
    while not _proves(mismatched, many, limit, alpha) and many < _LARGEST_SAMPLE:
        few, many = many, many * 2
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if _proves(mismatched, middle, limit, alpha) else (middle, many)
    return many


def _proves(mismatched: int, compared: int, limit: float, alpha: float) -> bool:
    """Whether so few mismatches are at most `alpha` likely if the true rate were the limit: the bound, inverted."""
    return bool(special.betaincc(mismatched + 1, compared - mismatched, limit) <= alpha * (1 + _ROUNDING))


def _check_fractions(max_mismatch: float, confidence: float) -> None:
    for name, value in (("max_mismatch", max_mismatch), ("confidence", confidence)):
        if not (0 < value < 1):
            raise InvalidArgument(name, "must lie between 0 and 1")
