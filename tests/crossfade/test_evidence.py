from datetime import timedelta

from crossfade import evidence
from crossfade.plan.resolved import Threshold
from crossfade.samples import Key, Samples
from crossfade.states import Variant
from tests.judging import NOW, alert, guardrail, measured, read, subject, times, window


def told(threshold: Threshold, samples: dict[Key, Samples]) -> str:
    (result,) = read(subject(threshold), measured(samples)).results
    return evidence.sentence(result)


def test_an_error_rate_is_told_with_counts_confidence_and_limit() -> None:
    assert told(guardrail(name="error-rate"), window(60, requests=412, errors=50)) == (
        "error-rate: errorRate of candidate was 12.1 % within 60 s (50 of 412); "
        "with 99.99 % confidence the true share is above 6.95 %, allowed is at most 1 %"
    )


def test_a_slow_p95_is_told_as_responses_above_the_limit() -> None:
    slow = times([20.0] * 800 + [900.0] * 200)
    assert told(guardrail("responseTime.p95", 500, unit="ms"), window(300, responseTime=slow)) == (
        "responseTime.p95: 200 of 1000 responses took more than 500 ms within 300 s (20 %; responseTime.p95 was "
        "907 ms); with 99.9 % confidence the true share is above 16.3 %, allowed is at most 5 %"
    )


def test_memory_is_told_with_its_instance() -> None:
    memory = Samples(60, mean=0.93, instance="web-1", newest=1.0)
    assert told(guardrail("memoryUsage", 0.9), window(300, memoryUsage=memory)) == (
        "memoryUsage: memoryUsage of web-1 was 0.93 over 300 s, above the limit of 0.9"
    )


def test_an_alert_is_told_without_a_confidence_that_it_does_not_have() -> None:
    assert told(alert(), window(300, requests=200, errors=3)) == (
        "errorRate: errorRate of candidate was 1.5 % within 300 s (3 of 200); allowed is at most 1 %"
    )


def test_a_comparison_is_told_with_legacys_value() -> None:
    threshold = alert("responseTime.p95", 0.10, relative=True, unit="ms")
    both = window(300, response_ms=200) | window(300, Variant.LEGACY, response_ms=100)
    sentence = told(threshold, both)
    assert sentence.startswith("responseTime.p95: responseTime.p95 was ")
    assert "while legacy's was " in sentence


def test_evidence_holds_every_figure_of_the_decision() -> None:
    reading = read(subject(guardrail(name="error-rate")), measured(window(60, requests=412, errors=50)))
    assert reading.breach is not None
    shown = evidence.of_result(reading, reading.breach)
    figures = {name: shown[name] for name in ("rule", "metric", "window_seconds", "events", "trials", "limit", "alpha")}
    assert figures == {
        "rule": "error-rate",
        "metric": "errorRate",
        "window_seconds": 60,
        "events": 50,
        "trials": 412,
        "limit": 0.01,
        "alpha": 1e-4,
    }
    assert shown["bound"] == reading.breach.bound
    assert shown["value"] == 50 / 412
    assert shown["judged_at"] == NOW.isoformat()


def test_silence_names_what_is_missing_and_since_when() -> None:
    first = read(subject(guardrail()), measured(window(60, Variant.LEGACY), fresh=False))
    later = read(
        subject(guardrail(), previous=first),
        measured(window(60, Variant.LEGACY), fresh=False),
        NOW + timedelta(seconds=30),
    )
    assert evidence.of_silence(later)["sentence"] == (
        "no fresh sample of candidate errorRate, candidate responseTime since 2026-03-01 12:00:04 UTC"
    )
