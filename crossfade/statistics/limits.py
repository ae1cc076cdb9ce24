"""Exact confidence bounds of a proportion.

Clopper & Pearson (1934), one-sided, through the beta distribution:
lower = B(alpha; k, n - k + 1), upper = B(1 - alpha; k + 1, n - k).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Floats, aligned, counts, probabilities


def lower_bound(events: ArrayLike, trials: ArrayLike, *, alpha: ArrayLike) -> Floats:
    """The share that the true one exceeds, with an error probability of at most `alpha`.

    Args:
        events: How often it happened, broadcast against `trials` and `alpha`.
        trials: How often it could have happened; 0 bounds nothing and gives 0.
        alpha: One-sided error probability, between 0 and 1.

    Raises:
        InvalidArgument: An argument is not a count, or `events` exceed `trials`, or `alpha` is outside (0, 1).
    """
    k, n, a = _checked(events, trials, alpha)
    bounds = np.zeros(k.shape)
    some = k > 0
    bounds[some] = special.betaincinv(k[some], n[some] - k[some] + 1.0, a[some])
    return bounds


def upper_bound(events: ArrayLike, trials: ArrayLike, *, alpha: ArrayLike) -> Floats:
    """The share that the true one stays below, with an error probability of at most `alpha`.

    Arguments and errors as in `lower_bound`; no trials bound nothing and give 1.
    """
    k, n, a = _checked(events, trials, alpha)
    bounds = np.ones(k.shape)
    some = k < n
    # The complement takes alpha as it is; 1 - alpha would lose the digits of a small one.
    bounds[some] = special.betainccinv(k[some] + 1.0, n[some] - k[some], a[some])
    return bounds


def _checked(events: ArrayLike, trials: ArrayLike, alpha: ArrayLike) -> list[Floats]:
    n, k, a = aligned(
        trials=counts(trials, "trials"), events=counts(events, "events"), alpha=probabilities(alpha, "alpha")
    )
    if not bool(np.all(k <= n)):
        raise InvalidArgument("events", "must not exceed trials")
    return [k, n, a]
