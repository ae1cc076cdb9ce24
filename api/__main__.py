"""`python -m api --port N`: one API process on 127.0.0.1, configured by the environment."""

import argparse
import os
import sys

import uvicorn

from api.app import create_app
from api.settings import InvalidSettings, Settings

GRACE_SECONDS = 5


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; requests in flight have five seconds to end."""
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the REST API of Crossfade.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    try:
        app = create_app(Settings.from_environ(os.environ))
    except InvalidSettings as error:
        sys.exit(f"api: {error}")
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        access_log=False,
    )


if __name__ == "__main__":
    main()
