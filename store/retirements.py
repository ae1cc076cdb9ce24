"""Retired components: their legacy code is gone, so nothing takes their traffic back any more."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crossfade.errors import NotComplete, Retired
from crossfade.percentages import HUNDRED
from crossfade.states import ComponentStatus
from store import audit, components, control, flags
from store.documents import Document
from store.tables import retirements


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """That a component's legacy code is gone: who said so, why and when."""

    environment: str
    component: str
    actor: str
    reason: str
    retired_at: datetime


async def retire(
    connection: AsyncConnection, *, environment: str, component: str, actor: str, reason: str
) -> Retirement:
    """Retires a component for good; said twice, the first one counts. Raises UnknownComponent, NotComplete."""
    await control.lock(connection, environment)
    part = await components.latest(connection, environment=environment, name=component)
    if (done := await find(connection, environment=environment, component=component)) is not None:
        return done
    flag = await flags.get(connection, environment=environment, name=component)
    is_for_some = bool(flag.conditions.user_groups or flag.conditions.attributes)
    is_complete = part.status is ComponentStatus.COMPLETED and flag.served_percentage == HUNDRED and not flag.is_live
    if not is_complete or is_for_some:
        raise NotComplete(component)
    at = await control.now(connection)
    retirement = Retirement(environment=environment, component=component, actor=actor, reason=reason, retired_at=at)
    values = {name: getattr(retirement, name) for name in Retirement.__dataclass_fields__}
    await connection.execute(insert(retirements).values(values))
    await audit.append(connection, entry(retirement))
    return retirement


async def find(connection: AsyncConnection, *, environment: str, component: str) -> Retirement | None:
    """Gives the retirement of a component, if it is retired."""
    mine = (retirements.c.environment == environment, retirements.c.component == component)
    row = (await connection.execute(select(retirements).where(*mine))).mappings().one_or_none()
    return None if row is None else from_row(row)


async def list(connection: AsyncConnection, *, environment: str) -> tuple[Retirement, ...]:  # noqa: A001 - its verb
    """Gives the retirements of an environment by component."""
    query = select(retirements).where(retirements.c.environment == environment).order_by(retirements.c.component)
    return tuple(from_row(row) for row in (await connection.execute(query)).mappings())


async def names(connection: AsyncConnection, environment: str) -> frozenset[str]:
    """Gives the names of the retired components."""
    return frozenset(retirement.component for retirement in await list(connection, environment=environment))


async def refuse(connection: AsyncConnection, *, environment: str, component: str) -> None:
    """Raises Retired where a component has no legacy to go back to."""
    if await find(connection, environment=environment, component=component) is not None:
        raise Retired(component)


def entry(retirement: Retirement) -> audit.Entry:
    """Gives the audit entry of a retirement."""
    return audit.Entry(
        environment=retirement.environment,
        kind="retirement",
        key=retirement.component,
        action="component.retire",
        actor=retirement.actor,
        reason=retirement.reason,
        after=image(retirement),
    )


def image(retirement: Retirement) -> Document:
    """Gives what the audit keeps of a retirement."""
    return {"retiredAt": retirement.retired_at}


def from_row(row: RowMapping) -> Retirement:
    """Reads a row."""
    return Retirement(**{name: row[name] for name in Retirement.__dataclass_fields__})
