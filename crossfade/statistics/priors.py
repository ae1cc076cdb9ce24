"""What a mixture expects of a ratio of rates before it has seen anything (M3).

Any weights that add up to 1 make an exact test; they only settle which harm it finds soonest. Fixed before the step.
"""

from dataclasses import dataclass, field

import numpy as np

from crossfade.errors import InvalidArgument
from crossfade.statistics.arguments import Floats

PRIOR_SPREAD = 0.7
"""Standard deviation of the log ratio that the mixtures expect."""
STEPS = np.arange(1, 61) * (np.log(20) / 60)
"""How far the alternatives of a one-sided mixture lie from the ratio in question, as logarithms."""
AROUND = np.linspace(-3.5, 3.5, 121)
"""The logarithms of the ratios that the two-sided mixture of an interval is made of."""


@dataclass(frozen=True, slots=True, eq=False)
class HarmPrior:
    """Weights in proportion to theta**order * exp(-theta**2 / (2 spread**2)), theta being a distance of `STEPS`.

    Attributes:
        spread: Of the log ratio; above 0.
        order: 0 gives the ratios next to the null most weight, 1 takes it from them, since nobody can tell them apart.
        log_weights: Logarithms of the weights, one for each of `STEPS`.
        weights: These themselves, which add up to 1.

    Raises:
        InvalidArgument: `spread` is not above 0, or `order` is negative.
    """

    spread: float
    order: int = 0
    log_weights: Floats = field(init=False)
    weights: Floats = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.spread < np.inf:
            raise InvalidArgument("spread", "must be a finite number above 0")
        if not self.order >= 0:
            raise InvalidArgument("order", "must be 0 or more")
        logs = log_normal_weights(STEPS, self.spread) + self.order * np.log(STEPS)
        object.__setattr__(self, "log_weights", logs - np.log(np.exp(logs).sum()))
        object.__setattr__(self, "weights", np.exp(self.log_weights))


def log_normal_weights(distances: Floats, spread: float) -> Floats:
    """Logarithms of weights that fall off like a normal density and add up to 1."""
    logs = -(distances**2) / (2 * spread**2)
    weights: Floats = logs - np.log(np.exp(logs).sum())
    return weights


ANY_HARM = HarmPrior(PRIOR_SPREAD)
"""Up to ratios of 20: for a step, which has few events when it matters."""
SMALL_HARM = HarmPrior(0.3, order=1)
"""Most at ratios around 1.35: for evidence over a whole ramp, which has the events to find as little as that."""
