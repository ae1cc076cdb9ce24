"""How often a judge raised the alarm over many runs, and when."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Score:
    """The alarms of one judge in one scenario.

    Attributes:
        share: The share of the runs in which the alarm was ever raised.
        error: The standard error of that share.
        median_look: At which look, from 1, half of the alarms had been raised; None without an alarm.
    """

    share: float
    error: float
    median_look: float | None

    @classmethod
    def of(cls, alarms: Bools) -> "Score":
        """The score of alarms, shape (looks, runs); each run counts with its first one."""
        raised = alarms.any(axis=0)
        share = float(raised.mean())
        first = alarms.argmax(axis=0)[raised] + 1
        error = sqrt(share * (1 - share) / alarms.shape[1])
        return cls(share, error, float(np.median(first)) if first.size else None)

    def __str__(self) -> str:
        when = "" if self.median_look is None else f" @{self.median_look:.0f}"
        return f"{self.share:.1%}{when}"


def cumulative(alarms: Bools) -> NDArray[np.float64]:
    """The share of runs with an alarm so far, look by look."""
    ever: NDArray[np.float64] = np.logical_or.accumulate(alarms, axis=0).mean(axis=1)
    return ever
