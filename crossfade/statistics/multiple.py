"""Many tests at once (M8), and one error probability over many steps (M9). NaN is a test without data."""

import numpy as np
from numpy.typing import ArrayLike

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Floats, counts, positives, probabilities


def holm(p: ArrayLike | None = None, *, log_p: ArrayLike | None = None) -> Floats:
    """P-values adjusted so that the chance of any false rejection stays below alpha (Holm 1979).

    Args:
        p: P-values of one family along the last axis; NaN (or None) is left out of the family and stays NaN.
        log_p: Instead of `p`: their logarithms, for those too small to be told; the result is logarithms then.

    Raises:
        InvalidArgument: A p-value is not between 0 and 1, or not one of the two is given.
    """
    if (p is None) == (log_p is None):
        raise InvalidArgument("p", "or log_p must be given, and not both")
    family = _family(p) if log_p is None else _log_family(log_p)
    order, sizes = _order(family)
    ranked = np.take_along_axis(family, order, axis=-1)
    left = np.maximum(sizes - np.arange(family.shape[-1]), 1)
    # A product where p is given: through logarithms a p-value at its limit would come out above it.
    scaled, largest = (ranked * left, 1.0) if log_p is None else (ranked + np.log(left), 0.0)
    return _unsorted(np.minimum(np.maximum.accumulate(scaled, axis=-1), largest), order)


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """P-values adjusted so that the expected share of false ones among the rejected stays below alpha.

    Benjamini & Hochberg (1995), for exploratory lists; arguments and errors as in `holm`. Agrees with statsmodels.
    """
    given = _family(p)
    order, sizes = _order(given)
    ranked = np.take_along_axis(given, order, axis=-1)
    scaled = ranked * (sizes / np.arange(1, given.shape[-1] + 1))
    # From the largest down; NaN stand last and must not spread, so they take part as 1.
    descending = np.where(np.isnan(scaled), 1.0, scaled)[..., ::-1]
    adjusted = np.minimum(np.minimum.accumulate(descending, axis=-1)[..., ::-1], 1.0)
    return _unsorted(np.where(np.isnan(ranked), np.nan, adjusted), order)


def bonferroni(p: ArrayLike) -> Floats:
    """P-values times the size of the family, at most 1; arguments and errors as in `holm`."""
    given = _family(p)
    sizes = (~np.isnan(given)).sum(axis=-1, keepdims=True)
    adjusted: Floats = np.minimum(given * sizes, 1.0)
    return adjusted


def split_alpha(alpha: float, steps: int, *, weights: ArrayLike | None = None) -> Floats:
    """The error probability of each step, so that all steps together keep `alpha` (a union bound, M9).

    Args:
        alpha: Of the whole ramp, between 0 and 1.
        steps: How many steps, at least 1.
        weights: How the steps share it, above 0 in any unit; equally if not given.

    Raises:
        InvalidArgument: An argument is out of range, or `weights` is not one per step.
    """
    whole = probabilities(alpha, "alpha")
    size = counts(steps, "steps")
    if not (size.shape == (1,) and size[0] >= 1):
        raise InvalidArgument("steps", "must be a whole number of 1 or more")
    shares = np.ones(int(size[0])) if weights is None else positives(weights, "weights")
    if shares.shape != (size[0],):
        raise InvalidArgument("weights", "must be one per step")
    parts = whole * (shares / shares.max() / (shares / shares.max()).sum())
    # Rounded down, so that the sum never exceeds the whole.
    rounded: Floats = np.nextafter(parts, 0.0)
    return rounded


def _family(p: ArrayLike | None) -> Floats:
    given = _decimals(p, "p", "must be numbers from 0 to 1")
    if not bool(np.all(np.isnan(given) | ((given >= 0) & (given <= 1)))):
        raise InvalidArgument("p", "must be numbers from 0 to 1")
    return given


def _log_family(log_p: ArrayLike) -> Floats:
    given = _decimals(log_p, "log_p", "must be numbers of at most 0")
    if not bool(np.all(np.isnan(given) | (given <= 0))):
        raise InvalidArgument("log_p", "must be numbers of at most 0")
    return given


def _decimals(value: ArrayLike | None, argument: str, reason: str) -> Floats:
    """Numbers and NaN; None is NaN, as JSON tells it."""
    try:
        return np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        raise InvalidArgument(argument, reason) from None


def _order(family: Floats) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.intp]], Floats]:
    """The order from the smallest on, NaN last, and how many are not NaN."""
    sizes = (~np.isnan(family)).sum(axis=-1, keepdims=True).astype(np.float64)
    return np.argsort(family, axis=-1, kind="stable"), sizes


def _unsorted(ranked: Floats, order: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Floats:
    result = np.empty_like(ranked)
    np.put_along_axis(result, order, ranked, axis=-1)
    return result
