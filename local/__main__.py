"""`python -m local up` and `python -m local demo`: Crossfade on this machine, for as long as the command runs."""

import argparse
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from local import home, postgres
from local.children import die_with_parent
from local.errors import StackError
from local.locks import owned
from local.services import ROOT, Ports, migrate
from local.stack import Stack, up

_CHECK_SECONDS = 0.2
EXIT_REFUSED = 1


def main() -> int:
    """Read the command and carry it out; its exit code."""
    arguments = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if arguments.with_parent:
        die_with_parent()
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return 0
    except StackError as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED


def _up(arguments: argparse.Namespace) -> int:
    ports = Ports(api=arguments.api_port, app=arguments.app_port, page=arguments.temporal_page_port)
    with up(os.environ, ports=ports, say=_to_stderr) as stack:
        print(stack.to_json() if arguments.json else describe(stack), flush=True)
        serve(stack)
    return 0


def serve(stack: Stack) -> None:
    """See to the stack until somebody ends it."""
    while True:
        stack.check()
        time.sleep(_CHECK_SECONDS)


def describe(stack: Stack) -> str:
    """The addresses for a person."""
    addresses = stack.addresses
    lines = {
        "API": f"{addresses.api}/api/migration/health",
        "documentation": addresses.documentation,
        "Temporal": addresses.temporal_page or addresses.temporal,
        "application": addresses.app,
        "admin token": addresses.admin_token,
    }
    return "\n".join(f"{name:>14}  {value}" for name, value in lines.items())


def _migrate(_arguments: argparse.Namespace) -> int:
    with postgres.serve(home.home(os.environ), os.environ) as database:
        command, environment = migrate(database.url)
        return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode


def _clean(_arguments: argparse.Namespace) -> int:
    folder = home.home(os.environ)
    with owned(folder / "stack.lock"):
        home.remove(folder)
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    """A request to end is a Ctrl-C: the contexts close, the children are stopped in their order."""
    raise KeyboardInterrupt


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--with-parent", action="store_true", help="end when the starting process does (Linux)")
    commands = parser.add_subparsers(required=True)
    start = commands.add_parser("up", help="start everything, without a migration")
    start.add_argument("--json", action="store_true", help="print stack.json when ready")
    for port in ("api", "app", "temporal-page"):
        start.add_argument(f"--{port}-port", type=int, default=0, help="instead of any free one")
    start.set_defaults(run=_up)
    schema = commands.add_parser("migrate", help="bring the schema up to date")
    schema.set_defaults(run=_migrate)
    clean = commands.add_parser("clean", help="delete the data directory")
    clean.set_defaults(run=_clean)
    return parser


if __name__ == "__main__":
    sys.exit(main())
