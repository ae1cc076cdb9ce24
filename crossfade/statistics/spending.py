"""Group-sequential bounds: few looks planned in advance share one error probability (M9).

Narrower than an always-valid interval, at a price: only the planned looks count, and each only once. Lan & DeMets
(1983), by the recursive integration of Armitage, McPherson & Rowe (1969); the papers were not read, the bounds agree
with those of spotify-confidence's port of ldbounds.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Floats, positives, probabilities

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(256)
_BISECTIONS = 60
# Beyond it nothing is left to be spent or integrated.
_FARTHEST = 9.0


def power_spending(fractions: ArrayLike, *, alpha: float = 0.05, power: float = 2.0) -> Floats:
    """The error probability spent by each look: alpha times the fraction of information to a power.

    Args:
        fractions: Share of the planned information at each look, rising, above 0 and at most 1.
        alpha: Of all looks together.
        power: 1 spends evenly, more spends late.

    Raises:
        InvalidArgument: An argument is out of range.
    """
    return probabilities(alpha, "alpha") * _fractions(fractions) ** positives(power, "power")


def group_sequential_bounds(fractions: ArrayLike, spent: ArrayLike, *, sides: int = 2) -> Floats:
    """The z that each planned look must exceed, so that no more is spent by then than planned.

    Args:
        fractions: Share of the planned information at each look, rising, above 0 and at most 1.
        spent: Error probability spent by each look, all earlier ones included, rising; two-sided if `sides` is 2.
        sides: 2 for |z|, 1 for z.

    Raises:
        InvalidArgument: An argument is out of range, or there is not one of `spent` per look.
    """
    times, by_now = _fractions(fractions), probabilities(spent, "spent")
    if by_now.shape != times.shape or not bool(np.all(np.diff(by_now) > 0)):
        raise InvalidArgument("spent", "must rise, one for each look")
    if sides not in (1, 2):
        raise InvalidArgument("sides", "must be 1 or 2")
    # The Brownian path without drift: where it may be, and how likely it is to have come there uncrossed.
    places, masses, now = np.zeros(1), np.ones(1), 0.0
    bounds = []
    for time, part in zip(times, np.diff(by_now, prepend=0.0), strict=True):
        spread = np.sqrt(time - now)
        bound = _bound(places / np.sqrt(time), masses, spread / np.sqrt(time), part, sides)
        lowest = -bound if sides == 2 else -_FARTHEST  # noqa: PLR2004
        following = np.sqrt(time) * (lowest + (bound - lowest) * (_NODES + 1) / 2)
        density = np.exp(-(((following[:, None] - places) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
        masses = (density @ masses) * _WEIGHTS * np.sqrt(time) * (bound - lowest) / 2
        places, now = following, time
        bounds.append(bound)
    return np.array(bounds)


def _bound(places: Floats, masses: Floats, spread: float, part: float, sides: int) -> float:
    """The bound that a path crosses with probability `part` at this look, all in units of its standard deviation."""
    low, high = -_FARTHEST if sides == 1 else 0.0, _FARTHEST
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        crossed = special.ndtr((places - middle) / spread)
        if sides == 2:  # noqa: PLR2004
            crossed = crossed + special.ndtr((-places - middle) / spread)
        low, high = (middle, high) if float(masses @ crossed) > part else (low, middle)
    return high


def _fractions(fractions: ArrayLike) -> Floats:
    times = positives(fractions, "fractions")
    if times.ndim != 1 or not bool(np.all(np.diff(times) > 0) & np.all(times <= 1)):
        raise InvalidArgument("fractions", "must rise and not exceed 1")
    return times
