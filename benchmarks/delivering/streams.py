"""Many bare followers of the stream in one process: sockets that note when they were told what.

`python -m benchmarks.delivering.streams N PORT... [--back-to PORT]` opens N streams to the ports in turn, says "ready",
and at the end of its input what each has received, as JSON. Whose line ends comes back after the pause of the SDK.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence

from benchmarks.delivering.stack import SDK_TOKEN
from crossfade.sdk.listener import reconnection_pause

_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
AT_ONCE = 50


class Follower(asyncio.Protocol):
    """One stream."""

    def __init__(self) -> None:
        self.received: list[tuple[int, float]] = []
        self.lost = asyncio.Event()
        self.begun = asyncio.Event()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        head = f"GET /api/migration/sdk/stream HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {SDK_TOKEN}\r\n\r\n"
        transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        """Note the revisions that have come."""
        now = time.monotonic()
        lines, _, self._rest = (self._rest + data).rpartition(b"\n")
        for found in _ID.findall(lines.replace(b"\r", b"")):
            self.received.append((int(found), now))
            self.begun.set()

    def connection_lost(self, _: Exception | None) -> None:
        """The server has ended."""
        self.lost.set()


async def _follow(port: int, back_to: int, room: asyncio.Semaphore, ready: asyncio.Event) -> list[Follower]:
    """The streams that one client has had."""
    followers = [Follower()]
    async with room:  # this measures how many follow, not how many come at once
        await _connect(followers[0], port)
        await followers[0].begun.wait()
    ready.set()
    try:
        while True:
            await followers[-1].lost.wait()
            await asyncio.sleep(reconnection_pause())
            followers.append(Follower())
            await _connect(followers[-1], back_to)
    except asyncio.CancelledError:
        return followers


async def _connect(follower: Follower, port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: follower, "127.0.0.1", port)


async def _main(count: int, ports: Sequence[int], back_to: int | None) -> None:
    room, ready = asyncio.Semaphore(AT_ONCE), [asyncio.Event() for _ in range(count)]
    own = [ports[number % len(ports)] for number in range(count)]
    following = [
        asyncio.create_task(_follow(port, back_to or port, room, event)) for port, event in zip(own, ready, strict=True)
    ]
    for event in ready:
        await event.wait()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in following:
        task.cancel()
    followers = await asyncio.gather(*following)
    print(json.dumps([[follower.received for follower in each] for each in followers]), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--back-to", type=int)
    asked = parser.parse_args()
    asyncio.run(_main(asked.count, asked.ports, asked.back_to))
