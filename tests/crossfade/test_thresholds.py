from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from crossfade.plan.resolved import Judging, Operator
from crossfade.readings import Reading, ThresholdResult, from_json, to_json
from crossfade.samples import Key, Measured, Samples
from crossfade.states import Variant, Verdict
from crossfade.statistics.limits import lower_bound
from crossfade.subjects import first_bucket, span
from crossfade.thresholds import breaks, judge
from tests.judging import NOW, PUBLISHED, alert, guardrail, measured, read, subject, times, window

LEGACY, CANDIDATE = Variant.LEGACY, Variant.CANDIDATE


def only(reading: Reading) -> ThresholdResult:
    (result,) = reading.results
    return result


def test_a_healthy_component_passes() -> None:
    reading = read(subject(guardrail()), measured())
    assert (reading.verdict, reading.breach, reading.enough) == (Verdict.PASS, None, True)


def test_a_guardrail_fires_on_the_lower_bound_not_on_the_rate() -> None:
    """3 errors in 200 requests are 1.5 %, and prove nothing beyond 1 %."""
    reading = read(subject(guardrail()), measured(window(300, requests=200, errors=3)))
    assert reading.breach is None
    assert reading.verdict is Verdict.INCONCLUSIVE


def test_a_guardrail_fires_once_the_bound_is_above_the_limit() -> None:
    reading = read(subject(guardrail()), measured(window(300, requests=1000, errors=50)))
    assert reading.verdict is Verdict.FAIL
    assert reading.breach is not None
    assert reading.breach.bound == lower_bound(50, 1000, alpha=1e-3)[0]
    assert (reading.breach.events, reading.breach.trials, reading.breach.window_seconds) == (50, 1000, 300)


@pytest.mark.parametrize(("seconds", "alpha"), [(10, 1e-5), (60, 1e-4), (300, 1e-3)])
def test_each_nested_window_has_its_own_error_probability(seconds: int, alpha: float) -> None:
    just_enough = next(k for k in range(100) if lower_bound(k, 1000, alpha=alpha)[0] > 0.01)
    for errors, expected in ((just_enough - 1, None), (just_enough, seconds)):
        reading = read(subject(guardrail()), measured(window(seconds, errors=errors)))
        assert (reading.breach.window_seconds if reading.breach else None) == expected


def test_a_failure_after_healthy_minutes_is_seen_in_the_shortest_window() -> None:
    healthy = window(300, requests=30_000, errors=20)
    reading = read(subject(guardrail()), measured(healthy, window(10, requests=60, errors=20)))
    assert reading.breach is not None
    assert reading.breach.window_seconds == 10


def test_windows_nest_inside_the_configured_one() -> None:
    lengths = [sorted(span(subject(guardrail(window=timedelta(seconds=w))), now=NOW).windows) for w in (10, 30, 300)]
    assert lengths == [[10, 60], [10, 30, 60], [10, 60, 300]]  # 60 s are always read for freshness


def test_a_window_is_the_open_bucket_and_those_before_it() -> None:
    windows = span(subject(guardrail()), now=NOW).windows
    assert [(NOW - windows[seconds]).total_seconds() for seconds in (10, 60, 300)] == [14, 64, 304]


def test_a_window_that_is_no_multiple_of_a_bucket_is_rounded_up() -> None:
    assert first_bucket(25, NOW) == first_bucket(30, NOW)


def test_a_window_begins_with_the_publication_of_its_step() -> None:
    young = subject(guardrail(), published_at=NOW - timedelta(seconds=20))
    assert set(span(young, now=NOW).windows.values()) == {first_bucket(10, NOW), first_bucket(20, NOW)}


def test_p95_is_judged_as_the_share_above_the_limit() -> None:
    slow = times([20.0] * 800 + [900.0] * 200)
    reading = read(subject(guardrail("responseTime.p95", 500)), measured(window(300, responseTime=slow)))
    assert reading.breach is not None
    assert (reading.breach.events, reading.breach.trials, reading.breach.rate_limit) == (200, 1000, 0.05)
    assert reading.breach.value == pytest.approx(900, rel=0.01)


def test_p95_within_five_percent_slow_passes() -> None:
    slow = times([20.0] * 960 + [900.0] * 40)
    assert read(subject(guardrail("responseTime.p95", 500)), measured(window(300, responseTime=slow))).verdict == "pass"


def test_the_bucket_of_the_limit_counts_as_not_above() -> None:
    at_limit = times([500.0] * 1000)
    reading = read(subject(guardrail("responseTime.p95", 500)), measured(window(300, responseTime=at_limit)))
    assert (only(reading).events, only(reading).verdict) == (0, Verdict.PASS)


def test_answers_in_no_time_count_as_below_the_limit() -> None:
    fast = replace(times([900.0] * 30), zeros=970, count=1000)
    reading = read(subject(guardrail("responseTime.p95", 500)), measured(window(300, responseTime=fast)))
    assert (only(reading).events, only(reading).trials, only(reading).verdict) == (30, 1000, Verdict.PASS)


def drops(opened: int, abnormal: int) -> Measured:
    samples = window(
        300, connectionsOpened=Samples(opened, newest=1.0), connectionsAbnormal=Samples(abnormal, newest=1.0)
    )
    return measured(samples)


def test_connection_drops_are_a_share_of_the_connections_opened() -> None:
    reading = read(subject(guardrail("connectionDropRate")), drops(200, 30))
    assert reading.breach is not None
    assert reading.breach.value == 0.15


def test_connections_that_drop_after_their_window_count_too() -> None:
    """Old connections drop while none is opened: the failure that the guardrail is there for."""
    reading = read(subject(guardrail("connectionDropRate")), drops(0, 40))
    assert reading.breach is not None
    assert (reading.breach.events, reading.breach.trials) == (40, 40)


def test_memory_is_judged_by_the_mean_of_the_highest_instance() -> None:
    memory = Samples(60, mean=0.93, instance="web-1", newest=1.0)
    reading = read(subject(guardrail("memoryUsage", 0.9)), measured(window(300, memoryUsage=memory)))
    assert reading.breach is not None
    assert (reading.breach.value, reading.breach.instance, reading.breach.estimate) == (0.93, "web-1", "point")


@pytest.mark.parametrize(
    ("operator", "limit", "expected"),
    [(">", 0.9, False), (">=", 0.9, True), ("<", 0.9, False), ("<=", 0.9, True), (">", 0.8, True), ("<", 0.95, True)],
)
def test_the_four_operators(operator: Operator, limit: float, expected: bool) -> None:
    memory = Samples(60, mean=0.9, newest=1.0)
    threshold = guardrail("memoryUsage", limit, operator=operator)
    reading = read(subject(threshold), measured(window(300, memoryUsage=memory)))
    assert (reading.breach is not None) is expected


def test_a_lower_limit_fires_on_the_upper_bound() -> None:
    threshold = guardrail("errorRate", 0.1, operator="<")
    assert read(subject(threshold), measured(window(300, requests=20, errors=0), fresh=False)).breach is None
    reading = read(subject(threshold), measured(window(300, requests=500, errors=1), fresh=False))
    assert reading.breach is not None
    assert reading.breach.bound is not None
    assert 0.002 < reading.breach.bound < 0.1


def test_an_estimate_of_point_fires_on_the_plain_value_with_enough_samples() -> None:
    threshold = guardrail(estimate="point", min_sample=100)
    assert read(subject(threshold), measured(window(300, requests=200, errors=3))).verdict is Verdict.FAIL
    too_few = read(subject(threshold), measured(window(300, requests=99, errors=3)))
    assert (too_few.verdict, too_few.breach) == (Verdict.INCONCLUSIVE, None)


def test_an_alert_fires_on_the_plain_value_and_leaves_the_verdict_alone() -> None:
    reading = read(subject(alert()), measured(window(300, requests=200, errors=3)))
    assert (only(reading).verdict, reading.verdict, reading.breach) == (Verdict.FAIL, Verdict.PASS, None)


def test_an_alert_waits_for_its_minimum_sample() -> None:
    reading = read(subject(alert(min_sample=201)), measured(window(300, requests=200, errors=100)))
    assert only(reading).verdict is Verdict.INCONCLUSIVE


def test_a_failing_signal_is_named_and_rolls_nothing_back() -> None:
    reading = read(subject(alert(role="signal")), measured(window(300, requests=200, errors=3)))
    assert (reading.failing_signals, reading.breach) == (("errorRate",), None)


# -- relative thresholds


def relative(**changes: Any) -> Any:
    return alert("responseTime.p95", 0.10, **({"relative": True} | changes))


def test_a_relative_threshold_compares_with_legacy_in_the_same_window() -> None:
    slower = measured(window(300, response_ms=120), window(300, LEGACY, response_ms=100))
    result = only(read(subject(relative()), slower))
    assert result.verdict is Verdict.FAIL
    assert result.limit == pytest.approx(110, rel=0.01)
    assert result.legacy_value == pytest.approx(100, rel=0.01)


def test_a_relative_threshold_within_its_margin_passes() -> None:
    slower = measured(window(300, response_ms=105), window(300, LEGACY, response_ms=100))
    assert only(read(subject(relative()), slower)).verdict is Verdict.PASS


@pytest.mark.parametrize("legacy", [{}, window(300, LEGACY, requests=99)])
def test_a_relative_threshold_without_enough_of_legacy_is_inconclusive(legacy: dict[Key, Samples]) -> None:
    samples = measured(window(300, response_ms=900), legacy, fresh=False)
    assert only(read(subject(relative()), samples)).verdict is Verdict.INCONCLUSIVE


def test_an_initial_delay_holds_an_alert_back_and_never_a_guardrail() -> None:
    delay = timedelta(hours=2)
    slower = measured(window(300, response_ms=120), window(300, LEGACY, response_ms=100))
    assert only(read(subject(relative(initial_delay=delay)), slower)).verdict is Verdict.INCONCLUSIVE
    assert read(subject(guardrail(initial_delay=delay)), measured(window(300, errors=50))).breach is not None


# -- readings in a row


def ticks(threshold: Any, *looks: tuple[int, float]) -> list[Reading]:
    """Judge the same run again and again: errors in 1000 requests, and when the newest sample came."""
    readings: list[Reading] = []
    for errors, newest in looks:
        previous = from_json(to_json(readings[-1])) if readings else None
        samples = measured(window(300, errors=errors, newest=newest), fresh=True)
        samples = replace(samples, windows={k: replace(s, newest=newest) for k, s in samples.windows.items()})
        readings.append(read(subject(threshold, previous=previous), samples))
    return readings


def test_a_failure_limit_tolerates_that_many_bad_readings_in_a_row() -> None:
    readings = ticks(guardrail(failure_limit=2), (50, 1), (50, 2), (50, 3))
    assert [reading.breach is not None for reading in readings] == [False, False, True]
    assert [reading.verdict for reading in readings] == [Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, Verdict.FAIL]


def test_a_good_reading_starts_the_count_anew() -> None:
    readings = ticks(guardrail(failure_limit=1), (50, 1), (0, 2), (50, 3), (50, 4))
    assert [reading.breach is not None for reading in readings] == [False, False, False, True]


def test_a_reading_counts_only_when_it_has_new_samples() -> None:
    readings = ticks(guardrail(failure_limit=1), (50, 1), (50, 1), (50, 1), (50, 2))
    assert [only(reading).failures_in_a_row for reading in readings] == [1, 1, 1, 2]
    assert [reading.breach is not None for reading in readings] == [False, False, False, True]


def test_a_bad_reading_does_not_turn_good_without_new_samples() -> None:
    assert [reading.verdict for reading in ticks(guardrail(failure_limit=1), (50, 1), (0, 1))] == ["inconclusive"] * 2


def test_a_step_published_anew_starts_without_a_past() -> None:
    bad = ticks(guardrail(failure_limit=1), (50, 1))[0]
    again = subject(guardrail(failure_limit=1), previous=bad, published_at=PUBLISHED + timedelta(seconds=1))
    assert only(read(again, measured(window(300, errors=50, newest=2)))).failures_in_a_row == 1


# -- data


def test_a_run_that_has_published_nothing_passes_without_data() -> None:
    reading = read(subject(guardrail(), step=0, percentage=Decimal(0), published_at=None), Measured())
    assert (reading.verdict, reading.no_data, reading.enough, reading.results) == (Verdict.PASS, False, True, ())


def test_a_percentage_set_by_hand_before_the_first_step_is_judged() -> None:
    reading = read(subject(guardrail(), step=0), measured(window(300, errors=50)))
    assert reading.breach is not None


def test_silence_is_no_data_and_names_what_is_missing() -> None:
    reading = read(subject(guardrail()), measured(fresh=False))
    assert (reading.verdict, reading.no_data, reading.no_data_since) == (Verdict.NO_DATA, True, NOW)
    assert reading.missing == (
        "legacy errorRate",
        "legacy responseTime",
        "candidate errorRate",
        "candidate responseTime",
    )


@pytest.mark.parametrize(("percentage", "missing"), [(0, 0), (50, 2), (100, 0)])
def test_legacy_is_required_below_full_traffic_only(percentage: int, missing: int) -> None:
    candidate_only = measured(window(60), fresh=False)
    reading = read(subject(guardrail(), percentage=Decimal(percentage)), candidate_only)
    assert len(reading.missing) == missing


def test_samples_older_than_freshness_are_no_data() -> None:
    """They are still in the window of five minutes, and no longer in that of one."""
    old = measured(window(300), window(300, LEGACY), fresh=False)
    assert read(subject(guardrail()), old).verdict is Verdict.NO_DATA


def test_a_failing_guardrail_outranks_no_data() -> None:
    assert read(subject(guardrail()), measured(window(300, errors=50), fresh=False)).verdict is Verdict.FAIL


def test_silence_is_counted_from_its_first_tick() -> None:
    first = read(subject(guardrail()), measured(fresh=False))
    later = NOW + timedelta(seconds=30)
    second = read(subject(guardrail(), previous=from_json(to_json(first))), measured(fresh=False), later)
    assert second.no_data_since == NOW
    healed = read(subject(guardrail(), previous=second), measured(), later)
    assert (healed.no_data_since, healed.verdict) == (None, Verdict.PASS)


def test_a_metric_is_required_once_its_series_was_declared() -> None:
    memory = guardrail("memoryUsage", 0.9)
    assert not read(subject(memory), measured()).no_data
    declared = frozenset({(CANDIDATE, "memoryUsage")})
    assert read(subject(memory), measured(declared=declared)).missing == ("candidate memoryUsage",)
    both = declared | {(LEGACY, "memoryUsage")}
    assert read(subject(memory), measured(declared=both)).missing == ("legacy memoryUsage", "candidate memoryUsage")


def test_a_plan_may_name_what_it_requires() -> None:
    reading = read(subject(guardrail(), judging=Judging(required=("memoryUsage",))), measured(fresh=False))
    assert reading.missing == ("legacy memoryUsage", "candidate memoryUsage")


def test_a_guardrail_whose_metric_nobody_declares_decides_nothing() -> None:
    reading = read(subject(guardrail(), guardrail("connectionDropRate")), measured())
    assert [result.verdict for result in reading.results] == [Verdict.PASS, Verdict.NO_DATA]
    assert reading.verdict is Verdict.PASS


@pytest.mark.parametrize("mean", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_number_never_passes(mean: float) -> None:
    for operator in (">", "<"):
        threshold = guardrail("memoryUsage", 0.9, operator=operator)
        reading = read(subject(threshold), measured(window(300, memoryUsage=Samples(60, mean=mean, newest=1.0))))
        assert reading.verdict is not Verdict.PASS


def test_nan_breaks_no_limit_and_keeps_none() -> None:
    operators: tuple[Operator, ...] = (">", ">=", "<", "<=")
    assert [breaks(float("nan"), operator, 1.0) for operator in operators] == [None] * 4


def test_samples_are_counted_since_the_step_began() -> None:
    first = read(subject(guardrail(), min_sample=150), replace(measured(requests=40), closed_requests=100))
    assert (first.samples, first.enough) == (140, False)
    second = read(
        subject(guardrail(), min_sample=150, previous=first), replace(measured(requests=30), closed_requests=30)
    )
    assert (second.samples, second.enough) == (160, True)


def test_only_buckets_that_can_still_grow_are_counted_again() -> None:
    first = read(subject(guardrail()), measured())
    assert first.closed_until == PUBLISHED.replace(second=0) + timedelta(minutes=40)
    again = span(subject(guardrail(), previous=first), now=NOW + timedelta(seconds=20))
    assert again.counted_from == first.closed_until
    assert again.closes_at == first.closed_until + timedelta(seconds=20)


def test_a_reading_survives_its_storage() -> None:
    reading = read(subject(guardrail(), alert()), measured(window(300, errors=50)))
    assert from_json(to_json(reading)) == reading


def test_many_runs_are_judged_as_each_alone() -> None:
    generator = np.random.default_rng(1)
    rules = (guardrail(), guardrail("responseTime.p95", 500), guardrail("memoryUsage", 0.9), alert(), relative())
    samples = [
        measured(
            window(300, errors=int(generator.integers(0, 40)), response_ms=float(generator.uniform(50, 900))),
            window(10, requests=int(generator.integers(0, 50)), errors=0),
        )
        for _ in range(30)
    ]
    together = judge([subject(*rules)] * 30, samples, now=NOW)
    assert together == [read(subject(*rules), each) for each in samples]
    assert len({reading.verdict for reading in together}) > 1
