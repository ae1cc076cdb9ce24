"""The state, once or live until the migration has ended."""

import asyncio
from contextlib import aclosing

import click

from crossfade.control.cli import exits
from crossfade.control.cli.screen import Screen, screen
from crossfade.control.cli.session import Session, asks
from crossfade.control.views import Dashboard

_FAILING = "failing"


@click.command(short_help="Show where the migration stands, live.")
@click.option("--once", is_flag=True, help="Show it once and end.")
@click.option(
    "--interval", type=click.FloatRange(1, 5), default=2.0, show_default=True, help="Seconds between updates."
)
@click.option("--migration", metavar="ID", help="Else the live or newest one.")
@asks
def status(session: Session, migration: str | None, interval: float, *, once: bool) -> int:
    """Show where the migration stands, live until it has ended.

    In a pipe: a line for whatever has changed. With --json: one JSON object per update.
    """
    if not once:
        return follow(session, migration=migration or _newest(session), interval=interval)
    dashboard = session.client.get_dashboard_data(migration)
    with screen(as_json=session.as_json, is_live=False) as shown:
        shown.show(dashboard)
    return exits.NOT_WELL if dashboard.system_health.status == _FAILING else _code(dashboard)


def follow(session: Session, *, migration: str | None, interval: float) -> int:
    """Show a migration until it has ended; the exit code."""
    with screen(as_json=session.as_json, is_live=True) as shown:
        return asyncio.run(_follow(session, shown, migration, interval))


async def _follow(session: Session, shown: Screen, migration: str | None, interval: float) -> int:
    async with (
        session.watching() as client,
        aclosing(client.updates(interval, migration=migration, on_error=shown.apart)) as updates,
    ):
        async for dashboard in updates:
            shown.show(dashboard)
            if dashboard.migration is not None and not dashboard.migration.is_live:
                return _code(dashboard)
    return exits.DONE


def _newest(session: Session) -> str | None:
    """The id of the live migration, else of the newest: a dashboard may not know yet of one just started."""
    found = session.client.migrations()
    live = [migration for migration in found if migration.is_live]
    return next((migration.id for migration in [*live, *found]), None)


def _code(dashboard: Dashboard) -> int:
    found = dashboard.migration
    return exits.DONE if found is None or found.is_live or found.is_completed else exits.NOT_WELL


COMMANDS = (status,)
