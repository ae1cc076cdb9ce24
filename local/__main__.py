"""`python -m local up` and `python -m local demo`: Crossfade on this machine, for as long as the command runs."""

import argparse
import os
import signal
import subprocess
import sys
from io import TextIOWrapper
from types import FrameType

import httpx

from crossfade.errors import CrossfadeError
from local import demo, home, postgres
from local.children import die_with_parent
from local.fault import KINDS, Fault
from local.guide import components_of_plan
from local.locks import owned
from local.services import ROOT, Ports, migrate
from local.stack import serve_until_interrupted, up

EXIT_REFUSED = 1
EXIT_INTERRUPTED = 130


def main() -> int:
    """Read the command and carry it out; its exit code."""
    arguments = _parser().parse_args()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # whoever reads a pipe sees each line when it is said
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if arguments.with_parent:
        die_with_parent()
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (CrossfadeError, httpx.HTTPError) as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED


def _up(arguments: argparse.Namespace) -> int:
    ports = Ports(api=arguments.api_port, app=arguments.app_port, page=arguments.temporal_page_port)
    with up(os.environ, ports=ports, say=_to_stderr) as stack:
        print(stack.to_json() if arguments.json else stack.describe(), flush=True)
        serve_until_interrupted(stack)
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    return demo.run(os.environ, demo.Options(fault=arguments.fault, exits=arguments.exit))


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


def _fault(text: str) -> Fault:
    fault = Fault.parse(text)
    if fault.component not in components_of_plan():
        raise argparse.ArgumentTypeError(f"the components are {', '.join(components_of_plan())}")
    return fault


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
    show = commands.add_parser("demo", help="start everything and migrate fifteen components under live traffic")
    show.add_argument("--exit", action="store_true", help="end after the summary: 0 completed, 3 the expected rollback")
    show.add_argument("--fault", type=_fault, metavar=f"COMPONENT:{'|'.join(KINDS)}", help="break a candidate at 50 %%")
    show.set_defaults(run=_demo)
    schema = commands.add_parser("migrate", help="bring the schema up to date")
    schema.set_defaults(run=_migrate)
    clean = commands.add_parser("clean", help="delete the data directory")
    clean.set_defaults(run=_clean)
    return parser


if __name__ == "__main__":
    sys.exit(main())
