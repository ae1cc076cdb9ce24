"""The client in processes: what it imports, what a fork makes of it, how it ends."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

ROOT = Path(__file__).parents[3]
HEAVY = ("numpy", "scipy", "pydantic", "sqlalchemy", "temporalio", "yaml", "msgspec", "asyncpg", "fastapi")

FORKING = """
import json, os, sys, time
from crossfade.sdk import Client
client = Client(sys.argv[1], "secret", refresh=0.05, client_id="app")
client.start()
client.switch("search", {}, legacy=int, candidate=int)
child = os.fork()
if child == 0:
    deadline = time.monotonic() + 10
    while client.status().revision < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    client.switch("search", {}, legacy=int, candidate=int)
    client.close()
    os._exit(0 if client.status().revision == 3 else 1)
print("forked", flush=True)
_, status = os.waitpid(child, 0)
client.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""

LISTENING = """
import os, sys, time
from crossfade.sdk import Client
def wait_for(fact):
    deadline = time.monotonic() + 30
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.01)
    return fact()
client = Client(sys.argv[1], "secret", refresh=60, client_id="app")
client.start()
streamed = wait_for(lambda: client.status().streaming)
child = os.fork()
if child == 0:
    assert wait_for(lambda: client.status().streaming and client.status().age is not None)
    print("listening", flush=True)
    assert wait_for(lambda: client.status().revision == 3)
    client.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
client.close()
sys.exit(os.waitstatus_to_exitcode(status) if streamed else 1)
"""

VALID_FORKING = """
import os, sys, time
from crossfade.sdk import Client
client = Client(sys.argv[1], "secret", refresh=0.05)
client.start(timeout=30)
assert client.is_enabled("live", {})
print("valid", flush=True)
sys.stdin.readline()
child = os.fork()
if child == 0:
    os._exit(0 if client.evaluate("live", {}).reason == "STALE" else 1)
is_valid = client.is_enabled("live", {})
_, status = os.waitpid(child, 0)
os._exit(os.waitstatus_to_exitcode(status) if is_valid else 2)
"""

UNKNOWN_FORKING = """
import os, sys, time
from crossfade.sdk import Client
client = Client(sys.argv[1], "secret", refresh=0.05, client_id="app")
client.start(timeout=30)
print("started", flush=True)
sys.stdin.readline()
child = os.fork()
if child == 0:
    sys.stdin.readline()
    served = client.status().revision
    print(served, flush=True)
    deadline = time.monotonic() + 30
    while client.status().revision < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os._exit(0 if client.status().revision == 3 else 1)
_, status = os.waitpid(child, 0)
os._exit(os.waitstatus_to_exitcode(status))
"""

MULTIPROCESSING = """
import multiprocessing, sys
from crossfade.sdk import Client
client = Client(sys.argv[1], "secret", refresh=60, client_id="app")
client.start(timeout=30)
def call():
    for _ in range(9):
        client.switch("search", {}, legacy=int, candidate=int)
def call_and_pass_on():
    call()
    begin(call)
def begin(target):
    child = multiprocessing.get_context("fork").Process(target=target)
    child.start()
    child.join()
    assert child.exitcode == 0
begin(call_and_pass_on)
"""

SOON_FORKING = """
import os, sys, time
from crossfade.sdk import Client
for milliseconds in range(12):
    client = Client(sys.argv[1], "secret")
    client.start(timeout=0)
    time.sleep(milliseconds / 1000)  # each fork at another moment of the beginning
    child = os.fork()
    if child == 0:
        os._exit(0)  # the client has begun anew
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""

FORGETFUL = """
import sys
from crossfade.sdk import Client, Comparison
import threading
client = Client(sys.argv[1], "secret", refresh=60)
client.start()
for _ in range(9):
    client.switch("search", {}, legacy=int, candidate=int)
client.switch("search", {}, legacy=int, candidate=threading.Event().wait, compare=Comparison(timeout=60))
"""


def run(script: str, server: ProtocolServer) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, server.url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def questions_of_others(server: ProtocolServer, client_id: str) -> int:
    return sum(seen["clientId"] != client_id for seen in server.confirmations)


def test_a_client_application_loads_two_packages() -> None:
    script = f"import crossfade.sdk, json, sys; print(json.dumps([n for n in {HEAVY} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.skipif(not hasattr(sys, "platform") or sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_follows_reports_and_leaves_by_itself(server: ProtocolServer) -> None:
    server.publish(flag(percentage=100, revision=2), revision=2)
    command = [sys.executable, "-W", "ignore", "-c", FORKING, server.url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"
        server.publish(flag(percentage=100, revision=3), revision=3)
        assert process.wait(30) == 0
    assert server.total("search", "candidate", "requests") == 2
    clients = {post.batch["client"] for post in server.posts}
    assert len(clients) == 2
    assert clients == set(server.left)
    assert {seen["clientId"] for seen in server.confirmations} == clients


@pytest.mark.skipif(not hasattr(sys, "platform") or sys.platform == "win32", reason="there is no fork")
def test_children_of_multiprocessing_report_and_say_goodbye(server: ProtocolServer) -> None:
    """They end without what was registered with `atexit`."""
    server.publish(flag(percentage=100))
    done = run(MULTIPROCESSING, server)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.total("search", "candidate", "requests") == 18
    assert len(server.left) == 3
    assert set(server.left) >= {seen["clientId"] for seen in server.confirmations}


@pytest.mark.skipif(not hasattr(sys, "platform") or sys.platform == "win32", reason="there is no fork")
def test_a_fork_while_the_client_still_connects_locks_nothing_up(server: ProtocolServer) -> None:
    """OpenSSL's locks, and those of imports, stay locked in the child if another thread holds them at the fork."""
    server.streams = True
    done = run(SOON_FORKING, server)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(sys, "platform") or sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_has_no_validity_before_it_is_known_itself(server: ProtocolServer) -> None:
    server.publish(flag("live", 100, is_live=True))
    command = [sys.executable, "-W", "ignore", "-c", VALID_FORKING, server.url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "valid\n"
        server.confirms = False
        process.communicate("go on\n", timeout=60)
        assert process.returncode == 0


@pytest.mark.skipif(not hasattr(sys, "platform") or sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_takes_nothing_new_before_it_is_known_itself(server: ProtocolServer) -> None:
    """A stop would not wait for it; a complete flag needs no validity."""
    server.publish(flag(percentage=0, revision=2), revision=2)
    command = [sys.executable, "-W", "ignore", "-c", UNKNOWN_FORKING, server.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        server.records = False
        process.stdin.write("fork\n")
        process.stdin.flush()
        until(lambda: questions_of_others(server, "app") > 0)
        server.publish(flag(percentage=100, revision=3), revision=3)
        asked = questions_of_others(server, "app")
        until(lambda: questions_of_others(server, "app") > asked + 2)
        process.stdin.write("say\n")
        process.stdin.flush()
        assert process.stdout.readline() == "2\n"
        server.records = True
        assert process.wait(60) == 0


@pytest.mark.skipif(not hasattr(sys, "platform") or sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_hears_news_over_a_stream_of_its_own(server: ProtocolServer) -> None:
    server.streams = True
    server.publish(flag(percentage=100, revision=2), revision=2)
    command = [sys.executable, "-W", "ignore", "-c", LISTENING, server.url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        assert server.streams_opened == 2
        server.publish(flag(percentage=100, revision=3), revision=3)
        assert process.wait(60) == 0
    assert len(server.left) == 2


def test_a_process_that_just_ends_still_reports_and_hangs_on_nothing(server: ProtocolServer) -> None:
    server.publish(flag(percentage=0, shadow_share=Decimal(1)))
    done = run(FORGETFUL, server)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.total("search", "legacy", "requests") == 10
    assert len(server.left) == 1
