"""`python -m examples.airports --port N`: serve the airport directory."""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from crossfade.sdk import Client
from examples.airports.app import create_app
from examples.airports.sockets import LARGEST_MESSAGE


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m examples.airports", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    database_url = os.environ.get("DATABASE_URL")
    if not database_url:
        sys.exit("DATABASE_URL is not set")
    app = create_app(database_url, _client())
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        access_log=False,
        log_level="warning",
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE,
        timeout_graceful_shutdown=5,
    )


def _client() -> Client:
    home = os.environ.get("CROSSFADE_HOME")
    bootstrap = os.environ.get("CROSSFADE_BOOTSTRAP")
    return Client(
        os.environ.get("CROSSFADE_URL", "http://127.0.0.1:8000"),
        os.environ.get("CROSSFADE_TOKEN", ""),
        cache=Path(home) / "airports-flags.json" if home else None,
        bootstrap=Path(bootstrap) if bootstrap else None,
        client_id=f"airports-{os.getpid()}",
    )


if __name__ == "__main__":
    main()
