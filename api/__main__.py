"""`python -m api --port N`: one API process on 127.0.0.1, configured by the environment."""

import argparse
import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

import uvicorn

from api.app import create_app
from api.settings import InvalidSettings, Settings

GRACE_SECONDS = 5
END_SECONDS = 8.0  # after which the process ends, whatever is left

log = logging.getLogger("crossfade.api")


def main() -> NoReturn:
    """Serve until SIGTERM or Ctrl-C; requests in flight have five seconds to end, the process eight."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        app = create_app(Settings.from_environ(os.environ))
    except InvalidSettings as error:
        sys.exit(f"api: {error}")
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        access_log=False,
    )
    _leave(_serve(_Server(config)))


class _Server(uvicorn.Server):
    """A server whose end comes in time, whatever hangs: requests get `GRACE_SECONDS`, the rest what is left."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        if not self.should_exit:
            deadline = threading.Timer(END_SECONDS, _cut_off)
            deadline.daemon = True
            deadline.start()
        super().handle_exit(sig, frame)


def _cut_off() -> NoReturn:
    log.warning("not everything has ended within %s s; it is cut off", END_SECONDS)
    _leave(0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the REST API of Crossfade.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1")
    return parser.parse_args()


def _serve(server: uvicorn.Server) -> int:
    # uvicorn raises the signal that ended it once more when it is done: by default that would be no clean exit.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    try:
        server.run()
    except SystemExit as end:
        return int(end.code or 0)
    return 0 if server.started else 1


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _leave(code: int) -> NoReturn:
    """End at once: an interpreter that ends with a Temporal client in it aborts now and then (sdk-python issue 300)."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
