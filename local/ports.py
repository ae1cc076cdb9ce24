"""Ports of this machine that stay ours from their choice until their servers end."""

import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_PORTS = range(20_000, 32_000)


@contextmanager
def held(*asked: int) -> Iterator[tuple[int, ...]]:
    """The ports asked for, a free one for each 0, kept from everybody but our servers for as long as it lasts."""
    with ExitStack() as stack:
        yield tuple(_hold(port, stack) if port else _hold_any(stack) for port in asked)


def free_port() -> int:
    """A port that was free a moment ago."""
    with held(0) as (port,):
        return port


def _hold_any(stack: ExitStack) -> int:
    """Below the range out of which most kernels serve outgoing connections, so that none of them is in its place."""
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            break
    return _hold(port, stack)


def _hold(port: int, stack: ExitStack) -> int:
    """Bound, never listening: on Linux a server that says SO_REUSEADDR can still listen, and nobody else gets it.

    Elsewhere such a server would be refused, and the port is merely chosen. A port that somebody listens on is left
    to its server to complain about.
    """
    if sys.platform == "linux":
        holder = stack.enter_context(socket.socket())
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            holder.bind(("127.0.0.1", port))
    return port
