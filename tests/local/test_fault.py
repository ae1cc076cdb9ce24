import pytest

from crossfade.states import ComponentStatus, RollbackTrigger
from local.errors import Refused
from local.fault import METRICS, Fault
from tests.local.views import component, rollback

ERRORS = Fault("search", "errors")
WRONG = Fault("search", "wrong")


def test_a_fault_is_written_as_component_and_kind() -> None:
    assert Fault.parse("search:wrong") == WRONG


@pytest.mark.parametrize("text", ["search", "search:fire", ":errors"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Fault.parse(text)


@pytest.mark.parametrize(("percentage", "is_due"), [(10, False), (50, True), (100, False)])
def test_a_fault_is_due_in_the_hold_at_50_percent(percentage: int, is_due: bool) -> None:
    assert ERRORS.is_due(component(percentage=percentage)) is is_due


def test_a_fault_of_another_component_is_never_due() -> None:
    assert not ERRORS.is_due(component("other", percentage=50))


def test_a_fault_is_past_when_the_component_was_at_50_percent_before() -> None:
    assert [ERRORS.is_past(component(percentage=percentage)) for percentage in (10, 50, 100)] == [False, True, True]
    assert ERRORS.is_past(component(status=ComponentStatus.COMPLETED, percentage=0))


def test_a_fault_explains_a_rollback_by_the_guardrail_of_its_metric_only() -> None:
    for kind, metric in METRICS.items():
        fault = Fault("search", kind)
        for other in METRICS.values():
            assert fault.explains(rollback(evidence={"metric": other})) is (metric == other)
        assert not fault.explains(rollback(trigger=RollbackTrigger.VALIDATION, evidence={"metric": metric}))
        assert not fault.explains(rollback("other", evidence={"metric": metric}))
        assert not fault.explains(rollback(evidence={}))


def test_a_fault_that_the_component_cannot_have_is_refused() -> None:
    supported = {"search": ["errors", "wrong"], "other": ["drops"]}
    for fault in (ERRORS, WRONG):
        fault.ensure_supported(supported)
    for kind in ("drops", "slow"):
        with pytest.raises(Refused, match=f"search can have the faults errors, wrong, not {kind}"):
            Fault("search", kind).ensure_supported(supported)
    with pytest.raises(Refused, match="none"):
        Fault("no-such", "errors").ensure_supported(supported)


def test_wrong_answers_explain_a_rollback_by_the_comparison_only() -> None:
    assert WRONG.explains(rollback(trigger=RollbackTrigger.VALIDATION))
    assert not WRONG.explains(rollback(trigger=RollbackTrigger.THRESHOLD))
    assert not WRONG.explains(rollback(trigger=RollbackTrigger.MANUAL))
