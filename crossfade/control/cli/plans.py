"""`crossfade plan check`, which needs no server."""

import os

import click

from crossfade.control.cli import exits


@click.group()
def plan() -> None:
    """Plan files."""


@plan.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(file: str, *, as_json: bool) -> int:
    """Check a plan: 0 accepted, 1 refused with every problem, 2 the file cannot be read."""
    try:
        from crossfade.plan.__main__ import main  # noqa: PLC0415 - its packages are needed here only
    except ModuleNotFoundError as missing:
        click.echo(f"crossfade: checking a plan needs {missing.name}: pip install 'crossfade[cli]'", err=True)
        return exits.USAGE
    return main(["check", *(["--json"] if as_json else []), "--", file], os.environ)


COMMANDS = (plan,)
