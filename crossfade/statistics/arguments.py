"""What every statistic asks of its arguments: numbers that are finite, counts that are whole, shapes that fit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossfade.errors import InvalidArgument

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.str_]

# Above 2**53 a float no longer tells n from n + 1.
_LARGEST_COUNT = 2.0**53


def numbers(value: ArrayLike, argument: str) -> Floats:
    """Finite numbers, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not a number, or NaN, or infinite.
    """
    floats = _floats(value, argument)
    if not bool(np.all(np.isfinite(floats))):
        raise InvalidArgument(argument, "must be finite numbers")
    return floats


def counts(value: ArrayLike, argument: str) -> Floats:
    """Whole numbers from 0 to 2**53, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not such a number.
    """
    floats = _floats(value, argument)
    if not bool(np.all((floats >= 0) & (floats <= _LARGEST_COUNT) & (floats == np.floor(floats)))):
        raise InvalidArgument(argument, "must be whole numbers from 0 to 2**53")
    return floats


def positives(value: ArrayLike, argument: str) -> Floats:
    """Finite numbers above 0, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not such a number.
    """
    floats = numbers(value, argument)
    if not bool(np.all(floats > 0)):
        raise InvalidArgument(argument, "must be above 0")
    return floats


def not_negatives(value: ArrayLike, argument: str) -> Floats:
    """Finite numbers of 0 or more, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not such a number.
    """
    floats = numbers(value, argument)
    if not bool(np.all(floats >= 0)):
        raise InvalidArgument(argument, "must not be negative")
    return floats


def probabilities(value: ArrayLike, argument: str) -> Floats:
    """Numbers strictly between 0 and 1, at least one-dimensional.

    Raises:
        InvalidArgument: Something in it is not such a number.
    """
    floats = _floats(value, argument)
    if not bool(np.all((floats > 0) & (floats < 1))):
        raise InvalidArgument(argument, "must lie between 0 and 1")
    return floats


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


def _floats(value: ArrayLike, argument: str) -> Floats:
    try:
        given = np.asarray(value)
    except ValueError:
        raise InvalidArgument(argument, "must be rectangular") from None
    if given.dtype.kind not in "iuf":
        raise InvalidArgument(argument, "must be numbers")
    return np.atleast_1d(given.astype(np.float64))


def _others(arguments: dict[str, Floats], name: str) -> str:
    return ", ".join(other for other in arguments if other != name)
