"""The orders to one component, and those that a phase or a migration takes as well."""

from collections.abc import Callable
from typing import TypeVar

import click

from crossfade.control.cli.session import Session, asks
from crossfade.control.orders import NO_REASON
from crossfade.control.views import Receipt

F = TypeVar("F", bound=Callable[..., object])


def because(function: F) -> F:
    """An optional reason."""
    return click.option("--reason", default=NO_REASON, metavar="TEXT", help="Why; it goes into the audit log.")(
        function
    )


def with_reason(function: F) -> F:
    """A reason that must be given."""
    return click.option("--reason", required=True, metavar="TEXT", help="Why; it goes into the audit log.")(function)


def _of_three(function: F) -> F:
    function = click.option("--migration", metavar="ID", help="A whole migration.")(function)
    function = click.option("--phase", metavar="PHASE", help="A phase of the live migration.")(function)
    return click.argument("component", required=False)(function)


@click.command(short_help="Stop advancing: a component, a phase, or all of it.")
@_of_three
@because
@asks
def pause(session: Session, component: str | None, phase: str | None, migration: str | None, reason: str) -> None:
    """Stop advancing: a COMPONENT, a phase, or the live migration when nothing is named.

    Judging, rollback and stop go on.
    """
    _tell(session, session.client.pause, component, phase, migration, reason)


@click.command(short_help="Go on after a pause or a hold.")
@_of_three
@because
@asks
def resume(session: Session, component: str | None, phase: str | None, migration: str | None, reason: str) -> None:
    """Go on after a pause or a hold: a COMPONENT, a phase, or the live migration when nothing is named."""
    _tell(session, session.client.resume, component, phase, migration, reason)


@click.command(short_help="Hold a component at its percentage.")
@click.argument("component")
@because
@asks
def hold(session: Session, component: str, reason: str) -> None:
    """Hold a component at its percentage until it is resumed."""
    held = session.client.hold(component, reason)
    session.say(f"{component}: held at {held.percentage:g} % until `crossfade resume {component}`", held.raw)


@click.command()
@click.argument("component")
@click.option("--step", type=click.IntRange(1), metavar="N", help="Only if this step waits, counted from 1.")
@click.option("--reason", default="", metavar="TEXT", help="Why; the plan may want it.")
@asks
def approve(session: Session, component: str, step: int | None, reason: str) -> None:
    """Consent to the step that waits for it."""
    session.taken(session.client.approve(component, step=step, reason=reason), component)


@click.command()
@click.argument("component")
@because
@asks
def promote(session: Session, component: str, reason: str) -> None:
    """Go to the next step now; never past a guardrail."""
    session.taken(session.client.promote(component, reason), component)


@click.command("set", short_help="Set the percentage by hand.")
@click.argument("component")
@click.argument("percentage", type=click.FloatRange(0, 100))
@because
@asks
def set_percentage(session: Session, component: str, percentage: float, reason: str) -> None:
    """Set the percentage by hand; a live rollout is held there until it is resumed."""
    flag = session.client.set_percentage(component, percentage, reason=reason)
    held = f", held until `crossfade resume {component}`" if flag.is_live else ""
    session.say(f"{component}: candidate serves {flag.served_percentage:g} %{held}", flag.raw)


@click.command(short_help="Begin anew after a rollback.")
@click.argument("component")
@because
@asks
def retry(session: Session, component: str, reason: str) -> None:
    """Begin a new run of a component that has rolled back."""
    session.taken(session.client.retry(component, reason), component)


@click.command(short_help="Leave a component on legacy.")
@click.argument("component")
@with_reason
@asks
def skip(session: Session, component: str, reason: str) -> None:
    """Leave a component on legacy and count it as settled."""
    session.taken(session.client.skip(component, reason), component)


@click.command(short_help="Say that legacy's code is gone.")
@click.argument("component")
@with_reason
@asks
def retire(session: Session, component: str, reason: str) -> None:
    """Say that a complete component's legacy code is gone: nothing takes it back any more. It cannot be undone."""
    retirement = session.client.retire(component, reason)
    session.say(f"{component}: retired since {retirement.retired_at:%Y-%m-%d %H:%M:%S %Z}", retirement.raw)


@click.command(short_help="Legacy for everybody, at once.")
@click.argument("component")
@click.option("--restore", type=click.Choice(["previous"]), help="Bring the former percentage back afterwards.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@because
@asks
def rollback(session: Session, component: str, restore: str | None, reason: str, *, dry_run: bool) -> None:
    """Put a component on legacy for everybody, at once."""
    if dry_run:
        rehearsal = session.client.rehearse_rollback(component)
        steps = ", ".join(rehearsal.steps)
        session.say(f"{component}: would go from {rehearsal.from_percentage:g} % to 0 %; then {steps}", rehearsal.raw)
        return
    begun = session.client.roll_back(component, reason, restore="previous" if restore else None)
    steps = ", ".join(step.name for step in begun.steps)
    session.say(f"{component}: legacy for everybody; the steps follow: {steps}", begun.raw)


def _tell(
    session: Session,
    order: Callable[..., Receipt],
    component: str | None,
    phase: str | None,
    migration: str | None,
    reason: str,
) -> None:
    if sum(target is not None for target in (component, phase, migration)) > 1:
        raise click.UsageError("name one of COMPONENT, --phase and --migration")
    if component is not None:
        session.taken(order(component, reason=reason), component)
    elif phase is not None:
        session.taken(order(phase=phase, reason=reason), f"phase {phase}")
    else:
        found = session.migration(migration)
        session.taken(order(migration=found.id, reason=reason), f"migration {found.name} #{found.number}")


COMMANDS = (pause, resume, hold, approve, promote, set_percentage, retry, skip, retire, rollback)
