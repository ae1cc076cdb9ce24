"""The inputs of vectors as arguments of ours, and our results as answers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts, Moments
from crossfade.statistics.arguments import Floats

Value: TypeAlias = "float | int | str | bool | Sequence[Value] | Mapping[str, Value] | None"
Inputs: TypeAlias = Mapping[str, Value]
Answers: TypeAlias = dict[str, Value]
Solver: TypeAlias = Callable[[Inputs], Answers]


def floats(value: Value) -> Floats:
    """Numbers, nested or not; null becomes NaN."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidArgument("inputs", "must be numbers") from None


def number(value: Value) -> float:
    given = floats(value)
    if given.ndim:
        raise InvalidArgument("inputs", "must be a number, not a list")
    return float(given)


def given(inputs: Inputs, name: str, default: float) -> float:
    """The number, or the default where the input is missing or null."""
    value = inputs.get(name)
    return default if value is None else number(value)


def table(value: Value, width: int) -> Floats:
    """Rows of so many numbers, or no row at all."""
    rows = floats(value)
    rows = rows if rows.size else np.empty((0, width))
    if rows.shape != (len(rows), width):
        raise InvalidArgument("inputs", f"must be rows of {width} numbers")
    return rows


def told(array: Floats) -> float | None:
    """The first entry; None where there is no decision."""
    first = float(array[0])
    return None if math.isnan(first) else first


def arm(inputs: Inputs, name: str) -> Mapping[str, Value]:
    arm = inputs.get(name)
    if not isinstance(arm, Mapping):
        raise InvalidArgument(name, "must be an object")
    return arm


def moments(inputs: Inputs) -> tuple[Moments, Moments]:
    control, treatment = (arm(inputs, name) for name in ("control", "treatment"))
    return _summary(control), _summary(treatment)


def _summary(arm: Mapping[str, Value]) -> Moments:
    return Moments.from_variance(*(number(arm.get(name)) for name in ("n", "mean", "variance")))


def counts(inputs: Inputs) -> tuple[Counts, Counts]:
    control, treatment = (arm(inputs, name) for name in ("control", "treatment"))
    return (
        Counts.of(number(control["n"]), number(control["successes"])),
        Counts.of(number(treatment["n"]), number(treatment["successes"])),
    )


def strata(inputs: Inputs) -> tuple[Counts, Counts]:
    n_c, x_c, n_t, x_t = table(inputs["strata_nc_xc_nt_xt"], 4).T
    return Counts.of(n_c, x_c), Counts.of(n_t, x_t)
