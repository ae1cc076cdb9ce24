"""Percentages: exact decimals from 0 to 100 in steps of 0.001."""

from decimal import Decimal, InvalidOperation

from crossfade.errors import InvalidPercentage

ZERO = Decimal(0)
HUNDRED = Decimal(100)
STEP = Decimal("0.001")


def percentage(value: Decimal | float | str) -> Decimal:
    """The exact percentage that `value` names; floats are read as they print (0.1 is 0.1).

    Raises:
        InvalidPercentage: Not a finite number, outside 0..100, or finer than 0.001.
    """
    number = _decimal(value)
    # Written positively: NaN compares false with everything.
    if not (number.is_finite() and ZERO <= number <= HUNDRED):
        raise InvalidPercentage(str(value)[:40])
    if number % STEP:
        raise InvalidPercentage(f"{str(value)[:40]} is finer than 0.001")
    return canonical(number)


def canonical(number: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent: 25.000 and 2.5E+1 are 25."""
    if number == number.to_integral_value():
        return number.quantize(Decimal(1))
    return number.normalize()


def json_number(number: Decimal) -> int | float:
    """The JSON number that reads back as exactly this percentage or share."""
    return int(number) if number == number.to_integral_value() else float(number)


def _decimal(value: Decimal | float | str) -> Decimal:
    if isinstance(value, bool):
        raise InvalidPercentage("a boolean is not a number")
    try:
        return value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise InvalidPercentage(str(value)[:40]) from None
