"""Connections that are lost, servers that are none, and what a client never shows."""

import logging
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from crossfade.control import (
    AsyncClient,
    Client,
    ControlError,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    Unusable,
)
from crossfade.control.access import ATTEMPTS
from local.ports import free_port
from tests.api.conftest import ADMIN
from tests.crossfade.control.scripted import LOST, Scripted, answer

ROOT = Path(__file__).parents[3]
RECEIPT = answer({"component": "search", "order": "pause", "accepted": True}, status=202)
HEALTH = answer({"healthy": True, "issues": []})
STARTED = answer({"id": "1", "name": "demo", "number": 1, "status": "pending"}, status=202)


@pytest.fixture
def client(scripted: Scripted) -> Client:
    return Client(scripted.url, ADMIN)


def test_a_lost_order_is_sent_again_under_its_key(scripted: Scripted, client: Client) -> None:
    scripted.answers = [LOST, LOST, RECEIPT]

    client.pause("search")
    client.pause("search")

    keys = [asked.headers["idempotency-key"] for asked in scripted.asked]
    assert len(keys) == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]


async def test_a_lost_order_of_asyncio_is_sent_again_under_its_key(scripted: Scripted) -> None:
    scripted.answers = [LOST, RECEIPT]

    async with AsyncClient(scripted.url, ADMIN) as client:
        await client.pause("search")

    first, second = scripted.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body == b'{"reason": "No reason given."}'


def test_a_question_has_no_key_and_is_asked_again(scripted: Scripted, client: Client) -> None:
    scripted.answers = [LOST, HEALTH]

    assert client.health_check().healthy
    assert all("idempotency-key" not in asked.headers for asked in scripted.asked)


def test_a_start_is_never_sent_twice(scripted: Scripted, client: Client) -> None:
    scripted.answers = [LOST, STARTED]

    with pytest.raises(Unreachable, match="it is not known whether the order arrived") as lost:
        client.start_migration(shipped="demo")

    assert lost.value.may_have_arrived
    assert len(scripted.asked) == 1


def test_a_change_of_one_revision_is_never_sent_twice(scripted: Scripted, client: Client) -> None:
    scripted.answers = [LOST]

    with pytest.raises(Unreachable):
        client.set_percentage("search", 10, revision=7)

    assert [asked.headers["if-match"] for asked in scripted.asked] == ['"7"']


def test_an_order_that_stays_lost_is_given_up(scripted: Scripted, client: Client) -> None:
    scripted.answers = [LOST]

    with pytest.raises(Unreachable) as lost:
        client.pause("search")

    assert lost.value.may_have_arrived
    assert len(scripted.asked) == ATTEMPTS


def test_where_nobody_listens_nothing_has_arrived() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with Client(url, ADMIN) as client, pytest.raises(Unreachable) as unreachable:
        client.start_migration(shipped="demo")

    assert str(unreachable.value) == f"The server does not answer: {url} (no connection)"
    assert not unreachable.value.may_have_arrived


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (answer(b"<html>", kind="text/html"), UnexpectedAnswer),
        (answer(b"<html>", status=404, kind="text/html"), UnexpectedAnswer),
        (answer(b"", status=302), UnexpectedAnswer),
        (answer({"detail": "Not Found"}, status=404), UnexpectedAnswer),
        (answer(b"<html>", status=502, kind="text/html"), Unavailable),
        (answer(b"[" * 100_000), UnexpectedAnswer),
        (answer(["healthy"]), UnexpectedAnswer),
        (answer({"healthy": "yes", "issues": []}), UnexpectedAnswer),
        (answer({"healthy": True, "issues": [1]}), UnexpectedAnswer),
        (answer({"issues": []}), UnexpectedAnswer),
    ],
)
def test_what_does_not_speak_as_crossfade_is_said_to_be_something_else(
    scripted: Scripted, client: Client, sent: bytes, error: type[ControlError]
) -> None:
    scripted.answers = [sent]

    with pytest.raises(error):
        client.health_check()


def test_an_answer_of_another_type_says_where(scripted: Scripted, client: Client) -> None:
    scripted.answers = [answer({"flags": [{"name": "a", "enabled": True, "rolloutPercentage": "50"}]})]

    with pytest.raises(UnexpectedAnswer, match="rolloutPercentage is not of the type float"):
        client.flags()


def test_members_that_a_newer_server_adds_are_kept_in_raw(scripted: Scripted, client: Client) -> None:
    scripted.answers = [answer({"healthy": True, "issues": [], "mood": "good"})]

    assert client.health_check().raw["mood"] == "good"


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://host", "http://", "http://user:secret@host", "http://[", "/x"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Unusable, match="the address is not of the form") as refused:
        Client(url)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("token", ["", "cf_admin_x secret", "secret\n", "secret\0", "s\u00e9cret"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(Unusable) as refused:
        Client("http://127.0.0.1:1", token)

    assert "cret" not in "".join(traceback.format_exception(refused.value))


def test_no_token_is_shown_by_a_client_its_errors_or_its_logs(
    scripted: Scripted, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    errors: list[BaseException] = []
    for sent in (LOST, answer(b"<html>"), answer({"title": "No.", "detail": "No."}, status=401)):
        scripted.answers = [sent]
        with pytest.raises(ControlError) as failed:
            client.pause("search")
        errors.append(failed.value)

    shown = [repr(client), *map(str, errors), *map(repr, errors), caplog.text]
    shown += ["".join(traceback.format_exception(error)) for error in errors]
    assert all(asked.headers["authorization"] == f"Bearer {ADMIN}" for asked in scripted.asked)
    assert [text for text in shown if ADMIN in text or "a" * 43 in text] == []


def test_the_client_needs_nothing_but_httpx() -> None:
    others = ("click", "rich", "pydantic", "yaml", "numpy", "scipy", "mmh3", "fastapi", "temporalio")
    blocked = "; ".join(f"sys.modules[{name!r}] = None" for name in others)

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; {blocked}; import crossfade.control; crossfade.control.Client('http://x')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
