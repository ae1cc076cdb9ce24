from examples.airports.traffic.counts import Counts

NAMES = ("search-fuzzy", "websocket-socketio")


def test_answers_are_counted_by_component_and_variant() -> None:
    counts = Counts(NAMES)
    counts.add("search-fuzzy", "legacy", revision=1, failed=False)
    counts.add("search-fuzzy", "candidate", revision=1, failed=True)
    counts.add("search-fuzzy", "candidate", revision=2, failed=False)
    assert counts.as_json()["search-fuzzy"] == {
        "legacy": {"requests": 1, "errors": 0},
        "candidate": {"requests": 2, "errors": 1},
    }
    assert counts.as_json()["websocket-socketio"]["legacy"] == {"requests": 0, "errors": 0}


def test_counts_can_begin_at_a_revision() -> None:
    counts = Counts(NAMES)
    for revision in (3, 4, 5):
        counts.add("search-fuzzy", "candidate", revision=revision, failed=True)
    assert counts.as_json(since=4)["search-fuzzy"]["candidate"] == {"requests": 2, "errors": 2}


def test_what_the_sdk_does_not_count_is_not_shown() -> None:
    counts = Counts(NAMES)
    counts.add("search-fuzzy", "legacy", revision=0, failed=False)
    assert counts.total == 1
    assert counts.as_json()["search-fuzzy"]["legacy"]["requests"] == 0
