"""Every sample reaches the server exactly once, or is counted as dropped."""

import logging
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import pytest

from crossfade import histogram
from crossfade.sdk import Client, Comparison
from crossfade.sdk import client as client_module
from crossfade.sdk import tally as tally_module
from crossfade.sdk.comparison import LONGEST_PATH
from crossfade.sdk.reporter import Reporter
from crossfade.sdk.server import Server
from crossfade.sdk.tally import Tally
from crossfade.sdk.uuid7 import uuid7
from crossfade.states import Variant
from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

Start = Callable[..., Client]
ANYONE = {"targetingKey": "u-1"}


def call(client: Client, times: int = 1) -> None:
    for _ in range(times):
        client.switch("search", ANYONE, legacy=lambda: 1, candidate=lambda: 1)


@pytest.fixture
def client(server: ProtocolServer, start: Start) -> Client:
    server.publish(flag(percentage=100))
    return start()


def test_samples_arrive_without_being_asked_for(server: ProtocolServer, client: Client) -> None:
    call(client, 3)
    until(lambda: server.total("search", "candidate", "requests") == 3)
    assert server.posts[0].batch["client"] == client.client_id


def test_a_silent_client_posts_nothing(server: ProtocolServer, start: Start) -> None:
    start()
    until(lambda: len(server.confirmations) > 5)
    assert server.posts == []


@pytest.mark.parametrize("status", [429, 503, 500, 401, 404])
def test_a_batch_is_repeated_with_the_same_bytes_until_it_is_taken(
    server: ProtocolServer, client: Client, status: int
) -> None:
    server.answers.extend([status, status])
    call(client, 5)
    until(lambda: len(server.posts) >= 3)
    assert [post.answered for post in server.posts[:3]] == [status, status, 200]
    assert len({post.body for post in server.posts[:3]}) == 1
    assert server.total("search", "candidate", "requests") == 5


def test_a_batch_whose_answer_was_lost_is_repeated_with_its_id(server: ProtocolServer, client: Client) -> None:
    server.answer_is_lost = True
    call(client, 5)
    until(lambda: len(server.posts) >= 2)
    assert server.posts[0].body == server.posts[1].body
    assert server.total("search", "candidate", "requests") == 5


@pytest.mark.parametrize("status", [422, 400, 413])
def test_a_batch_refused_for_good_is_dropped_and_counted(server: ProtocolServer, client: Client, status: int) -> None:
    server.answers.append(status)
    call(client, 5)
    until(lambda: client.status().dropped > 0)
    call(client, 2)
    until(lambda: server.total("search", "candidate", "requests") == 2)
    assert [post.answered for post in server.posts] == [status, 200]


def test_an_outage_merges_into_few_batches(server: ProtocolServer, client: Client) -> None:
    server.is_down = True
    for _ in range(20):
        seen = len(server.requests)
        call(client, 10)
        until(lambda seen=seen: len(server.requests) > seen)  # type: ignore[misc]  # mypy reads no default of a lambda
    server.is_down = False
    until(lambda: server.total("search", "candidate", "requests") == 200)
    assert len(server.posts) <= 3


def test_the_end_flushes_what_is_left(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    client = start(refresh=60)
    call(client, 7)
    client.close()
    assert server.total("search", "candidate", "requests") == 7
    assert client.status().dropped == 0


def test_the_end_counts_what_could_not_leave(
    server: ProtocolServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CLOSING_SECONDS", 0.3)
    server.publish(flag(percentage=100))
    client = start(refresh=60)
    call(client, 7)
    server.is_down = True
    client.close()
    until(lambda: client.status().dropped == 14)  # seven requests and their seven response times


def test_summaries_carry_moments_and_histogram(server: ProtocolServer, client: Client) -> None:
    connection = client.connection("search", ANYONE)
    for value in (10.0, 20.0, 0.0):
        connection.request(value)
    client.close()
    (summary,) = [row for row in server.counted() if row["metric"] == "responseTime"]
    assert (summary["count"], summary["zeros"], summary["max"]) == (3, 1, pytest.approx(20.0))
    assert summary["mean"] == pytest.approx(10.0)
    assert summary["m2"] == pytest.approx(200.0)
    told = [histogram.estimate(index) for index, _ in summary["histogram"]]
    assert told == pytest.approx([10.0, 20.0], rel=0.0101)
    assert summary["bucket"] % 10 == 0


def test_gauges_carry_their_instance(server: ProtocolServer, client: Client) -> None:
    client.gauge("search", "candidate", 0.5)
    client.gauge("search", Variant.CANDIDATE, 0.7)
    client.gauge("search", "candidate", float("nan"))
    client.gauge("unknown", "candidate", 0.7)
    client.close()
    (summary,) = server.counted()
    assert (summary["metric"], summary["count"], summary["instance"]) == ("memoryUsage", 2, client.client_id)
    assert (summary["min"], summary["max"], summary["mean"]) == (0.5, 0.7, pytest.approx(0.6))
    assert client.status().dropped == 1


@pytest.mark.parametrize("metric", ["", "requests", "responseTime", "memory usage", "m" * 101, "m\ud800"])
def test_a_gauge_has_a_name_of_its_own(client: Client, metric: str) -> None:
    with pytest.raises(ValueError, match="gauge"):
        client.gauge("search", "candidate", 0.5, metric)


def test_the_applications_log_is_not_filled_with_questions(
    server: ProtocolServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        call(client)
        until(lambda: len(server.posts) == 1 and len(server.confirmations) > 5)
    assert [record.name for record in caplog.records if record.name == "httpx"] == []


def test_rows_that_the_server_left_aside_are_told(
    server: ProtocolServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    server.dropped = [{"index": 0, "reason": "unknown revision"}]
    call(client)
    until(lambda: "unknown revision" in caplog.text)
    assert client.status().dropped == 0


def test_more_events_than_there_is_room_for_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "MOST_EVENTS", 10)
    tally = Tally("here")
    for revision in range(15):
        tally.counted("search", Variant.LEGACY, revision, "connectionsOpened")
    tally.fold()
    assert tally.dropped.value == 5
    assert [summary.revision for summary in tally.take(100)] == list(range(5, 15))


def test_more_groups_than_there_is_room_for_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "MOST_GROUPS", 10)
    tally = Tally("here")
    for revision in range(15):
        tally.counted("search", Variant.LEGACY, revision, "connectionsOpened")
    tally.fold()
    assert tally.dropped.value == 5
    assert len(tally.take(100)) == 10


def test_a_long_report_is_cut_into_batches_that_the_server_reads(server: ProtocolServer, start: Start) -> None:
    server.publish(*(flag(f"flag-{number}", 100, shadow_share=Decimal(1)) for number in range(120)))
    client = start(refresh=60)
    comparison = Comparison(compare=lambda _legacy, _candidate: ["x" * 190 + str(number) for number in range(20)])
    for number in range(120):
        client.switch(f"flag-{number}", ANYONE, legacy=lambda: 1, candidate=lambda: 1, compare=comparison)
    client.close()
    assert len(server.posts) > 1
    assert max(len(post.body) for post in server.posts) < 2**20
    assert sum(row["count"] for row in server.counted() if row["metric"] == "requests") == 120


def test_requests_and_their_errors_leave_together() -> None:
    tally = Tally("here")
    for revision in range(10):
        tally.failed("search", Variant.CANDIDATE, revision, 0.0, 0.001)
    tally.fold()
    taken = [{(summary.revision, summary.metric) for summary in tally.take(1)} for _ in range(10)]
    assert taken == [{(revision, m) for m in ("requests", "errors", "responseTime")} for revision in range(10)]
    assert tally.take(100) == []


def test_places_of_mismatches_are_bounded() -> None:
    tally = Tally("here")
    for number in range(80):
        tally.compared("search", 1, (f"path{number}", "same"))
    tally.fold()
    (mismatches,) = [summary for summary in tally.take(100) if summary.metric == "mismatches"]
    assert mismatches.count == 80
    assert mismatches.details is not None
    assert (len(mismatches.details), mismatches.details["same"]) == (51, 80)
    assert sum(mismatches.details.values()) == 160


def test_names_of_gauges_are_bounded() -> None:
    tally = Tally("here")
    for number in range(80):
        tally.gauged("search", Variant.LEGACY, 1, f"queue.{number}", 1.0)
        tally.gauged("search", Variant.LEGACY, 1, "queue.0", 2.0)
    tally.fold()
    gauges = {summary.metric: summary.count for summary in tally.take(100)}
    assert (len(gauges), gauges["queue.0"], tally.dropped.value) == (50, 81, 30)


def test_the_fullest_groups_make_batches_that_the_server_reads(server: ProtocolServer) -> None:
    tally = Tally("here")
    for component in range(12):
        for number in range(60):
            tally.compared(f"flag-{component}", 1, (f"{number:02}" + "\U0001f600" * (LONGEST_PATH - 2),))
            tally.gauged(f"flag-{component}", Variant.CANDIDATE, 1, f"{'q' * 90}{number}", 0.1)
    asked = Server(server.url, "secret")
    reporter = Reporter(asked, tally, client_id="app", interval=0.05)
    reporter.start()
    reporter.end(30)
    asked.close()
    assert max(len(post.body) for post in server.posts) < 2**20
    assert sum(row["count"] for row in server.counted() if row["metric"] == "comparisons") == 12 * 60


def test_batch_ids_are_of_version_7_and_grow() -> None:
    ids = [UUID(uuid7()) for _ in range(200)]
    assert {(made.version, made.variant) for made in ids} == {(7, "specified in RFC 4122")}
    milliseconds = [made.int >> 80 for made in ids]
    assert milliseconds == sorted(milliseconds)
    assert len(set(ids)) == 200
