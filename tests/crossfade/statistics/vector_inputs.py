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
    return float(floats(value))


def told(array: Floats) -> float | None:
    """The first entry; None where there is no decision."""
    first = float(array[0])
    return None if math.isnan(first) else first


def arm(inputs: Inputs, name: str) -> Mapping[str, Value]:
    arm = inputs[name]
    assert isinstance(arm, Mapping)
    return arm


def moments(inputs: Inputs) -> tuple[Moments, Moments]:
    control, treatment = (arm(inputs, name) for name in ("control", "treatment"))
    return _summary(control), _summary(treatment)


def _summary(arm: Mapping[str, Value]) -> Moments:
    return Moments.from_variance(number(arm["n"]), number(arm["mean"]), number(arm["variance"]))


def counts(inputs: Inputs) -> tuple[Counts, Counts]:
    control, treatment = (arm(inputs, name) for name in ("control", "treatment"))
    return (
        Counts.of(number(control["n"]), number(control["successes"])),
        Counts.of(number(treatment["n"]), number(treatment["successes"])),
    )


def strata(inputs: Inputs) -> tuple[Counts, Counts]:
    n_c, x_c, n_t, x_t = floats(inputs["strata_nc_xc_nt_xt"]).T
    return Counts.of(n_c, x_c), Counts.of(n_t, x_t)
