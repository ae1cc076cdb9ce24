import socket
import sys

import pytest

from local.ports import free_port, held

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port is chosen, not held")


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    assert all(20_000 <= free_port() < 32_000 for _ in range(50))


def test_a_port_asked_for_is_the_port_given() -> None:
    asked = free_port()
    with held(asked, 0) as (given, other):
        assert given == asked != other


@linux_only
def test_a_server_can_listen_on_a_held_port() -> None:
    with held(0) as (port,), socket.create_server(("127.0.0.1", port)):
        socket.create_connection(("127.0.0.1", port)).close()


@linux_only
def test_nobody_else_gets_a_held_port() -> None:
    with held(0) as (port,), socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))


def test_a_port_is_given_back_at_the_end() -> None:
    with held(0) as (port,):
        pass
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
