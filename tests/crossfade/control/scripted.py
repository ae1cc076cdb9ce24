"""A server that misbehaves as it is told."""

import json
import socket
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Self

LOST = b""
"""The connection ends without an answer."""


@dataclass(frozen=True)
class Asked:
    """A request as it came: its first line, its headers in lower case, its body."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    """Answers each connection with the next of `answers` and closes it; the last answer is repeated."""

    answers: list[bytes] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ending = Event()
        self._thread = Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        socket.create_connection(self._listener.getsockname()[:2]).close()
        self._thread.join()
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self._ending.is_set():
                    return
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as received:
            line = received.readline().decode().strip()
            headers = {}
            while header := received.readline().decode().strip():
                name, _, value = header.partition(": ")
                headers[name.lower()] = value
            self.asked.append(Asked(line, headers, received.read(int(headers.get("content-length", "0")))))
        connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


def answer(body: object, *, status: int = 200, kind: str = "application/json") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return head.encode() + content


def stream(*events: str, then_break: bool = False) -> bytes:
    """A stream of events that ends; broken off in the middle of a chunk where it is to break."""
    content = "".join(events).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = f"{len(content):x}\r\n".encode() + content + b"\r\n" if content else b""
    return head + chunk + (b"ff\r\nda" if then_break else b"0\r\n\r\n")
