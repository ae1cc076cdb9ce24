"""Planning (M13): how many units a comparison needs, what it would find, and how many days are left."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Floats, aligned, not_negatives, numbers, positives, probabilities
from crossfade.statistics.mixtures import tuning, two_sided_bound
from crossfade.statistics.rates import side_log_e

HORIZON_DAYS = 90.0
"""Beyond it the answer is "> 90 days": widen the margin or raise the percentage."""
_BISECTIONS = 60
_LARGEST_SAMPLE = 2.0**50
# No float holds the sample that a smaller effect needs, nor what a larger number is multiplied to.
_SMALLEST, _LARGEST = 1e-100, 1e100
_DAYS = np.geomspace(1e-3, HORIZON_DAYS, 120)


def sample_size_proportions(
    p_control: ArrayLike,
    p_treatment: ArrayLike,
    *,
    alpha: ArrayLike = 0.05,
    power: ArrayLike = 0.8,
    control_per_treatment: ArrayLike = 1.0,
) -> Floats:
    """Units of treatment for a two-sided test of two shares to find their difference; not rounded up.

    Normal approximation with unpooled variances: (z_alpha/2 + z_power)**2 (p_t q_t + p_c q_c / k) / (p_t - p_c)**2
    (textbook form, e.g. Fleiss, Levin & Paik 2003; not read).

    Args:
        p_control: Control's share, between 0 and 1.
        p_treatment: Treatment's share, at least 1e-100 apart.
        alpha: Error probability, two-sided.
        power: Probability of finding the difference.
        control_per_treatment: k, units of control for each unit of treatment, above 0.

    Raises:
        InvalidArgument: An argument is out of range, the shares are equal, or the shapes do not fit.
    """
    c, t, a, b, k = aligned(
        p_control=probabilities(p_control, "p_control"),
        p_treatment=probabilities(p_treatment, "p_treatment"),
        alpha=probabilities(alpha, "alpha"),
        power=probabilities(power, "power"),
        control_per_treatment=positives(control_per_treatment, "control_per_treatment"),
    )
    if not bool(np.all(np.abs(c - t) >= _SMALLEST)):
        raise InvalidArgument("p_treatment", "must differ from p_control")
    quantiles = special.ndtri(b) - special.ndtri(a / 2)
    sizes: Floats = quantiles**2 * (t * (1 - t) + c * (1 - c) / k) / (t - c) ** 2
    return sizes


def power_means(effect: ArrayLike, n_first: ArrayLike, *, ratio: ArrayLike = 1.0, alpha: ArrayLike = 0.05) -> Floats:
    """The probability that a two-sided t test finds a difference of means.

    Noncentral t with n1 + n2 - 2 degrees of freedom, equal variances (as statsmodels' `TTestIndPower`).

    Args:
        effect: The difference in standard deviations.
        n_first: Units of the first arm, above 1.
        ratio: Units of the second arm for each of the first, above 0.
        alpha: Error probability, two-sided.

    Raises:
        InvalidArgument: An argument is out of range, or the shapes do not fit.
    """
    d, n, r, a = aligned(
        effect=numbers(effect, "effect", largest=_LARGEST),
        n_first=positives(n_first, "n_first", largest=_LARGEST),
        ratio=positives(ratio, "ratio", largest=_LARGEST),
        alpha=probabilities(alpha, "alpha"),
    )
    if not bool(np.all(n * (1 + r) > 2)):  # noqa: PLR2004  each arm spends a degree of freedom
        raise InvalidArgument("n_first", "must leave a degree of freedom")
    return _power(np.abs(d), n, r, a)


def sample_size_means(
    effect: ArrayLike, *, alpha: ArrayLike = 0.05, power: ArrayLike = 0.8, ratio: ArrayLike = 1.0
) -> Floats:
    """Units of the first arm for a two-sided t test to find a difference of means; not rounded up.

    The inverse of `power_means`, by bisection; at least what leaves a degree of freedom.

    Args:
        effect: The difference in standard deviations, at least 1e-100 in size.
        alpha: Error probability, two-sided.
        power: Probability of finding the difference, above alpha.
        ratio: Units of the second arm for each of the first, above 0.

    Raises:
        InvalidArgument: An argument is out of range, or the shapes do not fit.
    """
    d, a, b, r = aligned(
        effect=numbers(effect, "effect", largest=_LARGEST),
        alpha=probabilities(alpha, "alpha"),
        power=probabilities(power, "power"),
        ratio=positives(ratio, "ratio", largest=_LARGEST),
    )
    if not bool(np.all(np.abs(d) >= _SMALLEST)):
        raise InvalidArgument("effect", "must not be 0, nor smaller than 1e-100")
    if not bool(np.all(b > a)):
        raise InvalidArgument("power", "must exceed alpha")
    # In logarithms, between one degree of freedom and four times the normal approximation, plus a few.
    normal = (special.ndtri(b) - special.ndtri(a / 2)) ** 2 * (1 + 1 / r) / d**2
    low, high = np.log(2.01 / (1 + r)), np.log(4 * normal + 100)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        found = _power(np.abs(d), np.exp(middle), r, a) >= b
        low, high = np.where(found, low, middle), np.where(found, middle, high)
    sizes: Floats = np.exp(high)
    return sizes


def days_left(
    *,
    delta: ArrayLike,
    weight: ArrayLike,
    information: ArrayLike,
    weight_per_day: ArrayLike,
    information_per_day: ArrayLike,
    v_opt: ArrayLike,
    alpha: ArrayLike = 0.05,
    power: ArrayLike = 0.8,
) -> Floats:
    """Days until a sequential comparison of means (M4) finds `delta`, at the recent pace; infinite beyond 90.

    The first day at which Phi((delta W' - bound(V')) / sqrt(V')) reaches `power`.

    Args:
        delta: The difference to be found, or the margin when none is expected, in the metric's unit, above 0.
        weight: W so far.
        information: V so far.
        weight_per_day: By how much W grows in a day.
        information_per_day: By how much V grows in a day.
        v_opt: As in `sequential_means.MeanDesign.of`.
        alpha: Error probability.
        power: Probability of a decision by then.

    Raises:
        InvalidArgument: An argument is out of range, or the shapes do not fit.
    """
    given = aligned(
        delta=positives(delta, "delta"),
        weight=not_negatives(weight, "weight"),
        information=not_negatives(information, "information"),
        weight_per_day=not_negatives(weight_per_day, "weight_per_day"),
        information_per_day=not_negatives(information_per_day, "information_per_day"),
        rho=tuning(v_opt, alpha=alpha),
        alpha=probabilities(alpha, "alpha"),
        power=probabilities(power, "power"),
    )
    difference, w, v, w_day, v_day, rho, error, chance = given

    def lacks(days: Floats) -> Floats:
        later = v + v_day * days
        reach = difference * (w + w_day * days) - two_sided_bound(later, rho=rho, alpha=error)
        return special.ndtri(chance) * np.sqrt(later) - reach

    return _first_day(lacks, np.zeros(difference.shape))


def requests_needed(
    control_rate: ArrayLike,
    *,
    share: ArrayLike,
    margin: ArrayLike = 1.5,
    alpha: ArrayLike = 0.05,
    power: ArrayLike = 0.8,
) -> Floats:
    """Requests of treatment until M3 rules out a ratio of `margin`, if treatment is as good as control.

    The smallest number at which the e-value reaches 1/alpha even when treatment has as many events as it exceeds with
    a probability of 1 - `power` (normal approximation of the conditional binomial); infinite where that is never.

    Args:
        control_rate: Events per request of control, from 0 to 1; with none nothing can ever be ruled out.
        share: Treatment's part of the requests, between 0 and 1.
        margin: The ratio to be ruled out, above 1.
        alpha: Error probability.
        power: Probability of a decision by then.

    Raises:
        InvalidArgument: An argument is out of range, or the shapes do not fit.
    """
    p, f, m, a, b = aligned(
        control_rate=not_negatives(control_rate, "control_rate"),
        share=probabilities(share, "share"),
        margin=positives(margin, "margin"),
        alpha=probabilities(alpha, "alpha"),
        power=probabilities(power, "power"),
    )
    if not bool(np.all(p <= 1)):
        raise InvalidArgument("control_rate", "must not exceed 1")
    if not bool(np.all(m > 1)):
        raise InvalidArgument("margin", "must be above 1")
    # The answer in events of both arms depends on neither rate nor traffic; from 1 to 2**50 of them.
    low, high = np.zeros(p.shape), np.full(p.shape, np.log(_LARGEST_SAMPLE))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        events = np.exp(middle)
        unlucky = np.minimum(events * f + special.ndtri(b) * np.sqrt(events * f * (1 - f)), events)
        reached = side_log_e(events - unlucky, unlucky, f, margin=m) >= -np.log(a)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(p > 0, np.exp(high) * f / np.where(p > 0, p, 1.0), np.inf)


def _power(effect: Floats, n: Floats, ratio: Floats, alpha: Floats) -> Floats:
    degrees = n * (1 + ratio) - 2
    shift = effect * np.sqrt(n * ratio / (1 + ratio))
    critical = -special.stdtrit(degrees, alpha / 2)
    # Beyond 37 standard errors from the critical value the noncentral t has no tail left, and scipy no answer.
    safe = np.minimum(shift, critical + 37)
    # In the far tail, where scipy has no answer either, the probability is below 1e-300.
    lower = np.nan_to_num(np.asarray(special.nctdtr(degrees, safe, -critical), dtype=np.float64), nan=0.0)
    upper = np.asarray(1 - special.nctdtr(degrees, safe, critical), dtype=np.float64)
    return np.clip(lower + np.where(np.isnan(upper), special.ndtr(shift - critical), upper), 0.0, 1.0)


def _first_day(lacks: Callable[[Floats], Floats], now: Floats) -> Floats:
    """The first day on which nothing lacks: found on a grid that is fine in the beginning, then by bisection."""
    days = [now, *(np.full(now.shape, day) for day in _DAYS)]
    reached = np.stack([lacks(day) <= 0 for day in days])
    first = reached.argmax(axis=0)
    steps: Floats = np.append(0.0, _DAYS)
    low: Floats = steps[np.maximum(first - 1, 0)]
    high: Floats = steps[first]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        is_enough = lacks(middle) <= 0
        low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
    return np.where(reached.any(axis=0), np.where(first == 0, 0.0, high), np.inf)
