"""A migration as a whole: started, aborted, and everything stopped."""

import sys
from pathlib import Path
from typing import Literal

import click

from crossfade.control.cli import exits
from crossfade.control.cli.components import with_reason
from crossfade.control.cli.session import Session, asks
from crossfade.control.cli.watching import follow
from crossfade.control.cli.words import proof
from crossfade.control.errors import ControlError

INTERVAL_SECONDS = 2.0


@click.command(short_help="Start a migration from a plan.")
@click.argument("plan", required=False, type=click.Path(path_type=Path))
@click.option("--shipped", metavar="NAME", help="A plan that ships with the server, instead of a file.")
@click.option("--follow", "is_followed", is_flag=True, help="Watch it until it has ended; 3 unless it completed.")
@asks
def start(session: Session, plan: Path | None, shipped: str | None, *, is_followed: bool) -> int:
    """Start a migration from the file PLAN or from a plan that ships with the server."""
    if (plan is None) == (shipped is None):
        raise click.UsageError("name either a file or --shipped NAME")
    started = session.client.start_migration(plan, shipped=shipped)
    if not session.as_json:
        for warning in started.warnings:
            click.echo(f"warning: {warning}", err=True)
        for note in started.without_effect:
            click.echo(f"without effect yet: {note}", err=True)
    session.say(f"Started {started.name} #{started.number}, id {started.id}", started.raw)
    if not is_followed:
        if not session.as_json:
            click.echo("Watch it with: crossfade status")
        return exits.DONE
    return follow(session, migration=started.id, interval=INTERVAL_SECONDS)


@click.command(short_help="Roll back what is live and end.")
@click.option("--migration", metavar="ID", help="Else the live one.")
@with_reason
@asks
def abort(session: Session, migration: str | None, reason: str) -> None:
    """Roll back what is live, leave what is complete, and end the migration."""
    found = session.migration(migration)
    session.taken(session.client.abort(found.id, reason), f"migration {found.name} #{found.number}")


@click.command(short_help="Emergency stop: everything to legacy.")
@click.option("--migration", metavar="ID", help="Only this migration's flags; else everything in the environment.")
@click.option("--yes", is_flag=True, help="Do not ask; stop at once.")
@with_reason
@asks
def stop(session: Session, migration: str | None, reason: str, *, yes: bool) -> int:
    """Emergency stop: legacy for everybody, everywhere, at once, with the proof; 3 where it could not be proven.

    It stays in force until `crossfade release`; with --migration nothing stays in force.
    """
    if not yes and not _is_meant(session, migration):
        click.echo("Nothing was stopped.", err=True)
        return exits.REFUSED
    done = session.client.emergency_stop(reason, migration=migration)
    lines = [proof(done), f"Flags: {len(done.flags)}, live rollouts that roll back: {len(done.runs)}."]
    lines += [f"  {name}" for name in done.flags]
    lines += [f"  {name} is retired and goes on: its legacy code is gone" for name in done.retired]
    if migration is None:
        lines.append("Nothing can be started or raised until: crossfade release --reason TEXT")
    session.say("\n".join(lines), done.raw)
    return exits.DONE if done.is_proven else exits.NOT_PROVEN


@click.command(short_help="End the emergency stop.")
@click.option(
    "--restore",
    type=click.Choice(["none", "completed"]),
    default="none",
    show_default=True,
    help="Put back what was complete for everybody, exactly as it was.",
)
@with_reason
@asks
def release(session: Session, restore: Literal["none", "completed"], reason: str) -> None:
    """End the stop of the environment; with a token of an administrator. It restores no traffic by itself."""
    done = session.client.release_stop(reason, restore)
    lines = ["Released: migrations may start and flags may rise again."]
    lines += [f"  {name} is back at 100 %, as it was" for name in done.restored]
    if restore == "completed":
        lines += [f"  {name} stays on legacy: it was changed since the stop" for name in done.left]
    session.say("\n".join(lines), done.raw)


def _is_meant(session: Session, migration: str | None) -> bool:
    """Whether the person types the name that was asked for."""
    name, scope = _named(session, migration)
    click.echo(f"This puts {scope} on legacy for everybody, at once, and restores nothing.", err=True)
    click.echo(f"Type {name} to stop: ", err=True, nl=False)
    return sys.stdin.readline().strip() == name


def _named(session: Session, migration: str | None) -> tuple[str, str]:
    """The name to type and what is stopped; a stop must not depend on whether the server can tell them."""
    try:
        if migration is not None:
            found = session.migration(migration)
            return found.name, f"every flag of the migration {found.name} #{found.number}"
        live = [one for one in session.client.migrations() if one.is_live]
    except ControlError:
        return "stop", "everything"
    return (live[0].name if live else "stop"), "every flag of the environment"


COMMANDS = (start, stop, release, abort)
