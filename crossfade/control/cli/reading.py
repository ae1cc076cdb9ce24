"""What is read once: flags and health."""

import click
from rich.console import Console
from rich.table import Table

from crossfade.control.cli import exits
from crossfade.control.cli.screen import console
from crossfade.control.cli.session import Session, asks
from crossfade.control.views import Flag


@click.command(short_help="List the flags, or one.")
@click.argument("name", required=False)
@asks
def flags(session: Session, name: str | None) -> None:
    """List the flags, or one: what is set, and what the traffic obeys."""
    found = session.client.flags() if name is None else (session.client.flag(name),)
    if session.as_json:
        session.say("", {"flags": [flag.raw for flag in found]} if name is None else found[0].raw)
        return
    _show(found, console())


@click.command(short_help="Say whether everything works.")
@asks
def health(session: Session) -> int:
    """Say whether everything works; 3 when it does not."""
    found = session.client.health_check()
    session.say(
        "\n".join(["healthy"] if found.healthy else ["not healthy", *(f"  {one}" for one in found.issues)]), found.raw
    )
    return exits.DONE if found.healthy else exits.NOT_WELL


def _show(found: tuple[Flag, ...], out: Console) -> None:
    if not found:
        out.print("There are no flags yet; a migration makes one for each component.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("flag", no_wrap=True)
    table.add_column("", no_wrap=True)
    for heading in ("set", "served", "revision"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for flag in found:
        share, served = (f"{one:g} %" for one in (flag.rollout_percentage, flag.served_percentage))
        live = "rollout is live" if flag.is_live else ""
        table.add_row(flag.name, "on" if flag.enabled else "off", share, served, str(flag.revision), live)
    out.print(table)


COMMANDS = (flags, health)
