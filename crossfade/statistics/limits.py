"""Exact confidence bounds of a proportion.

Clopper & Pearson (1934), one-sided, through the beta distribution:
lower = B(alpha; k, n - k + 1), upper = B(1 - alpha; k + 1, n - k).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from crossfade.errors import InvalidArgument

Floats = NDArray[np.float64]


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


def _checked(events: ArrayLike, trials: ArrayLike, alpha: ArrayLike) -> tuple[Floats, Floats, Floats]:
    k, n = _counts(events, "events"), _counts(trials, "trials")
    a = np.asarray(alpha, dtype=np.float64)
    if not bool(np.all((a > 0) & (a < 1))):
        raise InvalidArgument("alpha", "must lie between 0 and 1")
    try:
        k, n, a = (np.atleast_1d(array) for array in np.broadcast_arrays(k, n, a))
    except ValueError:
        raise InvalidArgument("events", "must have a shape that fits trials and alpha") from None
    if not bool(np.all(k <= n)):
        raise InvalidArgument("events", "must not exceed trials")
    return k, n, a


def _counts(value: ArrayLike, argument: str) -> Floats:
    given = np.asarray(value)
    if given.dtype.kind not in "iuf":
        raise InvalidArgument(argument, "must be whole numbers")
    counts = given.astype(np.float64)
    # Above 2**53 a float no longer tells n from n + 1.
    if not bool(np.all((counts >= 0) & (counts <= 2.0**53) & (counts == np.floor(counts)))):
        raise InvalidArgument(argument, "must be whole numbers from 0 to 2**53")
    return counts
