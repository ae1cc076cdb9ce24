"""E-detectors: notice a change that comes late in a long bake, after much healthy evidence (M9).

A cumulative test must first undo what the healthy time has shown; an e-detector starts a fresh test at each look and
adds them up (Shin, Ramdas & Rinaldo 2024, "E-detectors", Shiryaev-Roberts style; of the paper the abstract was read:
sums of e-processes started at consecutive times, with a bound on the average run length).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Floats, counts, numbers, positives, probabilities
from crossfade.statistics.evidence import log_mean_exp
from crossfade.statistics.mixtures import tuning
from crossfade.statistics.stratified import StratifiedMeans

# Leaves room for the sum of all looks.
_LARGEST = 1e290
_STANDARD_EFFECTS = np.linspace(-2, 2, 9)


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """The sum, over all looks so far, of the evidence since that look; one row per metric.

    While nothing has changed, the sum after T looks is T on average. So the average run length to a false alarm at a
    threshold c is at least c looks, and the chance of any in T looks at most T / c.

    Attributes:
        log_sums: For each alternative of the mixture (last axis), the logarithm of its sum; -infinity at the start.
        log_weights: Logarithms of the mixture's weights, which add up to 1.
    """

    log_sums: Floats
    log_weights: Floats

    @classmethod
    def start(cls, metrics: int, log_weights: ArrayLike) -> Self:
        """A detector that has seen nothing.

        Args:
            metrics: How many metrics it watches, at least 1.
            log_weights: One per alternative, as given beside the increments.

        Raises:
            InvalidArgument: `metrics` is not a count above 0, or the weights add up to more than 1.
        """
        logs = numbers(log_weights, "log_weights")
        if not bool(np.all(counts(metrics, "metrics") >= 1)):
            raise InvalidArgument("metrics", "must be a whole number of 1 or more")
        if not (logs.ndim == 1 and np.logaddexp.reduce(logs) <= 1e-9):  # noqa: PLR2004  rounding
            raise InvalidArgument("log_weights", "must be one-dimensional and add up to at most 1")
        return cls(np.full((metrics, len(logs)), -np.inf), logs)

    def observe(self, increments: ArrayLike) -> Self:
        """The detector after one more look.

        Args:
            increments: log likelihood ratios of that look alone (`rates.harm_increments`, `mean_increments`),
                one row per metric, one column per alternative; 0 where nothing was learned.

        Raises:
            InvalidArgument: One is not finite, or the shape is not the detector's.
        """
        logs = numbers(increments, "increments", largest=_LARGEST)
        if logs.shape != self.log_sums.shape:
            raise InvalidArgument("increments", "must have a row per metric and a column per alternative")
        # (sum so far + the test that starts now) times the look's likelihood ratio.
        return type(self)(np.logaddexp(self.log_sums, 0.0) + logs, self.log_weights)

    @property
    def log_e(self) -> Floats:
        """The logarithm of the mixture of the sums, one per metric; -infinity before the first look."""
        if bool(np.all(np.isneginf(self.log_sums))):
            return np.full(self.log_sums.shape[0], -np.inf)
        return log_mean_exp(self.log_sums, self.log_weights)


def log_threshold(alpha: ArrayLike, *, looks: ArrayLike) -> Floats:
    """What `log_e` must reach for an alarm so that a bake of that many looks has a false one with at most alpha.

    Raises:
        InvalidArgument: `alpha` is not between 0 and 1, or `looks` is not above 0.
    """
    threshold: Floats = np.log(positives(looks, "looks")) - np.log(probabilities(alpha, "alpha"))
    return threshold


def mean_increments(
    bucket: StratifiedMeans,
    *,
    variance_control: ArrayLike,
    variance_treatment: ArrayLike,
    v_opt: ArrayLike,
    higher_is_worse: bool = True,
) -> tuple[Floats, Floats]:
    """One bucket's log likelihood ratios of "treatment's mean is worse by delta" over "it is no worse".

    `l S - l**2 V / 2` for nine l around 1 / sqrt(rho), a factor 10**(1/2) apart at the ends of two decades each side;
    asymptotically an e-value, since the variances are taken for known.

    Args:
        bucket: That look's bucket alone, one entry per metric.
        variance_control: Variance of control's values, from all buckets so far or from before.
        variance_treatment: The same of treatment.
        v_opt: The information after which a change should be noticed.
        higher_is_worse: Whether a higher mean is the harm.

    Returns:
        The increments, one row per metric, and the log weights of the columns.

    Raises:
        InvalidArgument: A variance or `v_opt` is not above 0.
    """
    s2_c, s2_t = positives(variance_control, "variance_control"), positives(variance_treatment, "variance_treatment")
    information = s2_t * bucket.spread_treatment + s2_c * bucket.spread_control
    slopes = 10 ** (_STANDARD_EFFECTS / 2) / np.sqrt(tuning(v_opt, alpha=0.05))[..., None]
    score = (bucket.score if higher_is_worse else -bucket.score)[..., None]
    logs = slopes * score - slopes**2 * information[..., None] / 2
    return logs, np.full(len(_STANDARD_EFFECTS), -np.log(len(_STANDARD_EFFECTS)))
