"""The ramps that are simulated, each with what is true of candidate."""

from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator

from benchmarks.ramps import judging
from benchmarks.ramps.bake import detected
from benchmarks.ramps.judging import Alarms, Truth
from benchmarks.ramps.latency import Latency
from benchmarks.ramps.rates import ErrorRate, drifting, late, steady
from benchmarks.ramps.schedule import BAKE, QUIET_RAMP
from benchmarks.ramps.users import Users

HARM_SINCE = 0.8
FALLING, RISING, RARE = drifting(0.01, 0.005), drifting(0.005, 0.01), steady(0.0005)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of ramp.

    Attributes:
        name: Short, as it is printed.
        truth: What candidate is like, so what an alarm means.
        alarms: Who raises the alarm when, for so many runs; of a late change the alarms before it do not count.
    """

    name: str
    truth: Truth
    alarms: Callable[[Generator, int], Alarms]


def _rate(name: str, truth: Truth, rate: ErrorRate) -> Scenario:
    def alarms(random: Generator, runs: int) -> Alarms:
        return judging.of_rates(rate.observed(random, runs), rate.schedule, truth)

    return Scenario(name, truth, alarms)


def _bake(name: str, truth: Truth, rate: ErrorRate) -> Scenario:
    def alarms(random: Generator, runs: int) -> Alarms:
        rates = rate.observed(random, runs)
        alarms = {**judging.of_rates(rates, rate.schedule, truth), "crossfade detector": detected(rates, rate.schedule)}
        if truth is Truth.HARMFUL:
            for each in alarms.values():
                each[: int(HARM_SINCE * rate.schedule.looks)] = False
        return alarms

    return Scenario(name, truth, alarms)


def _latency(name: str, truth: Truth, latency: Latency) -> Scenario:
    def alarms(random: Generator, runs: int) -> Alarms:
        seen = latency.observed(random, runs)
        means = judging.of_means(seen.means, latency.schedule, truth, before=seen.before)
        shares = judging.of_rates(seen.shares, latency.schedule, truth)
        # The share above the limit is another metric of the same traffic: its judges stand beside those of the mean.
        return {**means, **{f"{judge}, share": each for judge, each in shares.items()}}

    return Scenario(name, truth, alarms)


def _users(name: str, truth: Truth, users: Users) -> Scenario:
    def alarms(random: Generator, runs: int) -> Alarms:
        return judging.of_users(users.observed(random, runs), users.schedule, truth)

    return Scenario(name, truth, alarms)


HEALTHY = (
    _rate("flat 0.5 %", Truth.HEALTHY, ErrorRate(steady(0.005))),
    _rate("flat 0.5 %, 100 a look", Truth.HEALTHY, ErrorRate(steady(0.005), schedule=QUIET_RAMP)),
    _rate("rising 0.5 to 1 %", Truth.HEALTHY, ErrorRate(RISING)),
    _rate("falling 1 to 0.5 %", Truth.HEALTHY, ErrorRate(FALLING)),
    _rate("rare 0.05 %", Truth.HEALTHY, ErrorRate(RARE)),
    _bake("bake at 50 %, 0.5 %", Truth.HEALTHY, ErrorRate(steady(0.005), schedule=BAKE)),
    _latency("latency", Truth.HEALTHY, Latency()),
    _latency("latency, 100 a look", Truth.HEALTHY, Latency(schedule=QUIET_RAMP)),
    _latency("latency, rising x2", Truth.HEALTHY, Latency(level=drifting(1, 2))),
    _latency("latency, falling to half", Truth.HEALTHY, Latency(level=drifting(1, 0.5))),
    _users("users 5 %", Truth.HEALTHY, Users()),
)
HARMFUL = (
    _rate("0.5 %, x3", Truth.HARMFUL, ErrorRate(steady(0.005), steady(3))),
    _rate("0.5 %, x3, 100 a look", Truth.HARMFUL, ErrorRate(steady(0.005), steady(3), schedule=QUIET_RAMP)),
    _rate("rising 0.5 to 1 %, +30 %", Truth.HARMFUL, ErrorRate(RISING, steady(1.3))),
    _rate("falling 1 to 0.5 %, +30 %", Truth.HARMFUL, ErrorRate(FALLING, steady(1.3))),
    _rate("rare 0.05 %, x5", Truth.HARMFUL, ErrorRate(RARE, steady(5))),
    _bake(
        "bake, x2 since look 80",
        Truth.HARMFUL,
        ErrorRate(steady(0.005), late(2, since=HARM_SINCE), schedule=BAKE),
    ),
    _rate("ramp, x3 since look 80", Truth.HARMFUL, ErrorRate(steady(0.005), late(3, since=HARM_SINCE))),
    _latency("latency +20 %", Truth.HARMFUL, Latency(ratio=1.2)),
    _users("users 5 %, +50 %", Truth.HARMFUL, Users(ratio=1.5)),
)
AT_MARGIN = (
    _rate("0.5 %, x1.5 (the margin)", Truth.AT_MARGIN, ErrorRate(steady(0.005), steady(1.5))),
    _rate("falling 1 to 0.5 %, x1.5", Truth.AT_MARGIN, ErrorRate(FALLING, steady(1.5))),
)
ALL = (*HEALTHY, *HARMFUL, *AT_MARGIN)
