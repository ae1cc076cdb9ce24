"""What wakes a client: news over the stream, and the loss of it."""

from collections.abc import Callable
from threading import Event

from crossfade.sdk import Client
from crossfade.sdk.listener import LONGEST_PAUSE, SHORTEST_PAUSE, Listener, reconnection_pause
from crossfade.sdk.server import Server
from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

Start = Callable[..., Client]
LIVE = flag("live", 100, is_live=True)
DONE = flag("done", 100)
SELDOM = 600.0


def listening(server: ProtocolServer, start: Start) -> Client:
    """A client whom the stream tells what it would otherwise ask for in ten minutes."""
    server.streams = True
    server.publish(DONE)
    client = start(refresh=SELDOM)
    until(lambda: client.status().streaming and client.status().age is not None)
    return client


def test_what_is_published_is_served_and_confirmed_at_once(server: ProtocolServer, start: Start) -> None:
    client = listening(server, start)
    assert client.is_enabled("done", {})
    server.publish(flag("done", 0), epoch=4)
    until(lambda: not client.is_enabled("done", {}))
    until(lambda: {"clientId": client.client_id, "revision": 3, "epoch": 4} in server.confirmations)


def test_an_epoch_that_moved_alone_is_news(server: ProtocolServer, start: Start) -> None:
    listening(server, start)
    server.epoch = 2
    until(lambda: server.confirmations[-1]["epoch"] == 2)


def test_news_costs_one_fetch_and_one_confirmation(server: ProtocolServer, start: Start) -> None:
    client = listening(server, start)
    server.publish(flag("done", 25))
    until(lambda: server.confirmations[-1]["revision"] == client.status().revision == 3)
    before = len(server.requests)
    server.publish(flag("done", 50))
    until(lambda: server.confirmations[-1]["revision"] == client.status().revision == 4)
    methods = [method for method, _, _ in server.requests[before:]]
    # A round that what was heard at the start has asked for may come first; it has nothing to fetch.
    assert methods[methods.index("GET") :] == ["GET", "POST"]


def test_a_stream_that_lives_renews_nothing(server: ProtocolServer, start: Start) -> None:
    """What it says may have waited in a buffer while this process was suspended."""
    server.streams = True
    server.valid_for = 0.3
    server.publish(LIVE)
    client = start()
    until(lambda: client.status().streaming and client.is_enabled("live", {}))
    server.confirms = False
    until(lambda: not client.is_enabled("live", {}))
    assert client.status().streaming


def test_a_stream_that_is_lost_is_asked_about_at_once(server: ProtocolServer, start: Start) -> None:
    client = listening(server, start)
    before = len(server.confirmations)
    server.streams = False
    until(lambda: len(server.confirmations) > before)
    until(lambda: not client.status().streaming)
    assert client.status().connected


def test_a_line_that_says_nothing_is_dead_and_replaced(server: ProtocolServer) -> None:
    server.streams = True
    heard: list[tuple[int, int]] = []
    lost = Event()
    listener = Listener(
        Server(server.url, "secret"),
        hear=lambda revision, epoch: heard.append((revision, epoch)),
        lost=lost.set,
        silence=0.2,
        pause=lambda: 0.01,
    )
    listener.start()
    until(lambda: heard == [(1, 1)])
    server.is_silent = True
    assert lost.wait(10)
    server.is_silent = False
    server.publish(DONE)
    until(lambda: heard[-1] == (2, 1))
    listener.end()
    assert server.streams_opened > 1


def test_what_cannot_be_read_is_no_news_and_no_end(server: ProtocolServer, start: Start) -> None:
    server.noise = b'event: flags\ndata: {\n\nevent: flags\ndata: {"revision": "9"}\n\nevent: other\ndata: 1\n\n'
    client = listening(server, start)
    server.publish(flag("done", 0))
    until(lambda: not client.is_enabled("done", {}))
    assert server.streams_opened == 1


def test_an_event_without_end_ends_the_line(server: ProtocolServer) -> None:
    server.streams = True
    server.noise = b"data: " + b"x" * 300_000
    lost = Event()
    listener = Listener(Server(server.url, "secret"), hear=lambda *_: None, lost=lost.set, pause=lambda: 0.01)
    listener.start()
    assert lost.wait(10)
    listener.end()


def test_a_server_without_a_stream_is_asked_as_before(server: ProtocolServer, start: Start) -> None:
    server.publish(DONE)
    client = start()
    server.publish(flag("done", 0))
    until(lambda: not client.is_enabled("done", {}))
    assert (client.status().connected, client.status().streaming) == (True, False)


def test_a_closed_client_listens_no_more(server: ProtocolServer, start: Start) -> None:
    client = listening(server, start)
    client.close()
    assert not client.status().streaming


def test_clients_that_lost_a_server_together_come_back_one_by_one() -> None:
    pauses = [reconnection_pause() for _ in range(500)]
    assert min(pauses) >= SHORTEST_PAUSE
    assert max(pauses) <= LONGEST_PAUSE
    assert max(pauses) - min(pauses) > 5
