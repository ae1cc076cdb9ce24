"""What every statistic asks of its arguments: numbers that are finite, counts that are whole, shapes that fit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossfade.errors import InvalidArgument

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]
Texts = NDArray[np.str_]

# Above 2**53 a float no longer tells n from n + 1.
_LARGEST_COUNT = 2.0**53
_LARGEST_FLOAT = float(np.finfo(np.float64).max)


def floats(value: ArrayLike, argument: str) -> Floats:
    """Numbers of any kind, NaN and infinities too, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not a number, or rows differ in length.
    """
    try:
        given = np.asarray(value)
    except ValueError:
        raise InvalidArgument(argument, "must be rectangular") from None
    if given.dtype.kind not in "iuf":
        raise InvalidArgument(argument, "must be numbers")
    return np.atleast_1d(given.astype(np.float64))


def numbers(value: ArrayLike, argument: str, *, largest: float = _LARGEST_FLOAT) -> Floats:
    """Finite numbers, at least one-dimensional; `largest` leaves room for what is computed with them.

    Raises:
        InvalidArgument: Something in it is not a number, or NaN, or infinite, or larger in size.
    """
    given = floats(value, argument)
    if not bool(np.all(np.abs(given) <= largest)):
        size = "" if largest == _LARGEST_FLOAT else f" of a size of at most {largest:.0e}"
        raise InvalidArgument(argument, f"must be finite numbers{size}")
    return given


def counts(value: ArrayLike, argument: str) -> Floats:
    """Whole numbers from 0 to 2**53, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not such a number.
    """
    given = floats(value, argument)
    within = given.min(initial=0) >= 0 and given.max(initial=0) <= _LARGEST_COUNT
    if not (within and bool((given == np.floor(given)).all())):
        raise InvalidArgument(argument, "must be whole numbers from 0 to 2**53")
    return given


def positives(value: ArrayLike, argument: str, *, largest: float = _LARGEST_FLOAT) -> Floats:
    """Finite numbers above 0, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not such a number.
    """
    given = numbers(value, argument, largest=largest)
    if not bool(np.all(given > 0)):
        raise InvalidArgument(argument, "must be above 0")
    return given


def not_negatives(value: ArrayLike, argument: str, *, largest: float = _LARGEST_FLOAT) -> Floats:
    """Finite numbers of 0 or more, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not such a number.
    """
    given = numbers(value, argument, largest=largest)
    if not bool(np.all(given >= 0)):
        raise InvalidArgument(argument, "must not be negative")
    return given


def probabilities(value: ArrayLike, argument: str) -> Floats:
    """Numbers strictly between 0 and 1, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not such a number.
    """
    given = floats(value, argument)
    if not (given.min(initial=0.5) > 0 and given.max(initial=0.5) < 1):
        raise InvalidArgument(argument, "must lie between 0 and 1")
    return given


def direction(lower_is_better: ArrayLike) -> Floats:
    """1 where lower is better and -1 where higher is.

    Raises:
        InvalidArgument: It is not true or false.
    """
    given = np.atleast_1d(np.asarray(lower_is_better))
    if given.dtype.kind != "b":
        raise InvalidArgument("lower_is_better", "must be true or false")
    return np.where(given, 1.0, -1.0)


def aligned(**arguments: Floats) -> list[Floats]:
    """The arrays, broadcast to one shape.

    Raises:
        InvalidArgument: The shapes do not fit; it names the first argument that does not fit those before it.
    """
    shape: tuple[int, ...] = ()
    for name, array in arguments.items():
        try:
            shape = np.broadcast_shapes(shape, array.shape)
        except ValueError:
            raise InvalidArgument(name, f"must have a shape that fits {_others(arguments, name)}") from None
    return [np.broadcast_to(array, shape) for array in arguments.values()]


def fit(first: Floats, other: Floats) -> None:
    """Refuse to add what is not of the same metrics.

    Raises:
        InvalidArgument: The shape of `other` does not fit that of `first`.
    """
    aligned(one=first, other=other)


def _others(arguments: dict[str, Floats], name: str) -> str:
    return ", ".join(other for other in arguments if other != name)
