"""Logarithms of tail probabilities: right where the probability itself is too small for a float.

A probability below the smallest normal float (2.2e-308) is told by its logarithm; `probability` never tells it as 0.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from crossfade.statistics.arguments import Floats

SMALLEST = float(np.finfo(np.float64).tiny)
"""The smallest p that is told as a number; below it only the logarithm is right."""
# Above it a probability from scipy keeps its digits.
_SAFE = 1e-280
# A standard normal is below that, as far as a float can tell.
_CERTAIN = 25.0
_LENTZ_STEPS = 500
_LENTZ_TINY = 1e-300

Coefficients = Callable[[int], tuple[Floats, Floats]]


def probability(log_p: Floats) -> Floats:
    """The probability behind a logarithm, at least `SMALLEST` and never 0; NaN stays NaN."""
    return np.exp(np.maximum(log_p, np.log(SMALLEST)))


def log_normal(z: Floats) -> Floats:
    """Give log P(|Z| >= |z|) of a standard normal Z."""
    logs: Floats = np.minimum(np.log(2.0) + special.log_ndtr(-np.abs(z)), 0.0)
    return logs


def log_scaled_normal(z: Floats) -> Floats:
    """Give log(2 P(Z <= z)) + z**2 / 2 of a standard normal Z: finite, and with all its digits far below 0, too."""
    moderate = np.minimum(z, _CERTAIN)
    logs: Floats = np.log(special.erfcx(moderate * -np.sqrt(0.5)))
    # Further up the probability is 1.
    logs += (z * z - moderate * moderate) / 2
    return logs


def log_student(t: Floats, degrees: Floats) -> Floats:
    """Give log P(T <= t) of Student's t; `degrees` above 0, need not be whole.

    Where scipy's `stdtr` underflows: P = I_x(df/2, 1/2) / 2 with x = df / (df + t**2), by its continued fraction
    (Abramowitz & Stegun 26.7.1 and 26.5.8; not seen here, checked against 40-digit arithmetic).
    """
    tail = special.stdtr(degrees, t)
    is_safe = ~(tail < _SAFE)
    logs = np.log(np.where(is_safe, tail, 1.0))
    deep = np.flatnonzero(~is_safe)
    if deep.size:
        logs.flat[deep] = _log_beta_tail(t.flat[deep], degrees.flat[deep]) - np.log(2.0)
    return logs


def log_chi_square(statistic: Floats, degrees: Floats) -> Floats:
    """Give log P(X >= statistic) of a chi-square X.

    Where scipy's `chdtrc` underflows: the continued fraction of the upper incomplete gamma function
    (Abramowitz & Stegun 6.5.31; not seen here, checked against 40-digit arithmetic).
    """
    tail = special.chdtrc(degrees, statistic)
    is_safe = ~(tail < _SAFE)
    logs = np.log(np.where(is_safe, tail, 1.0))
    deep = np.flatnonzero(~is_safe)
    if deep.size:
        logs.flat[deep] = _log_gamma_tail(statistic.flat[deep] / 2, degrees.flat[deep] / 2)
    return logs


def _log_beta_tail(t: Floats, degrees: Floats) -> Floats:
    a, b = degrees / 2, 0.5
    q = np.abs(t) / np.sqrt(degrees)
    h = np.hypot(1.0, q)
    x = 1 / h / h

    def coefficients(step: int) -> tuple[Floats, Floats]:
        half = step // 2
        if step % 2:
            factor = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            factor = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        return factor, np.ones_like(x)

    # ln(1 + q**2), where a huge q must not overflow and a small one not be lost.
    growth = np.where(q < 1, np.log1p(np.minimum(q, 1.0) ** 2), 2 * np.log(h))
    front = -a * growth + np.log(q / h)
    return front - np.log(a) - special.betaln(a, b) - np.log(_lentz(np.ones_like(x), coefficients))


def _log_gamma_tail(x: Floats, a: Floats) -> Floats:
    def coefficients(step: int) -> tuple[Floats, Floats]:
        return -step * (step - a), x + 2 * step + 1 - a

    return -x + a * np.log(x) - special.gammaln(a) - np.log(_lentz(x + 1 - a, coefficients))


def _lentz(first: Floats, coefficients: Coefficients) -> Floats:
    """The continued fraction first + a1 / (b1 + a2 / (b2 + ...)), after Lentz, as modified by Thompson & Barnett."""
    value, numerator, denominator = first, first, np.zeros_like(first)
    for step in range(1, _LENTZ_STEPS):
        a, b = coefficients(step)
        denominator = 1 / _away_from_zero(b + a * denominator)
        numerator = _away_from_zero(b + a / numerator)
        change = numerator * denominator
        value = value * change
        if bool(np.all(np.abs(change - 1) < np.finfo(np.float64).eps)):
            break
    return value


def _away_from_zero(values: Floats) -> Floats:
    return np.where(np.abs(values) < _LENTZ_TINY, _LENTZ_TINY, values)
