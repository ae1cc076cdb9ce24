"""Who raises the alarm when: ours and the peers on the same looks, shape (looks, runs) each.

On a healthy ramp every alarm is a false one, so peers count in either direction, as their users see them. On a
harmful one only "candidate is worse" counts. Peers may wait for `LEAST` units of candidate, which is to their good.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.naive import Tested, gbstats_sequential, pooled_z, welch
from benchmarks.peers.score import stratified_score
from benchmarks.ramps.observations import Clusters, Means, Rates, Sums
from benchmarks.ramps.ours import ALPHA, Judged, judge_means, judge_rates, judge_users
from benchmarks.ramps.schedule import Schedule

Bools = NDArray[np.bool_]
Alarms = dict[str, Bools]
LEAST = 100


class Truth(StrEnum):
    """What candidate is like."""

    HEALTHY = "healthy"
    HARMFUL = "harmful"
    AT_MARGIN = "at the margin"


def of_rates(rates: Rates, schedule: Schedule, truth: Truth) -> Alarms:
    """Judge an error rate, or the share of requests above a limit."""
    ours = _ours(judge_rates(rates, schedule), truth)
    if truth is Truth.AT_MARGIN:
        # No peer answers the question whether candidate is safe.
        return ours
    control, candidate = rates.control.so_far(), rates.candidate.so_far()
    enough = candidate.n >= LEAST
    sums = Sums.of(control), Sums.of(candidate)
    said = stratified_score(rates)
    return {
        **ours,
        "pooled z": _peer(pooled_z(control, candidate), truth) & enough,
        "naive Welch": _peer(welch(*sums), truth) & enough,
        "gbstats": _peer(gbstats_sequential(*sums, is_proportion=True), truth) & enough,
        "stratified score": said.harm >= -np.log(ALPHA),
        "stratified score, two-sided": (said.either_way >= -np.log(ALPHA))
        & ((said.score > 0) | (truth is Truth.HEALTHY)),
    }


def of_means(means: Means, schedule: Schedule, truth: Truth, *, before: Sums) -> Alarms:
    """Judge a mean, the lower the better."""
    control, candidate = means.control.so_far(), means.candidate.so_far()
    enough = candidate.n >= LEAST
    return {
        **_ours(judge_means(means, schedule, before=before), truth),
        "naive Welch": _peer(welch(control, candidate), truth) & enough,
        "gbstats": _peer(gbstats_sequential(control, candidate, is_proportion=False), truth) & enough,
    }


def of_users(clusters: Clusters, schedule: Schedule, truth: Truth) -> Alarms:
    """Judge errors per request of users: ours by users (M10 into M4), pooled z by requests, as if independent."""
    control, candidate = clusters.control.so_far(), clusters.candidate.so_far()
    enough = candidate.n >= LEAST
    sums = control.per_user(), candidate.per_user()
    return {
        **_ours(judge_users(clusters, schedule), truth),
        "pooled z": _peer(pooled_z(control.per_request(), candidate.per_request()), truth) & enough,
        "naive Welch": _peer(welch(*sums), truth) & enough,
        "gbstats": _peer(gbstats_sequential(*sums, is_proportion=False), truth) & enough,
    }


def _ours(judged: Judged, truth: Truth) -> Alarms:
    match truth:
        case Truth.HEALTHY:
            return {
                "crossfade harm": judged.report.harm,
                "crossfade interval": judged.report.differs,
                "crossfade gate": judged.gate.harm,
            }
        case Truth.HARMFUL:
            return {"crossfade harm": judged.report.harm, "crossfade gate": judged.gate.harm}
        case Truth.AT_MARGIN:
            return {"crossfade safe": judged.report.safe, "crossfade gate, safe": judged.gate.safe}


def _peer(tested: Tested, truth: Truth) -> Bools:
    rejected: Bools = tested.p < ALPHA
    return rejected & (tested.difference > 0) if truth is Truth.HARMFUL else rejected
