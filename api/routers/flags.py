"""Flags: listed, read, and set by a person."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Annotated, Literal

from fastapi import Header, Path, Response
from pydantic import Field

from api.auth import Caller, Scope
from api.bodies import Body, Key, Reason
from api.etags import etag, revision_wanted
from api.names import IdempotencyKey
from api.problems import Problem, Refused, documented
from api.repeats import once
from api.route import needs, resource
from api.services import By, Services, The
from crossfade import errors
from crossfade.flags import MOST_OVERRIDES, AttributeCondition, Conditions, Flag, to_definition
from crossfade.percentages import ZERO, json_number, percentage
from crossfade.states import Variant
from store import control, flags, runs
from store.documents import Document
from store.engine import AsyncConnection
from store.run_rows import ADVANCING
from workflows.messages import SetPercentage, rollout_id

router = resource("flags")

NAME = r"^[a-z0-9][a-z0-9._-]{0,127}$"
FlagName = Annotated[str, Path(pattern=NAME)]
FlagKey = Annotated[str, Field(pattern=NAME)]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=200, description="The ETag that was read; else 412.")
]
Scalar = Annotated[str, Field(max_length=1000)] | int | float | bool | None


class AttributeBody(Body):
    """A condition on one attribute of the context."""

    op: Annotated[str, Field(min_length=1, max_length=32)]
    values: list[Scalar] = Field(default_factory=list, max_length=1000)


class ConditionsBody(Body):
    """Who may get candidate at all; everything that is set must hold."""

    environment: Key | None = None
    user_groups: list[Key] = Field(default_factory=list, max_length=1000)
    attributes: dict[Key, AttributeBody] = Field(default_factory=dict, max_length=100)

    def value(self) -> Conditions:
        """The domain's value."""
        attributes = {name: AttributeCondition(one.op, tuple(one.values)) for name, one in self.attributes.items()}
        return Conditions(self.environment, tuple(self.user_groups), attributes)


class FlagBody(Body):
    """What a person sets; what is left out stays as it is."""

    name: Key | None = None
    enabled: bool
    rollout_percentage: Annotated[float, Field(ge=0, le=100, description="0..100 in steps of 0.001")] | None = None
    conditions: ConditionsBody | None = None
    fallback_enabled: bool | None = None
    overrides: Annotated[dict[Key, Literal["legacy", "candidate"]], Field(max_length=MOST_OVERRIDES)] | None = None
    salt: Annotated[Key, Field(description="Flags of one salt choose the same people; fixed above 0 %.")] | None = None
    targeting_key: Annotated[Key, Field(description="The attribute of the context that is hashed.")] | None = None
    reason: Reason = "set by hand"

    def change(self) -> flags.Change:
        """The change of a flag that has no live run."""
        return flags.Change(
            enabled=self.enabled,
            percentage=None if self.rollout_percentage is None else percentage(self.rollout_percentage),
            conditions=self.conditions.value() if self.conditions else None,
            overrides=None if self.overrides is None else {key: Variant(one) for key, one in self.overrides.items()},
            fallback_enabled=self.fallback_enabled,
            salt=self.salt,
            targeting_key=self.targeting_key,
        )


class NewFlagBody(FlagBody):
    """A flag that does not exist yet."""

    name: FlagKey


@router.get("/feature-flags", summary="List the flags", openapi_extra=needs(Scope.READ))
async def list_flags(the: The, by: By) -> dict[str, object]:
    """Every flag of the environment, by name, with the revision they were read at."""
    async with the.database.transaction() as connection:
        snapshot = await flags.snapshot(connection, by.environment)
    return {"revision": snapshot.revision, "flags": [shown(flag) for flag in snapshot.flags]}


@router.get(
    "/feature-flags/{name}",
    summary="Read a flag",
    responses=documented({404}),
    openapi_extra=needs(Scope.READ),
)
async def get_flag(name: FlagName, the: The, by: By, response: Response) -> dict[str, object]:
    """One flag; its ETag goes into If-Match of a later change."""
    async with the.database.transaction() as connection:
        flag = await flags.get(connection, environment=by.environment, name=name)
    response.headers["ETag"] = etag(flag.revision)
    return shown(flag)


@router.post(
    "/feature-flags",
    summary="Make a flag",
    status_code=201,
    responses=documented({409}),
    openapi_extra=needs(Scope.OPERATE),
)
async def make_flag(
    body: NewFlagBody, the: The, by: By, response: Response, key: IdempotencyKey = None
) -> dict[str, object]:
    """A flag without a rollout; 409 where one of that name exists. A migration makes the flags of its components."""
    async with the.database.transaction() as connection:
        made = await once(connection, by, "feature-flags", key, body, partial(_make, connection, by, body))
    response.headers["ETag"] = etag(made["revision"])
    return made


@router.put(
    "/feature-flags/{name}",
    summary="Set a flag",
    responses={201: {"description": "The flag was new."}, **documented({409, 412})},
    openapi_extra=needs(Scope.OPERATE),
)
async def put_flag(
    name: FlagName, body: FlagBody, the: The, by: By, response: Response, if_match: IfMatch = None
) -> dict[str, object]:
    """Set a flag, or make it. On a live rollout the ramp is then held at the percentage until it is resumed.

    Lowering needs Postgres only; raising a live rollout goes through its workflow, 503 while Temporal is away.
    """
    if body.name is not None and body.name != name:
        raise errors.InvalidFlag
    wanted = revision_wanted(if_match)
    order = _Order(the=the, by=by, name=name, body=body, must_exist=if_match is not None, wanted=wanted)
    try:
        flag, is_new = await _put(order)
    except errors.ComponentIsLive:
        flag, is_new = await _steer(order), False
    response.status_code = 201 if is_new else 200
    response.headers["ETag"] = etag(flag.revision)
    return shown(flag)


def shown(flag: Flag) -> dict[str, object]:
    """A flag in the user's words."""
    definition = to_definition(flag)
    return {
        "name": definition.pop("name"),
        "enabled": definition.pop("enabled"),
        "rolloutPercentage": definition.pop("percentage"),
        "servedPercentage": json_number(flag.served_percentage),
        **definition,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    the: Services
    by: Caller
    name: str
    body: FlagBody
    must_exist: bool
    wanted: int | None


async def _make(connection: AsyncConnection, by: Caller, body: NewFlagBody) -> Document:
    await control.lock(connection, by.environment)
    if await flags.find(connection, environment=by.environment, name=body.name) is not None:
        raise errors.FlagExists
    flag = await flags.put(
        connection,
        environment=by.environment,
        name=body.name,
        change=body.change(),
        actor=by.actor,
        reason=body.reason,
    )
    return shown(flag)


async def _put(order: _Order) -> tuple[Flag, bool]:
    """Set a flag that has no live run; also whether it is new."""
    environment = order.by.environment
    async with order.the.database.transaction() as connection:
        await control.lock(connection, environment)
        former = await flags.find(connection, environment=environment, name=order.name)
        if former is None and order.must_exist:  # no tag is the one of nothing, nor is `*` (RFC 9110, 13.1.1)
            raise errors.PreconditionFailed
        flag = await flags.put(
            connection,
            environment=environment,
            name=order.name,
            change=order.body.change(),
            actor=order.by.actor,
            reason=order.body.reason,
            expected_revision=order.wanted,
        )
    return flag, former is None


async def _steer(order: _Order) -> Flag:
    """Hold a live run at another percentage: down at once, up through its workflow."""
    environment = order.by.environment
    async with order.the.database.transaction() as connection:
        state = await control.lock(connection, environment)
        flag = await flags.get(connection, environment=environment, name=order.name)
        _refuse_steering(flag, order)
        target = _target(flag, order.body)
        if target <= flag.served_percentage:
            return await _lower(connection, order, target)
        if state.is_stopped:
            raise errors.Stopped
        await _require_advancing(connection, order)
    message = SetPercentage(percentage=target, actor=order.by.actor, reason=order.body.reason, revision=order.wanted)
    await order.the.temporal.update(rollout_id(environment, order.name), "set_percentage", message)
    async with order.the.database.transaction() as connection:
        return await flags.get(connection, environment=environment, name=order.name)


def _target(flag: Flag, body: FlagBody) -> Decimal:
    if not body.enabled:
        return ZERO
    target = body.change().percentage
    return flag.percentage if target is None else target


async def _lower(connection: AsyncConnection, order: _Order, target: Decimal) -> Flag:
    await runs.lower(
        connection,
        environment=order.by.environment,
        component=order.name,
        percentage=target,
        enabled=order.body.enabled,
        actor=order.by.actor,
        reason=order.body.reason,
    )
    return await flags.get(connection, environment=order.by.environment, name=order.name)


async def _require_advancing(connection: AsyncConnection, order: _Order) -> None:
    """Refuse to raise what is on its way back, before Temporal is asked.

    Raises:
        Fenced: The run rolls back or stops.
    """
    run = await runs.latest(connection, environment=order.by.environment, component=order.name)
    if run is None or run.state not in ADVANCING:
        raise errors.Fenced


def _refuse_steering(flag: Flag, order: _Order) -> None:
    if order.wanted is not None and order.wanted != flag.revision:
        raise errors.PreconditionFailed
    change = order.body.change()
    fixed = flags.apply(flag, replace(change, enabled=None, percentage=None))
    if fixed != flag:
        raise Refused(_FIXED)


_FIXED = Problem(
    status=409,
    kind="rollout-is-live",
    title="A live rollout keeps its conditions, overrides and fallback.",
    detail="Only `enabled` and `rolloutPercentage` can be changed now; the plan sets the rest.",
)
