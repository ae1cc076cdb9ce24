"""A client that is made before gunicorn forks its workers (`--preload`)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.ports import free_port
from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.test_process import ROOT

APPLICATION = """
import os
from crossfade.sdk import Client
client = Client(os.environ["SERVER"], "secret", client_id="app", refresh=600)
client.start()
def app(environ, start_response):
    start_response("200 OK", [])
    return [b""]
"""
WORKERS = 2


@pytest.mark.skipif(sys.platform == "win32", reason="there is no gunicorn")
def test_each_worker_follows_by_itself_and_leaves_in_good_order(server: ProtocolServer, tmp_path: Path) -> None:
    server.streams = True
    server.publish(flag(percentage=0), revision=2)
    (tmp_path / "application.py").write_text(APPLICATION)
    bind = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS), "--bind", bind]
    environ = {**os.environ, "SERVER": server.url, "PYTHONPATH": str(ROOT), "no_proxy": "*"}
    with subprocess.Popen([*command, "application:app"], cwd=tmp_path, env=environ, stderr=subprocess.PIPE) as process:
        server.wait(lambda: confirmed(server, 2) > WORKERS and server.streams_opened > WORKERS, timeout=60)
        server.publish(flag(percentage=100), revision=3)
        server.wait(lambda: confirmed(server, 3) > WORKERS, timeout=60)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)

    assert process.returncode == 0, told.decode()
    assert len(set(server.left)) == WORKERS + 1


def confirmed(server: ProtocolServer, revision: int) -> int:
    """How many clients have confirmed a revision: the master's and those of the workers."""
    return len({seen["clientId"] for seen in server.confirmations if seen["revision"] == revision})
