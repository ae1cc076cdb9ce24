"""Where a client gets its first flags from: network, last known good file, bootstrap file, else legacy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from crossfade.flags import Reason, to_definition
from crossfade.sdk import Client, Variant
from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

Start = Callable[..., Client]
DONE = flag("done", 100)
LIVE = flag("live", 100, is_live=True)


def bootstrap(tmp_path: Path, revision: int = 3) -> Path:
    snapshot = {"environment": "test", "revision": revision, "epoch": 1, "validFor": 5, "flags": [to_definition(DONE)]}
    path = tmp_path / "bootstrap.json"
    path.write_text(json.dumps(snapshot))
    return path


def remembered(server: ProtocolServer, start: Start, cache: Path) -> None:
    """Have a client leave its last known good flags behind."""
    server.publish(DONE, LIVE)
    start(cache=cache).close()
    assert cache.exists()


def test_the_network_comes_first(server: ProtocolServer, start: Start, tmp_path: Path) -> None:
    server.publish(DONE)
    client = start(bootstrap=bootstrap(tmp_path, revision=99))
    assert (client.status().source, client.status().revision, client.status().connected) == ("network", 2, True)
    assert client.is_enabled("done", {})


def test_without_the_network_the_last_known_good_flags_are_served(
    server: ProtocolServer, start: Start, tmp_path: Path
) -> None:
    remembered(server, start, tmp_path / "flags.json")
    server.is_down = True
    client = start(cache=tmp_path / "flags.json", bootstrap=bootstrap(tmp_path))
    assert (client.status().source, client.status().connected, client.status().age) == ("cache", False, None)
    assert client.is_enabled("done", {})


def test_a_live_flag_from_a_file_serves_legacy(server: ProtocolServer, start: Start, tmp_path: Path) -> None:
    """Nobody has confirmed that it still holds."""
    remembered(server, start, tmp_path / "flags.json")
    server.is_down = True
    client = start(cache=tmp_path / "flags.json")
    evaluation = client.evaluate("live", {})
    assert (evaluation.variant, evaluation.reason) == (Variant.LEGACY, Reason.STALE)
    assert not client.is_enabled("live", {}, default=True)


@pytest.mark.parametrize("damage", [b"", b"sha256:0\n{}", b'{"flags": []}'])
def test_damaged_flags_are_left_aside(server: ProtocolServer, start: Start, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "flags.json").write_bytes(damage)
    server.is_down = True
    client = start(cache=tmp_path / "flags.json", bootstrap=bootstrap(tmp_path))
    assert (client.status().source, client.status().revision) == ("bootstrap", 3)
    assert client.is_enabled("done", {})


@pytest.mark.parametrize("number", ["9" * 5000, "1e9999999999999999999", "NaN"], ids=["integer", "exponent", "NaN"])
def test_a_file_with_a_number_that_cannot_be_read_is_left_aside(
    server: ProtocolServer, start: Start, tmp_path: Path, number: str
) -> None:
    path = bootstrap(tmp_path)
    path.write_text(path.read_text().replace('"validFor": 5', f'"validFor": {number}'))
    server.is_down = True
    assert start(bootstrap=path).status().source == "none"


def test_one_flipped_byte_is_damage(server: ProtocolServer, start: Start, tmp_path: Path) -> None:
    cache = tmp_path / "flags.json"
    remembered(server, start, cache)
    cache.write_bytes(cache.read_bytes().replace(b"true", b"1111", 1))
    server.is_down = True
    assert start(cache=cache).status().source == "none"


def test_with_nothing_at_all_everything_is_legacy(server: ProtocolServer, start: Start, tmp_path: Path) -> None:
    server.is_down = True
    client = start(cache=tmp_path / "none.json", bootstrap=tmp_path / "none.json")
    assert client.status().source == "none"
    assert not client.is_enabled("done", {})
    assert client.evaluate("done", {}).reason is Reason.FLAG_NOT_FOUND
    assert client.switch("done", {}, legacy=lambda: "legacy", candidate=lambda: "candidate") == "legacy"


def test_a_server_that_does_not_answer_delays_no_start(server: ProtocolServer, start: Start, tmp_path: Path) -> None:
    remembered(server, start, tmp_path / "flags.json")
    server.gate.clear()
    client = start(cache=tmp_path / "flags.json", timeout=0.1)
    assert client.status().source == "cache"
    server.gate.set()
    until(lambda: client.status().source == "network" and client.is_enabled("live", {}))


def test_a_server_that_comes_later_is_found(server: ProtocolServer, start: Start, tmp_path: Path) -> None:
    server.is_down = True
    client = start(bootstrap=bootstrap(tmp_path, revision=99))
    server.publish(flag("done", 0), revision=5)
    server.is_down = False
    until(lambda: client.status().source == "network")
    assert (client.status().revision, client.is_enabled("done", {})) == (5, False)


def test_a_server_older_than_the_last_known_good_flags_is_not_believed(
    server: ProtocolServer, start: Start, tmp_path: Path
) -> None:
    remembered(server, start, tmp_path / "flags.json")
    server.is_down = True
    client = start(cache=tmp_path / "flags.json")
    server.publish(flag("done", 0), revision=1)
    seen = len(server.requests)
    server.is_down = False
    until(lambda: len(server.requests) > seen + 5)
    assert (client.status().source, client.status().connected) == ("cache", False)
    assert client.is_enabled("done", {})


def test_a_proxy_is_no_way_to_this_machine(
    server: ProtocolServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    server.publish(DONE)
    assert start().status().source == "network"


def test_a_wrong_token_is_no_connection(server: ProtocolServer, start: Start) -> None:
    server.publish(DONE)
    client = start(token="wrong")
    assert (client.status().connected, client.is_enabled("done", {})) == (False, False)


def test_a_folder_can_be_the_cache_and_its_file_is_private(
    server: ProtocolServer, start: Start, tmp_path: Path
) -> None:
    server.publish(DONE)
    start(cache=tmp_path)
    assert (tmp_path / "flags.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["flags.json"]


def test_a_disk_that_refuses_costs_the_cache_and_not_the_service(
    server: ProtocolServer, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    server.publish(DONE)
    assert start(cache=tmp_path / "file" / "flags.json").is_enabled("done", {})


def test_starting_and_closing_twice_is_once(server: ProtocolServer, start: Start) -> None:
    client = start()
    client.start()
    client.close()
    client.close()
    assert server.left == [client.client_id]


def test_a_client_that_was_closed_can_be_started_again(server: ProtocolServer, start: Start) -> None:
    server.publish(DONE, LIVE)
    client = start(client_id="app")
    changes: list[tuple[str, ...]] = []
    client.on_change(changes.append)
    client.close()
    server.publish(DONE, flag("live", 0), revision=7)
    client.start()
    assert (client.status().source, client.status().revision, client.status().connected) == ("network", 7, True)
    assert client.is_enabled("done", {})
    assert changes == [("done", "live")]
    client.switch("done", {}, legacy=int, candidate=int)
    client.close()
    assert server.total("done", "candidate", "requests") == 1
    assert server.left == ["app", "app"]
    assert not client.is_enabled("done", {})
