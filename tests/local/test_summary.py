from crossfade.states import ComponentStatus, PhaseStatus, Variant
from local.counts import Count, Difference
from local.summary import of_counts, of_rollback, summary
from local.view import PhaseView
from tests.local.views import component, migration, rollback


def test_the_summary_counts_components_phases_and_rollbacks() -> None:
    phases = (PhaseView("one", PhaseStatus.COMPLETED, ""), PhaseView("two", PhaseStatus.PAUSED, "search is back"))
    parts = (component("a", status=ComponentStatus.COMPLETED, percentage=100), component(percentage=0))
    lines = list(summary(migration(*parts, phases=phases), [rollback()], 61.25))
    assert lines[1:5] == [
        "  components at 100 %  1 of 2",
        "  phases completed     1 of 2",
        "  rollbacks            1",
        "  time                 61.2 s",
    ]


def test_a_rollback_is_told_with_its_reason_figures_steps_and_the_phase_that_is_paused() -> None:
    told = list(
        of_rollback(
            rollback(
                evidence={"bound": 0.0333327, "alpha": None, "metric": "errorRate", "events": 8, "rule": "error-rate"}
            ),
            0,
            migration(component(), phases=(PhaseView("one", PhaseStatus.PAUSED, "search is back on legacy"),)),
        )
    )
    assert told == [
        "Rollback of search: completed, its flag serves 0 %",
        "  trigger  threshold",
        "  reason   too many errors",
        "  figures  metric errorRate, bound 0.03333, events 8",
        "  step     disable_flag: completed",
        "  step     notify: completed",
        "  phase    one: paused, search is back on legacy",
    ]


def test_counts_that_differ_are_named() -> None:
    difference = Difference("search", Variant.LEGACY, Count(10, 0), Count(11, 0))
    assert "agree on 5 requests" in next(of_counts(5, []))
    assert "search legacy" in list(of_counts(5, [difference]))[1]
