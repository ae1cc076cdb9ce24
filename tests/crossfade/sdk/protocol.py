"""The server's side of the protocol, for tests of the client alone: real sockets, scripted answers."""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any, Self

from crossfade.flags import Flag, to_definition

JSON = dict[str, Any]


def flag(name: str = "search", percentage: float | str = 25, **changes: Any) -> Flag:
    values: JSON = {"environment": "test", "revision": 1, "percentage": Decimal(str(percentage)), **changes}
    return Flag(name=name, **values)


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up: they are part of these tests."""


@dataclass
class Posted:
    """One POST of metrics as it arrived."""

    body: bytes
    answered: int

    @property
    def batch(self) -> JSON:
        decoded: JSON = json.loads(self.body)
        return decoded


@dataclass
class ProtocolServer:
    """Keeps what it was asked and answers what the test says."""

    revision: int = 1
    epoch: int = 1
    valid_for: float = 5.0
    definitions: list[JSON] = field(default_factory=list)
    is_down: bool = False
    answers: deque[int] = field(default_factory=deque)
    """Statuses for the next POSTs of metrics; then 200."""
    answer_is_lost: bool = False
    """The next batch is taken and the connection cut."""
    confirms: bool = True
    """Whether confirmations are answered."""
    records: bool = True
    """Whether clients that confirm are recorded."""
    streams: bool = False
    """Whether there is a stream of revisions; those that are open end with it."""
    is_silent: bool = False
    """Whether open streams say nothing, not even that they are alive."""
    noise: bytes = b""
    """What a stream begins with."""
    streams_opened: int = 0
    dropped: list[JSON] = field(default_factory=list)
    posts: list[Posted] = field(default_factory=list)
    confirmations: list[JSON] = field(default_factory=list)
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)
    gate: Event = field(default_factory=Event)
    """Answers wait for it; it is open unless a test closes it."""

    def __enter__(self) -> Self:
        self.gate.set()
        self.http = QuietServer(("127.0.0.1", 0), type("Scripted", (Handler,), {"script": self}))
        self.thread = Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.streams = False
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def publish(self, *flags: Flag, revision: int | None = None, epoch: int | None = None) -> None:
        with self.changed:
            self.definitions = [to_definition(flag) for flag in flags]
            self.revision = self.revision + 1 if revision is None else revision
            self.epoch = self.epoch if epoch is None else epoch
            self.changed.notify_all()

    def wait(self, condition: Any, timeout: float = 10) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout), "it did not happen in time"

    def counted(self) -> list[JSON]:
        """The summaries of all acknowledged batches, each batch once."""
        batches = {post.batch["batchId"]: post.batch for post in self.posts if post.answered == 200}
        return [summary for batch in batches.values() for summary in batch["summaries"]]

    def total(self, component: str, variant: str, metric: str) -> int:
        return sum(_count(self.counted(), component, variant, metric))


def _count(summaries: Iterable[JSON], component: str, variant: str, metric: str) -> Iterable[int]:
    wanted = (component, variant, metric)
    return (s["count"] for s in summaries if (s["component"], s["variant"], s["metric"]) == wanted)


class Handler(BaseHTTPRequestHandler):
    script: ProtocolServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith("/sdk/stream"):
            self._stream()
            return
        if self._is_refused():
            return
        etag = f'"{self.script.revision}"'
        if self.headers["If-None-Match"] == etag:
            self._answer(304, None, etag)
            return
        snapshot = {
            "environment": "test",
            "revision": self.script.revision,
            "epoch": self.script.epoch,
            "validFor": self.script.valid_for,
            "flags": self.script.definitions,
        }
        self._answer(200, snapshot, etag)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_refused():
            return
        if self.path.endswith("/metrics"):
            self._take(body)
            return
        self.script.confirmations.append(json.loads(body))
        if not self.script.confirms:
            self._answer(503, {})
            return
        valid_for = self.script.valid_for if self.script.records else 0
        knows = {"revision": self.script.revision, "epoch": self.script.epoch, "validFor": valid_for}
        self._answer(200, {**knows, "recorded": self.script.records})

    def do_DELETE(self) -> None:
        if not self._is_refused():
            self.script.left.append(self.path.rsplit("/", 1)[1])
            self._answer(204, None)

    def _stream(self) -> None:
        if not self.script.streams:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(self.script.noise)
        with self.script.changed:
            self.script.streams_opened += 1
            self.script.changed.notify_all()
        told = (-1, -1)
        while self.script.streams:
            now = (self.script.revision, self.script.epoch)
            if not self.script.is_silent:
                data = json.dumps({"revision": now[0], "epoch": now[1]})
                self.wfile.write(b":\n\n" if now == told else f"event: flags\ndata: {data}\n\n".encode())
                told = now
            with self.script.changed:
                self.script.changed.wait(0.02)

    def _take(self, body: bytes) -> None:
        if self.script.answer_is_lost:
            self.script.answer_is_lost = False
            self._note(Posted(body, 200))
            self.close_connection = True
            return
        status = self.script.answers.popleft() if self.script.answers else 200
        self._answer(status, {"accepted": 1, "dropped": self.script.dropped})
        self._note(Posted(body, status))

    def _note(self, post: Posted) -> None:
        with self.script.changed:
            self.script.posts.append(post)
            self.script.changed.notify_all()

    def _is_refused(self) -> bool:
        self.script.gate.wait()
        authorized = self.headers["Authorization"] == "Bearer secret"
        if self.script.is_down or not authorized:
            self._answer(503 if authorized else 401, {})
        return self.script.is_down or not authorized

    def _answer(self, status: int, content: JSON | None, etag: str | None = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        if etag is not None:
            self.send_header("ETag", etag)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        with self.script.changed:  # before the answer leaves: what the client does next must come after it
            self.script.requests.append((self.command, self.path, status))
            self.script.changed.notify_all()
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
