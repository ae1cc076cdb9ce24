"""What a client sees to while its questions hang."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from crossfade.flags import to_definition
from crossfade.sdk import Client
from crossfade.sdk.server import Server, Unreachable
from crossfade.sdk.watch import Watch
from tests.crossfade.sdk.protocol import flag
from tests.crossfade.sdk.waiting import until


@pytest.fixture
def dripping() -> Iterator[str]:
    """The address of a server whose headers never end: a line each 20 ms."""
    ending = Event()

    def drip(line: socket.socket) -> None:
        with line:
            try:
                line.recv(65_536)
                line.sendall(b"HTTP/1.1 200 OK\r\n")
                while not ending.wait(0.02):
                    line.sendall(b"X-A: a\r\n")
            except OSError:  # the client has hung up
                return

    def accept(listening: socket.socket) -> None:
        while not ending.is_set():
            Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = Thread(target=accept, args=(listening,), daemon=True)
        accepting.start()
        address = listening.getsockname()
        yield f"http://{address[0]}:{address[1]}"
        ending.set()
        socket.create_connection(address).close()
        accepting.join()


def test_a_call_whose_headers_drip_in_ends(dripping: str) -> None:
    server = Server(dripping, "secret", timeout=0.1)
    watch = Watch(server.hang_up, pause=0.05)
    told: list[str] = []

    def ask() -> None:
        for _ in range(2):
            try:
                server.confirm("app", 1, 1)
            except Unreachable as error:
                told.append(str(error))

    Thread(target=ask, daemon=True).start()
    watch.start()
    until(lambda: len(told) == 2)
    watch.end()
    server.close()


def test_legacy_can_be_forced_while_the_server_drips(
    dripping: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    snapshot = {"environment": "test", "revision": 1, "epoch": 1, "flags": [to_definition(flag("done", 100))]}
    (tmp_path / "bootstrap.json").write_text(json.dumps(snapshot))
    monkeypatch.setenv("CROSSFADE_FORCE_LEGACY", str(tmp_path / "legacy"))
    client = Client(dripping, "secret", bootstrap=tmp_path / "bootstrap.json", refresh=0.05)
    client.start(timeout=0.01)
    assert client.is_enabled("done", {})
    (tmp_path / "legacy").touch()
    until(lambda: not client.is_enabled("done", {}))
    client.close()


def test_what_fails_once_is_looked_at_again() -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        raise OSError

    watch = Watch(look, pause=0.001)
    watch.start()
    until(lambda: len(looks) > 1)
    watch.end()
