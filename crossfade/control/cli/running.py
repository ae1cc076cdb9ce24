"""One run of the command line: every way in which it can end is an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence

import click

from crossfade.control.cli import exits
from crossfade.control.cli.group import crossfade
from crossfade.control.errors import ControlError

_DEBUG = "CROSSFADE_DEBUG"


def run(arguments: Sequence[str]) -> int:
    """Carry out a command; the exit code."""
    try:
        code = _invoke(arguments)
    except KeyboardInterrupt:
        code = exits.INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = exits.USAGE
    except ControlError as error:
        exits.tell(error)
        code = exits.code_of(error)
    except BrokenPipeError:
        # Whoever read has gone; the interpreter must not find that out again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = exits.PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - the edge of the process: a traceback is for those who ask for it
        code = _defect(error)
    return code


def _invoke(arguments: Sequence[str]) -> int:
    try:
        # Not crossfade.main(): that one decides for itself how an interruption and a closed pipe end.
        with crossfade.make_context("crossfade", list(arguments)) as context:
            code = crossfade.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    return code if isinstance(code, int) else exits.DONE


def _defect(error: Exception) -> int:
    if os.environ.get(_DEBUG):
        traceback.print_exc()
    click.echo(f"crossfade: a defect of this command: {type(error).__name__}: {error}", err=True)
    click.echo(f"  Set {_DEBUG}=1 to see where, and report it.", err=True)
    return exits.REFUSED
