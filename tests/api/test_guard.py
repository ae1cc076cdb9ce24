"""The body guard, in front of a real server: what streams in is counted as it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

import api.route
from api.guard import DEFAULT_LIMIT, MEBIBYTE
from tests.api.conftest import ADMIN, bearer

METRICS = "/api/migration/metrics"
MIGRATIONS = "/api/migration/migrations"


@pytest.fixture
async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address, headers=bearer(ADMIN), timeout=10) as client:
        yield client


async def pieces(count: int, size: int = 65536) -> AsyncIterator[bytes]:
    yield b'{"plan": "'
    for _ in range(count):
        yield b"x" * size
    yield b'"}'


@pytest.mark.parametrize(
    ("path", "limit"), [(METRICS, MEBIBYTE), ("/api/migration/emergency-stop", MEBIBYTE), (MIGRATIONS, 5 * MEBIBYTE)]
)
async def test_a_declared_length_above_the_limit_is_413(client: httpx.AsyncClient, path: str, limit: int) -> None:
    answer = await client.post(path, content=b" " * (limit + 1))

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_stream_without_a_length_is_cut_at_the_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post(METRICS, content=pieces(count=32))

    assert answer.status_code == 413


async def test_an_endless_stream_is_not_read_to_its_end(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536
            await asyncio.sleep(0)

    with suppress(httpx.TransportError):  # an answer or a closed connection, as the writing meets it
        await client.post(METRICS, content=endless())

    assert sent < 100 * DEFAULT_LIMIT


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post(METRICS, content=b"{" + b" " * (DEFAULT_LIMIT - 2) + b"}")

    assert answer.status_code == 422


async def test_a_plan_may_be_larger_than_the_rest(client: httpx.AsyncClient) -> None:
    answer = await client.post(MIGRATIONS, content=pieces(count=32), headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:crossfade:problem:invalid-plan"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, gzip", "identity, gzip", "x"])
async def test_a_compressed_body_is_415(client: httpx.AsyncClient, encoding: str) -> None:
    answer = await client.post(METRICS, content=b"{}", headers={"Content-Encoding": encoding})

    assert answer.status_code == 415
    assert answer.json()["type"] == "urn:crossfade:problem:content-encoding"


@pytest.mark.parametrize("length", ["99999999999999999999", "9" * 5000])
async def test_an_absurd_declared_length_is_refused(address: str, length: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {METRICS} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode())

    status = await reader.readline()

    writer.close()
    assert status.split()[1] in {b"413", b"400"}


async def test_a_request_after_a_refused_one_is_served(client: httpx.AsyncClient) -> None:
    await client.post(METRICS, content=b" " * (DEFAULT_LIMIT + 1))

    assert (await client.get("/api/migration/feature-flags")).status_code == 200


async def test_a_body_that_never_ends_to_arrive_is_408(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.route, "BODY_SECONDS", 0.1)
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {METRICS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Length: 10\r\n\r\n{{"
    writer.write(head.encode())

    status = await reader.readline()

    writer.close()
    assert status.split()[1] == b"408"


async def test_a_caller_who_leaves_while_it_sends_is_no_defect(app: FastAPI) -> None:
    """The application would raise what uvicorn logs as a defect of it."""
    messages: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    answers: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        answers.append(message)

    headers = [(b"authorization", f"Bearer {ADMIN}".encode())]
    await app(
        {"type": "http", "method": "POST", "path": METRICS, "query_string": b"", "headers": headers}, receive, send
    )

    assert answers[0]["status"] == 408
