"""Users who make several requests each, and some of whom fail more often than others.

Every user counts once, in the look in which he was first seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.ramps.observations import Clusters, Ratio
from benchmarks.ramps.schedule import RAMP, Schedule

Floats = NDArray[np.float64]
_BASELINE_USERS = 2000


@dataclass(frozen=True)
class Users:
    """Errors of users over a ramp.

    Attributes:
        rate: The mean error rate of a user.
        spread: The strength of the prior Beta(rate * spread, (1 - rate) * spread): the lower, the more users differ.
        requests_each: The mean number of requests of a user, at least 1; the number is geometric.
        ratio: How many times more often users of candidate fail.
    """

    rate: float = 0.05
    spread: float = 10.0
    requests_each: float = 5.0
    ratio: float = 1.0
    schedule: Schedule = RAMP

    def observed(self, random: Generator, runs: int) -> Clusters:
        """What the looks of so many runs see."""
        users = int(self.schedule.requests / self.requests_each)
        candidates = self.schedule.candidate(random, runs, units=users)
        looks = np.stack([self._look(random, users, chosen) for chosen in candidates], axis=2)
        before = self._look(random, _BASELINE_USERS, np.zeros(runs, dtype=np.int64))[0]
        return Clusters(Ratio(*before), Ratio(*looks[0]), Ratio(*looks[1]))

    def _look(self, random: Generator, users: int, candidates: NDArray[np.int64]) -> Floats:
        """The sums of both arms, shape (arms, sums, runs)."""
        shape = (len(candidates), users)
        is_candidate = np.arange(users) < candidates[:, None]
        requests = random.geometric(1 / self.requests_each, shape)
        rates = np.where(is_candidate, self.rate * self.ratio, self.rate)
        errors = random.binomial(requests, random.beta(rates * self.spread, (1 - rates) * self.spread))
        y, d = errors.astype(np.float64), requests.astype(np.float64)
        sums = [np.ones_like(y), y, y * y, d, d * d, y * d]
        return np.array(
            [[np.where(arm, each, 0).sum(axis=1) for each in sums] for arm in (~is_candidate, is_candidate)]
        )
