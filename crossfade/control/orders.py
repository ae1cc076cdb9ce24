"""Everything that can be asked and ordered: a function each, whose result is sent by either client."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from crossfade.control.decoding import decoded
from crossfade.control.errors import UnexpectedAnswer, Unusable
from crossfade.control.requests import Request
from crossfade.control.views import (
    Component,
    Dashboard,
    Flag,
    Health,
    Held,
    Migration,
    Phase,
    Receipt,
    Rehearsal,
    Released,
    Retirement,
    Rollback,
    Started,
    Stopped,
)

T = TypeVar("T")
MOST_PERCENT = 100
NO_REASON = "No reason given."


def health_check() -> Request[Health]:
    """Ask whether everything works; it needs no token."""
    return Request("GET", "health", _as(Health))


def get_dashboard_data(migration: str | None = None) -> Request[Dashboard]:
    """Read the whole state: of the migration with this id, else of the live one, else of the newest."""
    return Request("GET", "dashboard", _as(Dashboard), query=_of(migration))


def start_migration(plan: str | Path | None = None, *, shipped: str | None = None) -> Request[Started]:
    """Start a migration from a plan's text, from its file (a `Path`), or from a plan that ships with the server.

    Raises:
        Invalid: The plan is refused; `errors` has every problem with its line and field.
        Conflict: A migration of this name is live.
        Unusable: Neither a plan nor a shipped one is named, or both, or the file cannot be read.
    """
    if (plan is None) == (shipped is None):
        raise Unusable("name either a plan or one that ships with the server")
    body = {"shipped": shipped} if plan is None else {"plan": _text(plan)}
    return Request("POST", "migrations", _as(Started), body, is_repeatable=False)


def enable_gradual_rollout(component: str, percentage: float, reason: str = NO_REASON) -> Request[Flag]:
    """Enable a flag for a share of the targeting keys, 0..100 in steps of 0.001.

    A live rollout is then held there until it is resumed. Lowering needs Postgres only; raising a live rollout needs
    Temporal and a worker.
    """
    return set_percentage(component, percentage, reason=reason)


def set_percentage(
    component: str, percentage: float, *, reason: str = NO_REASON, revision: int | None = None
) -> Request[Flag]:
    """Set the percentage by hand; with the `revision` of a flag that was read, only if nothing has changed since.

    Raises:
        Conflict: The flag has changed, a stop is in force, or the rollout does not take a percentage now.
        Unusable: The percentage is none.
    """
    if not 0 <= percentage <= MOST_PERCENT:
        raise Unusable("a percentage is a number from 0 to 100")
    body = {"enabled": True, "rolloutPercentage": percentage, "reason": reason}
    headers = {} if revision is None else {"If-Match": f'"{revision}"'}
    # With If-Match the second of two sendings would be refused for what the first has done.
    return Request(
        "PUT", _path("feature-flags", component), _as(Flag), body, headers=headers, is_repeatable=revision is None
    )


def flags() -> Request[tuple[Flag, ...]]:
    """List the flags by name."""
    return Request("GET", "feature-flags", _all(Flag, "flags"))


def flag(name: str) -> Request[Flag]:
    """Read a flag."""
    return Request("GET", _path("feature-flags", name), _as(Flag))


def migrations() -> Request[tuple[Migration, ...]]:
    """List the latest migrations, newest first."""
    return Request("GET", "migrations", _all(Migration, "migrations"))


def phases(migration: str | None = None) -> Request[tuple[Phase, ...]]:
    """List the phases of a migration in the order of its plan."""
    return Request("GET", "phases", _all(Phase, "phases"), query=_of(migration))


def components(migration: str | None = None) -> Request[tuple[Component, ...]]:
    """List the components of a migration in the order of its plan, with their figures."""
    return Request("GET", "components", _all(Component, "components"), query=_of(migration))


def component(name: str) -> Request[Component]:
    """Read a component in its newest migration."""
    return Request("GET", _path("components", name), _as(Component))


def rollbacks() -> Request[tuple[Rollback, ...]]:
    """List the latest rollbacks, newest first, with their evidence and steps."""
    return Request("GET", "rollbacks", _all(Rollback, "rollbacks"))


def pause(
    component: str | None = None, *, phase: str | None = None, migration: str | None = None, reason: str = NO_REASON
) -> Request[Receipt]:
    """Stop advancing and the hold clock of a component, a phase or a migration (by id), one of the three.

    Judging, rollback and stop go on.
    """
    return _of_one_of_three("pause", component, phase, migration, reason)


def resume(
    component: str | None = None, *, phase: str | None = None, migration: str | None = None, reason: str = NO_REASON
) -> Request[Receipt]:
    """Go on after a pause or a hold: of a component, a phase or a migration (by id), one of the three."""
    return _of_one_of_three("resume", component, phase, migration, reason)


def hold(component: str, reason: str = NO_REASON) -> Request[Held]:
    """Hold a component at its present percentage until it is resumed; it needs neither Temporal nor a worker."""
    return Request("POST", f"{_path('components', component)}/hold", _as(Held), {"reason": reason})


def approve(component: str, *, step: int | None = None, reason: str = "") -> Request[Receipt]:
    """Consent to the step that waits for it; a `step` (1-based) only if it is that one.

    Raises:
        Conflict: No such step waits.
        Invalid: The plan wants a reason.
    """
    body: dict[str, object] = {"reason": reason} if step is None else {"reason": reason, "step": step}
    return _order(_path("components", component), "approve", body)


def promote(component: str, reason: str = NO_REASON) -> Request[Receipt]:
    """Go to the next step without waiting for hold time, sample and approval; never past a guardrail."""
    return _order(_path("components", component), "promote", {"reason": reason})


def retry(component: str, reason: str = NO_REASON) -> Request[Receipt]:
    """Begin a new run of a component that has rolled back, after its cool-down and with attempts left."""
    return _order(_path("components", component), "retry", {"reason": reason})


def skip(component: str, reason: str) -> Request[Receipt]:
    """Leave a component on legacy and count it as settled."""
    return _order(_path("components", component), "skip", {"reason": reason})


def retire(component: str, reason: str) -> Request[Retirement]:
    """Say that the legacy code of a complete component is gone: no rollback and no stop takes it back any more.

    It cannot be undone.
    """
    return Request("POST", f"{_path('components', component)}/retire", _as(Retirement), {"reason": reason})


def roll_back(
    component: str, reason: str = NO_REASON, *, restore: Literal["previous"] | None = None
) -> Request[Rollback]:
    """Legacy for everybody, at once; the steps follow. With `restore` the former percentage comes back afterwards.

    Asked twice for one run it answers with the same rollback. It needs neither Temporal nor a worker.
    """
    body = {"reason": reason} if restore is None else {"reason": reason, "restore": restore}
    return Request("POST", _path("rollback", component), _inner(Rollback, "rollback"), body)


def rehearse_rollback(component: str) -> Request[Rehearsal]:
    """Say what a rollback would do, and change nothing."""
    return Request("POST", _path("rollback", component), _as(Rehearsal), {}, query={"dryRun": "true"})


def emergency_stop(reason: str, *, migration: str | None = None) -> Request[Stopped]:
    """Legacy for everybody, everywhere, at once, and the proof of it; live migrations end as failed.

    It stays in force until `release_stop`. With the id of a `migration`, only its flags, and nothing stays in force.
    It needs neither Temporal nor a worker, and takes up to 6 s where somebody does not answer.

    Raises:
        Unavailable: Postgres does not answer; `more["legacyBy"]` says from when on every live rollout serves legacy if
            that stays so. It is not known that anything was recorded: repeat it.
    """
    body = {"reason": reason} if migration is None else {"reason": reason, "migrationId": migration}
    return Request("POST", "emergency-stop", _as(Stopped), body)


def release_stop(reason: str, restore: Literal["none", "completed"] = "none") -> Request[Released]:
    """End the stop of the environment, with a token of an administrator; it restores no traffic.

    With `restore="completed"` the components that were complete for everybody go back to exactly what they were.

    Raises:
        Conflict: No stop is in force.
    """
    return Request("POST", "emergency-stop/release", _as(Released), {"reason": reason, "restore": restore})


def abort(migration: str, reason: str = NO_REASON) -> Request[Receipt]:
    """Roll back what is live in a migration (by id), leave what is complete, and end."""
    return _order(_path("migrations", migration), "abort", {"reason": reason})


def _of_one_of_three(
    name: str, component: str | None, phase: str | None, migration: str | None, reason: str
) -> Request[Receipt]:
    targets = {"components": component, "phases": phase, "migrations": migration}
    named = [_path(kind, target) for kind, target in targets.items() if target is not None]
    if len(named) != 1:
        raise Unusable("name one of component, phase and migration")
    return _order(named[0], name, {"reason": reason})


def _order(target: str, name: str, body: dict[str, object]) -> Request[Receipt]:
    return Request("POST", f"{target}/{name}", _as(Receipt), body)


def _path(kind: str, name: str) -> str:
    """The way to one object; a name cannot leave its segment, not even as `..`."""
    return f"{kind}/{quote(name, safe='', errors='replace').replace('.', '%2E')}"


def _of(migration: str | None) -> dict[str, str]:
    return {} if migration is None else {"migrationId": migration}


def _text(plan: str | Path) -> str:
    if isinstance(plan, str):
        return plan
    try:
        return plan.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Unusable(f"{plan} cannot be read: {why}") from error


def _as(kind: type[T]) -> Callable[[Any], T]:
    return lambda found: decoded(kind, found)


def _inner(kind: type[T], name: str) -> Callable[[Any], T]:
    return lambda found: decoded(kind, _member(found, name))


def _all(kind: type[T], name: str) -> Callable[[Any], tuple[T, ...]]:
    return lambda found: tuple(decoded(kind, one) for one in _member(found, name))


def _member(found: object, name: str) -> Any:
    if isinstance(found, dict) and name in found:
        return found[name]
    raise UnexpectedAnswer(f"{name} is not there")
