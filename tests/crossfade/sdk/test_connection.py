from collections.abc import Callable

import pytest

from crossfade.sdk import Client, Variant
from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

Start = Callable[..., Client]
ANYONE = {"targetingKey": "u-1"}


def counts(server: ProtocolServer, variant: str) -> dict[str, int]:
    metrics = ("connectionsOpened", "connectionsClosed", "connectionsAbnormal", "requests", "errors")
    return {metric: total for metric in metrics if (total := server.total("search", variant, metric))}


def test_a_connection_is_counted_from_opening_to_closing(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=100))
    client = start()
    with client.connection("search", ANYONE) as connection:
        assert connection.variant is Variant.CANDIDATE
        connection.request(1.5)
        connection.request(2.5, error=True)
    client.close()
    expected = {"connectionsOpened": 1, "connectionsClosed": 1, "requests": 2, "errors": 1}
    assert counts(server, "candidate") == expected


def test_an_abnormal_end_is_an_end_too(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0))
    client = start()
    client.connection("search", ANYONE).close(abnormal=True)
    with pytest.raises(ConnectionError), client.connection("search", ANYONE):
        raise ConnectionError
    client.close()
    expected = {"connectionsOpened": 2, "connectionsClosed": 2, "connectionsAbnormal": 2}
    assert counts(server, "legacy") == expected


def test_a_connection_is_closed_once(server: ProtocolServer, start: Start) -> None:
    server.publish(flag(percentage=0))
    client = start()
    connection = client.connection("search", ANYONE)
    connection.close()
    connection.close(abnormal=True)
    client.close()
    assert counts(server, "legacy") == {"connectionsOpened": 1, "connectionsClosed": 1}


def test_a_connection_keeps_its_variant_and_knows_that_it_is_no_longer_wanted(
    server: ProtocolServer, start: Start
) -> None:
    server.publish(flag(percentage=100, revision=2))
    client = start()
    connection = client.connection("search", ANYONE)
    assert connection.is_current
    server.publish(flag(percentage=0, revision=3))
    until(lambda: not connection.is_current)
    connection.request(1.0)
    connection.close()
    client.close()
    assert connection.variant is Variant.CANDIDATE
    by_revision = {(row["metric"], row["revision"], row["variant"]) for row in server.counted()}
    assert ("connectionsOpened", 2, "candidate") in by_revision
    assert ("requests", 3, "candidate") in by_revision
    assert ("connectionsClosed", 3, "candidate") in by_revision


def test_a_connection_of_an_unknown_flag_is_legacy_and_not_counted(server: ProtocolServer, start: Start) -> None:
    client = start()
    with client.connection("search", ANYONE) as connection:
        connection.request(1.0)
    client.close()
    assert connection.variant is Variant.LEGACY
    assert server.posts == []


@pytest.mark.parametrize("elapsed", [float("nan"), float("inf"), -1.0])
def test_a_time_that_cannot_be_is_dropped(server: ProtocolServer, start: Start, elapsed: float) -> None:
    server.publish(flag(percentage=100))
    client = start()
    client.connection("search", ANYONE).request(elapsed)
    client.close()
    assert counts(server, "candidate") == {"connectionsOpened": 1}
    assert client.status().dropped == 1
