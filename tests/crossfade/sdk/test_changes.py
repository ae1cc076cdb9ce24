"""Being told of what has changed."""

from collections.abc import Callable

from crossfade.sdk import Client
from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

Start = Callable[..., Client]


def test_who_asks_is_told_which_flags_are_new_different_or_gone(server: ProtocolServer, start: Start) -> None:
    server.publish(flag("same", 10), flag("moved", 10), flag("gone", 10))
    client = start()
    told: list[tuple[str, ...]] = []
    client.on_change(told.append)

    server.publish(flag("same", 10), flag("moved", 20), flag("new", 10))
    until(lambda: told)

    assert told == [("gone", "moved", "new")]


def test_who_fails_at_the_news_holds_nothing_up_and_who_left_is_told_nothing(
    server: ProtocolServer, start: Start
) -> None:
    server.publish(flag("one", 0))
    client = start()
    told: list[tuple[str, ...]] = []

    def fail(names: tuple[str, ...]) -> None:
        told.append(names)
        raise ValueError("the application's own trouble")

    client.on_change(fail)
    server.publish(flag("one", 100))
    until(lambda: client.is_enabled("one", {}))
    client.on_change(None)
    server.publish(flag("one", 0))
    until(lambda: not client.is_enabled("one", {}))

    assert told == [("one",)]
