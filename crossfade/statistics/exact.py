"""Sums and products of floats together with what rounding takes from them."""

from crossfade.statistics.arguments import Floats

# Splits a float into two halves of 26 bits (Veltkamp), whose products are exact.
_SPLITTER = 2.0**27 + 1


def two_sum(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """The sum, as the nearest float and what that leaves over (Knuth 1969)."""
    nearest = first + second
    back = nearest - first
    return nearest, (first - (nearest - back)) + (second - back)


def two_product(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """The product, as the nearest float and what that leaves over (Dekker 1971).

    Exact while neither factor is above 1e300 and the product is neither above 1e308 nor below 1e-290.
    """
    nearest = first * second
    high, low = _halves(first)
    other_high, other_low = _halves(second)
    lost = low * other_low - (((nearest - high * other_high) - low * other_high) - high * other_low)
    return nearest, lost


def quotient(total: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Total over size, as the nearest float and what that leaves over."""
    nearest = total / size
    product, lost = two_product(nearest, size)
    return nearest, ((total - product) - lost) / size


def cross_difference(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """Give a b - c d without the digits that a difference of two rounded products loses."""
    (first, first_lost), (second, second_lost) = two_product(a, b), two_product(c, d)
    return (first - second) + (first_lost - second_lost)


def _halves(value: Floats) -> tuple[Floats, Floats]:
    scaled = value * _SPLITTER
    high = scaled - (scaled - value)
    return high, value - high
