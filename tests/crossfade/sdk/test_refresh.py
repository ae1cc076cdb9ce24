"""How a client follows the server, and when it stops believing what it knows."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossfade.flags import Reason, to_definition
from crossfade.sdk import Client, Variant
from crossfade.sdk.server import Server
from crossfade.sdk.validity import Validity
from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

Start = Callable[..., Client]
LIVE = flag("live", 100, is_live=True)
DONE = flag("done", 100)
UNREADABLE = "/" + "x" * 300  # too long a name; stands for what may not be seen, also when the tests run as root


def fetches(server: ProtocolServer) -> int:
    return sum(method == "GET" for method, _, _ in server.requests)


def test_what_is_published_is_served_and_confirmed(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0))
    client = start()
    server.publish(flag(percentage=100), epoch=9)
    until(lambda: client.is_enabled("search", {}))
    until(lambda: {"clientId": client.client_id, "revision": 3, "epoch": 9} in server.confirmations)


def test_flags_travel_only_when_the_revision_moved(server: ProtocolServer, start: Start) -> None:
    start()
    until(lambda: len(server.confirmations) > 5)
    assert fetches(server) == 1
    server.publish(DONE)
    until(lambda: server.confirmations[-1]["revision"] == 2)
    assert fetches(server) == 2


def test_an_epoch_that_moved_alone_is_fetched(server: ProtocolServer, start: Start) -> None:
    server.publish(LIVE)
    start()
    server.epoch = 2
    until(lambda: server.confirmations[-1]["epoch"] == 2)


def test_a_lower_revision_is_never_taken(server: ProtocolServer, start: Start) -> None:
    server.publish(flag("done", 0), revision=10)
    client = start()
    server.publish(DONE, revision=9)
    until(lambda: not client.status().connected)
    assert (client.status().revision, client.is_enabled("done", {})) == (10, False)


def test_a_server_that_knows_less_renews_nobody(server: ProtocolServer, start: Start) -> None:
    server.valid_for = 0.3
    server.publish(LIVE, revision=10)
    client = start()
    assert client.is_enabled("live", {})
    server.publish(LIVE, revision=9)
    until(lambda: not client.is_enabled("live", {}))


def test_a_bad_flag_keeps_its_previous_definition_and_spoils_no_other(server: ProtocolServer, start: Start) -> None:
    server.publish(flag("one", 100), flag("two", 0))
    client = start()
    bad: list[Any] = [{**to_definition(flag("one", 0)), "percentage": 101}, {"name": "new"}, None]
    with server.changed:
        server.definitions = [*bad, to_definition(flag("two", 100, revision=2))]
        server.revision += 1
    until(lambda: client.is_enabled("two", {}))
    assert client.is_enabled("one", {})
    assert client.evaluate("new", {}).reason is Reason.FLAG_NOT_FOUND


@pytest.mark.parametrize("end", [{"enabled": False}, {"ceiling": 0}])
def test_a_bad_flag_that_was_stopped_is_stopped_before_that_is_confirmed(
    server: ProtocolServer, start: Start, end: dict[str, object]
) -> None:
    server.publish(DONE, flag("two", 0))
    client = start()
    assert client.is_enabled("done", {})
    with server.changed:
        bad = {**to_definition(DONE), "overrides": {"u-1": "a side that came later"}, **end}
        server.definitions = [bad, to_definition(flag("two", 100, revision=2))]
        server.revision += 1
    until(lambda: client.is_enabled("two", {}))
    assert not client.is_enabled("done", {})
    assert client.evaluate("done", {}).reason is Reason.DISABLED


def test_a_number_beyond_every_float_in_one_flag_holds_up_no_stop(server: ProtocolServer, start: Start) -> None:
    server.publish(DONE)
    client = start()
    beyond = {"op": "gt", "values": [10**400]}
    definition = {**to_definition(flag("odd", 100)), "conditions": {"attributes": {"age": beyond}}}
    with server.changed:
        server.definitions = [to_definition(flag("done", ceiling=Decimal(0), revision=2)), definition]
        server.revision += 1
    until(lambda: not client.is_enabled("done", {}))
    assert client.evaluate("odd", {"age": 3}).reason is Reason.TYPE_MISMATCH


def test_a_flag_that_is_gone_is_unknown(server: ProtocolServer, start: Start) -> None:
    server.publish(DONE)
    client = start()
    server.publish()
    until(lambda: client.evaluate("done", {}).reason is Reason.FLAG_NOT_FOUND)


def test_out_of_touch_live_flags_serve_legacy_and_completed_ones_go_on(server: ProtocolServer, start: Start) -> None:
    server.valid_for = 0.3
    server.publish(LIVE, DONE)
    client = start()
    assert client.is_enabled("live", {})
    server.is_down = True
    until(lambda: not client.is_enabled("live", {}))
    evaluation = client.evaluate("live", {})
    assert (evaluation.variant, evaluation.reason, evaluation.revision) == (Variant.LEGACY, Reason.STALE, 1)
    assert client.is_enabled("done", {})
    server.is_down = False
    until(lambda: client.is_enabled("live", {}))


def test_a_server_that_hangs_ends_validity_too(server: ProtocolServer, start: Start) -> None:
    server.valid_for = 0.3
    server.publish(LIVE)
    client = start()
    server.gate.clear()
    until(lambda: not client.is_enabled("live", {}))
    server.gate.set()
    until(lambda: client.is_enabled("live", {}))


def test_validity_counts_from_the_question_and_not_from_the_answer() -> None:
    validity = Validity()
    validity.renew(asked_at=100.0, valid_for=5.0)
    validity.renew(asked_at=90.0, valid_for=5.0)
    assert validity.until == 105.0


@pytest.mark.parametrize("granted", [float("inf"), 10**400, 86_400], ids=["without end", "beyond floats", "a day"])
def test_no_answer_grants_more_than_a_stop_waits_for(server: ProtocolServer, granted: float) -> None:
    server.valid_for = granted
    asked = Server(server.url, "secret")
    assert asked.confirm("app", 1, 1).valid_for == 5.0
    asked.close()


def test_a_replica_past_its_lease_renews_nobody(server: ProtocolServer, start: Start) -> None:
    server.valid_for = 0.0
    server.publish(LIVE, DONE)
    client = start()
    assert client.status().connected
    assert (client.is_enabled("live", {}), client.is_enabled("done", {})) == (False, True)


@pytest.mark.parametrize("lack", ["confirms", "records"])
def test_nothing_of_a_server_is_served_before_it_knows_of_the_client(
    server: ProtocolServer, start: Start, lack: str
) -> None:
    """A stop waits for the clients that have said that they are there; a complete flag needs no validity."""
    setattr(server, lack, False)
    server.publish(LIVE, DONE)
    client = start()
    assert (client.status().source, client.status().age) == ("none", None)
    assert (client.is_enabled("live", {}), client.is_enabled("done", {})) == (False, False)
    assert fetches(server) == 0
    setattr(server, lack, True)
    until(lambda: client.is_enabled("live", {}) and client.is_enabled("done", {}))
    assert server.confirmations[0]["revision"] == 0


def test_what_is_fetched_is_served_but_renews_nothing(server: ProtocolServer, start: Start) -> None:
    server.valid_for = 0.3
    server.publish(LIVE, DONE)
    client = start()
    server.valid_for = 0
    until(lambda: not client.is_enabled("live", {}))
    server.publish(LIVE, flag("done", 0))
    until(lambda: not client.is_enabled("done", {}))
    server.valid_for = 0.3
    until(lambda: client.is_enabled("live", {}))


def test_a_confirmation_of_another_epoch_renews_nothing(server: ProtocolServer, start: Start) -> None:
    server.valid_for = 0.3
    server.publish(LIVE, revision=10, epoch=7)
    client = start()
    assert client.is_enabled("live", {})
    server.epoch = 6
    until(lambda: not client.is_enabled("live", {}))


def test_a_clean_end_says_goodbye_and_serves_legacy_from_then_on(server: ProtocolServer, start: Start) -> None:
    """The server counts who has left as serving nothing, so it must not."""
    server.publish(DONE)
    client = start(client_id="app@1:2")
    client.close()
    assert server.left == ["app%401%3A2"]
    assert not client.is_enabled("done", {}, default=True)
    assert client.switch("done", {}, legacy=lambda: "legacy", candidate=lambda: "candidate") == "legacy"
    assert client.status().source == "closed"
    assert server.requests[-1][0] == "DELETE"


@pytest.mark.parametrize("wish", ["", "app/1", "-app", "a" * 101, "\u00e9"])
def test_a_client_id_that_the_server_would_refuse_is_refused_at_once(wish: str) -> None:
    with pytest.raises(ValueError, match="client id"):
        Client("http://127.0.0.1:1", "secret", client_id=wish)


@pytest.mark.parametrize("wish", ["1", "true", "yes"])
def test_legacy_can_be_forced_without_any_server(
    server: ProtocolServer, start: Start, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    monkeypatch.setenv("CROSSFADE_FORCE_LEGACY", wish)
    server.publish(DONE)
    client = start()
    assert client.status().source == "forced"
    assert not client.is_enabled("done", {})
    assert not client.is_enabled("unknown", {}, default=True)
    assert client.evaluate("done", {}).reason is Reason.DISABLED
    server.is_down = True
    assert not start().is_enabled("done", {}, default=True)


def test_no_force_is_meant_by_zero(server: ProtocolServer, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSFADE_FORCE_LEGACY", "0")
    server.publish(DONE)
    assert start().is_enabled("done", {})


def test_a_file_forces_legacy_while_it_exists(
    server: ProtocolServer, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CROSSFADE_FORCE_LEGACY", str(tmp_path / "legacy"))
    server.publish(DONE)
    client = start()
    assert client.is_enabled("done", {})
    (tmp_path / "legacy").touch()
    until(lambda: not client.is_enabled("done", {}))
    (tmp_path / "legacy").unlink()
    until(lambda: client.is_enabled("done", {}))


def test_a_force_file_that_cannot_be_looked_at_forces_legacy_at_first(
    server: ProtocolServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSFADE_FORCE_LEGACY", UNREADABLE)
    server.publish(DONE)
    client = start()
    assert (client.status().source, client.status().connected) == ("forced", True)
    assert not client.is_enabled("done", {}, default=True)
    monkeypatch.setenv("CROSSFADE_FORCE_LEGACY", "")
    until(lambda: client.is_enabled("done", {}))


def test_a_force_file_that_cannot_be_looked_at_any_more_holds_up_no_stop(
    server: ProtocolServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.publish(DONE)
    client = start()
    monkeypatch.setenv("CROSSFADE_FORCE_LEGACY", UNREADABLE)
    seen = len(server.confirmations)
    until(lambda: len(server.confirmations) > seen + 2)
    assert client.is_enabled("done", {})
    server.publish(flag("done", ceiling=Decimal(0)), revision=3, epoch=2)
    until(lambda: server.confirmations[-1]["revision"] == 3)
    assert not client.is_enabled("done", {})


def test_a_senseless_context_gets_legacy_and_is_counted(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=50))
    client = start()
    nothing: dict[str, object] = None  # type: ignore[assignment]  # what a careless caller passes
    assert not client.is_enabled("search", nothing)
    assert client.evaluate("search", nothing).variant is Variant.LEGACY


def test_flags_say_what_is_live_and_served(server: ProtocolServer, start: Start) -> None:
    server.publish(flag("search", 12.5, is_live=True), flag("done", 100))
    told = [(status.name, status.is_live, float(status.percentage)) for status in start().flags()]
    assert told == [("search", True, 12.5), ("done", False, 100.0)]
