"""The stream of dashboards over connections that break."""

import asyncio
import json
import logging
from queue import SimpleQueue
from threading import current_thread

import pytest

from crossfade.control import (
    AccessDenied,
    AsyncClient,
    Client,
    ControlError,
    Dashboard,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from crossfade.control.stream import LONGEST_DELAY_SECONDS, Resumption
from tests.api.conftest import ADMIN
from tests.crossfade.control.scripted import LOST, Scripted, answer, stream

PATIENCE = 20.0
DENIED = answer(
    {"type": "urn:crossfade:problem:unauthorized", "title": "No valid token.", "detail": "Send one."}, status=401
)
AWAY = answer({"type": "urn:crossfade:problem:x", "title": "Postgres does not answer.", "detail": "Wait."}, status=503)


def tick(number: int) -> str:
    dashboard = {
        "environment": "test",
        "generatedAt": "2026-11-22T12:00:00+00:00",
        "revision": number,
        "migration": None,
        "systemHealth": {"status": "degraded", "healthy": False, "cause": "No worker.", "issues": ["No worker."]},
        "alerts": {"total": 2, "bySeverity": {"high": 2}, "active": []},
    }
    return f"retry: 10\nevent: dashboard\nid: b-{number}\ndata: {json.dumps(dashboard)}\n\n"


async def revisions(scripted: Scripted, count: int, errors: list[ControlError] | None = None) -> list[int]:
    async with AsyncClient(scripted.url, ADMIN) as client, asyncio.timeout(PATIENCE):
        found: list[int] = []
        async for dashboard in client.updates(2, on_error=(errors if errors is not None else []).append):
            found.append(dashboard.revision)
            if len(found) == count:
                break
        return found


async def test_a_stream_goes_on_behind_the_last_id_after_its_end(scripted: Scripted) -> None:
    scripted.answers = [stream(tick(1), tick(2)), stream(tick(3))]

    assert await revisions(scripted, 3) == [1, 2, 3]
    first, second = scripted.asked
    assert first.line == "GET /api/migration/dashboard/stream?interval=2 HTTP/1.1"
    assert "last-event-id" not in first.headers
    assert second.headers["last-event-id"] == "b-2"


async def test_a_broken_connection_and_an_absent_database_are_waited_for(scripted: Scripted) -> None:
    scripted.answers = [stream(tick(1), then_break=True), AWAY, LOST, stream(tick(2))]
    errors: list[ControlError] = []

    assert await revisions(scripted, 2, errors) == [1, 2]
    assert [type(error) for error in errors] == [Unreachable, Unavailable, Unreachable]
    assert [asked.headers.get("last-event-id") for asked in scripted.asked] == [None, "b-1", "b-1", "b-1"]


async def test_other_events_and_heart_beats_are_no_dashboards(scripted: Scripted) -> None:
    scripted.answers = [stream(": still here\n\n", "event: other\ndata: {}\n\n", tick(7))]

    assert await revisions(scripted, 1) == [7]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (DENIED, AccessDenied),
        (stream('event: problem\ndata: {"title": "No valid token.", "status": 401}\n\n'), AccessDenied),
        (stream("event: problem\ndata: {}\n\n"), UnexpectedAnswer),
        (answer(b"<html>", kind="text/html"), UnexpectedAnswer),
        (answer({"healthy": True}), UnexpectedAnswer),
        (stream("event: dashboard\ndata: {\n\n"), UnexpectedAnswer),
        (stream("event: dashboard\ndata: {}\n\n"), UnexpectedAnswer),
    ],
)
async def test_what_a_new_connection_would_meet_again_ends_the_updates(
    scripted: Scripted, sent: bytes, error: type[ControlError]
) -> None:
    scripted.answers = [sent]

    with pytest.raises(error):
        await revisions(scripted, 1)

    assert len(scripted.asked) == 1


def test_a_callback_is_called_for_each_dashboard_from_a_thread_of_its_own(scripted: Scripted) -> None:
    scripted.answers = [stream(tick(1), tick(2)), stream(tick(3))]
    called: SimpleQueue[tuple[Dashboard, str]] = SimpleQueue()

    with Client(scripted.url, ADMIN) as client:
        unsubscribe = client.subscribe(lambda dashboard: called.put((dashboard, current_thread().name)))
        found = [called.get(timeout=PATIENCE) for _ in range(3)]
        unsubscribe()
        unsubscribe()

    assert [dashboard.revision for dashboard, _ in found] == [1, 2, 3]
    assert {name for _, name in found} == {"crossfade-updates"}
    assert str(found[0][0].system_health) == "degraded: No worker."
    assert found[0][0].alerts.total == 2


def test_a_failing_callback_ends_nothing_and_is_logged(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    scripted.answers = [stream(tick(1), tick(2))]
    called: SimpleQueue[int] = SimpleQueue()

    def fails(dashboard: Dashboard) -> None:
        called.put(dashboard.revision)
        raise RuntimeError(dashboard.revision)

    with Client(scripted.url, ADMIN) as client:
        client.subscribe(fails)
        found = [called.get(timeout=PATIENCE) for _ in range(2)]

    assert found == [1, 2]
    assert "a callback of a subscription has failed" in caplog.text


def test_a_callback_may_use_asyncio_and_unsubscribe_itself(scripted: Scripted) -> None:
    scripted.answers = [stream(tick(1), tick(2), tick(3))]
    called: SimpleQueue[int] = SimpleQueue()

    with Client(scripted.url, ADMIN) as client:

        def once(dashboard: Dashboard) -> None:
            asyncio.run(asyncio.sleep(0))
            called.put(dashboard.revision)
            unsubscribe()

        unsubscribe = client.subscribe(once)
        first = called.get(timeout=PATIENCE)
        unsubscribe()

    assert first == 1
    assert called.empty()


def test_a_refused_subscription_says_so_and_ends(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    scripted.answers = [DENIED]
    errors: SimpleQueue[ControlError] = SimpleQueue()

    with Client(scripted.url, ADMIN) as client:
        client.subscribe(lambda _: None, on_error=errors.put)
        error = errors.get(timeout=PATIENCE)

    assert isinstance(error, AccessDenied)
    assert "No valid token." in caplog.text
    assert ADMIN not in caplog.text


def test_an_end_before_the_first_byte_waits_for_nothing(scripted: Scripted) -> None:
    scripted.answers = [stream(tick(1))]
    called: list[Dashboard] = []

    with Client(scripted.url, ADMIN) as client:
        client.subscribe(called.append)()

    assert called == []


def test_each_failure_doubles_the_delay_up_to_a_limit() -> None:
    waits = [[Resumption(failures=failures).delay_seconds() for _ in range(50)] for failures in (1, 2, 3, 30)]

    for one, longest in zip(waits, (0.5, 1, 2, LONGEST_DELAY_SECONDS), strict=True):
        assert all(longest / 2 <= wait <= longest for wait in one)
        assert len(set(one)) > 1


def test_a_server_that_asks_for_no_delay_is_not_overrun() -> None:
    assert Resumption(retry_seconds=0, failures=1).delay_seconds() > 0
