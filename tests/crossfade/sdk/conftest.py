from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from crossfade.sdk import Client
from tests.crossfade.sdk.protocol import ProtocolServer


@pytest.fixture
def server() -> Iterator[ProtocolServer]:
    with ProtocolServer() as server:
        yield server


@pytest.fixture
def start(server: ProtocolServer) -> Iterator[Callable[..., Client]]:
    """Starts clients of the server, which end with the test."""
    with ExitStack() as stack:

        def begin(*, timeout: float = 2.0, token: str = "secret", **options: Any) -> Client:
            client = Client(server.url, token, **{"refresh": 0.05, **options})
            stack.callback(client.close)
            client.start(timeout)
            return client

        yield begin
