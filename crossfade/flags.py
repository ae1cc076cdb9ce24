"""What a flag is: who gets candidate, under which conditions, up to which ceiling."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeAlias

from crossfade.errors import InvalidFlag
from crossfade.members import array, mapping, member
from crossfade.percentages import HUNDRED, ZERO, json_number, percentage
from crossfade.states import Variant

Scalar: TypeAlias = str | int | float | bool | None
"""A JSON value that is neither an array nor an object."""

Context: TypeAlias = Mapping[str, object]
"""Who asks: `{"targetingKey": "u-17", "userGroups": ["beta-testers"], "country": "DE"}`."""

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
TARGETING_KEY = "targetingKey"
MOST_OVERRIDES = 1000


class Reason(StrEnum):
    """Why an evaluation came out as it did: OpenFeature's reasons, then its error codes."""

    STATIC = "STATIC"
    DEFAULT = "DEFAULT"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DISABLED = "DISABLED"
    STALE = "STALE"
    ERROR = "ERROR"
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    INVALID_CONTEXT = "INVALID_CONTEXT"

    @property
    def is_error(self) -> bool:
        """Whether the answer is legacy because something was wrong with the question."""
        return self in _ERRORS


_ERRORS = frozenset(
    {
        Reason.ERROR,
        Reason.FLAG_NOT_FOUND,
        Reason.TARGETING_KEY_MISSING,
        Reason.TYPE_MISMATCH,
        Reason.INVALID_CONTEXT,
    }
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answer for one context.

    `cohort` is "candidate" or "control" where chance decided and the key belongs to the
    comparison, else None.
    """

    variant: Variant
    reason: Reason
    revision: int
    cohort: str | None = None

    @property
    def is_candidate(self) -> bool:
        """Whether candidate serves."""
        return self.variant is Variant.CANDIDATE


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """What one attribute of the context must be; operators are in `crossfade.conditions`."""

    op: str
    values: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True)
class Conditions:
    """Who may get candidate at all; everything that is set must hold."""

    environment: str | None = None
    user_groups: tuple[str, ...] = ()
    attributes: Mapping[str, AttributeCondition] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.environment is not None or self.user_groups or self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag as it was published at one revision.

    `salt` defaults to the name. `targeting_key` names the attribute of the context that is
    hashed; where that is missing, "targetingKey" is. `is_live` says that a run is live, so
    that evaluators serve legacy once they have lost touch. `shadow_share` is the share of
    the calls (0..1) on which a `Comparison` runs the other side.
    """

    name: str
    environment: str
    enabled: bool = True
    percentage: Decimal = ZERO
    ceiling: Decimal = HUNDRED
    conditions: Conditions = field(default_factory=Conditions)
    overrides: Mapping[str, Variant] = field(default_factory=dict)
    fallback_enabled: bool = True
    salt: str = ""
    targeting_key: str = TARGETING_KEY
    revision: int = 0
    epoch: int = 0
    is_live: bool = False
    shadow_share: Decimal = ZERO

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise InvalidFlag("the name must match ^[a-z0-9][a-z0-9._-]{0,127}$")
        if len(self.overrides) > MOST_OVERRIDES:
            raise InvalidFlag(f"more than {MOST_OVERRIDES} overrides")
        if not (self.revision >= 0 and self.epoch >= 0):
            raise InvalidFlag("revision and epoch are not negative")
        if not (self.shadow_share.is_finite() and 0 <= self.shadow_share <= 1):
            raise InvalidFlag("the shadow share lies in 0..1")
        object.__setattr__(self, "percentage", percentage(self.percentage))
        object.__setattr__(self, "ceiling", percentage(self.ceiling))
        object.__setattr__(self, "salt", _sayable(self.salt or self.name))
        object.__setattr__(self, "targeting_key", self.targeting_key or TARGETING_KEY)

    @property
    def is_stopped(self) -> bool:
        """Whether it serves legacy to everybody, overrides included: disabled, or under a ceiling of 0."""
        return not self.enabled or not self.ceiling

    @property
    def served_percentage(self) -> Decimal:
        """The percentage that is really served."""
        return min(self.percentage, self.ceiling) if self.enabled else ZERO


def _sayable(salt: str) -> str:
    try:
        salt.encode()
    except UnicodeEncodeError:
        raise InvalidFlag("the salt holds a lone surrogate") from None
    return salt


def to_definition(flag: Flag) -> dict[str, object]:
    """The flag as a JSON object in camelCase; percentages are JSON numbers that read back exactly."""
    return {
        "name": flag.name,
        "environment": flag.environment,
        "enabled": flag.enabled,
        "percentage": json_number(flag.percentage),
        "ceiling": json_number(flag.ceiling),
        "conditions": to_conditions(flag.conditions),
        "overrides": {key: variant.value for key, variant in flag.overrides.items()},
        "fallbackEnabled": flag.fallback_enabled,
        "salt": flag.salt,
        "targetingKey": flag.targeting_key,
        "revision": flag.revision,
        "epoch": flag.epoch,
        "isLive": flag.is_live,
        "shadowShare": json_number(flag.shadow_share),
    }


def from_definition(definition: object) -> Flag:
    """The flag that a JSON object describes; unknown members are left aside, so that newer servers are understood.

    Raises:
        InvalidFlag: A member is missing, of another type, or out of range.
    """
    members = mapping(definition, "the definition")
    return Flag(
        name=member(members, "name", str),
        environment=member(members, "environment", str),
        enabled=member(members, "enabled", bool),
        percentage=_percentage(members, "percentage"),
        ceiling=_percentage(members, "ceiling"),
        conditions=from_conditions(members.get("conditions", {})),
        overrides=_overrides(members.get("overrides", {})),
        fallback_enabled=member(members, "fallbackEnabled", bool),
        salt=member(members, "salt", str),
        targeting_key=member(members, "targetingKey", str, "targetingKey"),
        revision=member(members, "revision", int),
        epoch=member(members, "epoch", int),
        is_live=member(members, "isLive", bool),
        shadow_share=_share(members.get("shadowShare", 0)),
    )


def to_conditions(conditions: Conditions) -> dict[str, object]:
    """Conditions as a JSON object; what is not set is left out."""
    members: dict[str, object] = {}
    if conditions.environment is not None:
        members["environment"] = conditions.environment
    if conditions.user_groups:
        members["userGroups"] = list(conditions.user_groups)
    if conditions.attributes:
        members["attributes"] = {
            name: {"op": condition.op, "values": list(condition.values)}
            for name, condition in conditions.attributes.items()
        }
    return members


def from_conditions(value: object) -> Conditions:
    """The conditions that a JSON object describes.

    Raises:
        InvalidFlag: Not of that shape.
    """
    members = mapping(value, "conditions")
    environment = members.get("environment")
    if not isinstance(environment, str | None):
        raise InvalidFlag("conditions.environment is not text")
    groups = array(members.get("userGroups", ()), "conditions.userGroups")
    if not all(isinstance(group, str) for group in groups):
        raise InvalidFlag("conditions.userGroups are not texts")
    attributes = mapping(members.get("attributes", {}), "conditions.attributes")
    return Conditions(
        environment=environment,
        user_groups=tuple(str(group) for group in groups),
        attributes={name: _attribute(name, condition) for name, condition in attributes.items()},
    )


def _attribute(name: str, value: object) -> AttributeCondition:
    members = mapping(value, f"conditions.attributes.{name}")
    values = array(members.get("values", ()), f"conditions.attributes.{name}.values")
    return AttributeCondition(op=member(members, "op", str), values=tuple(_scalar(name, item) for item in values))


def _scalar(name: str, value: object) -> Scalar:
    if isinstance(value, Decimal):  # a reader that keeps numbers exact
        return float(value)
    if isinstance(value, str | int | float | bool | None):
        return value
    raise InvalidFlag(f"conditions.attributes.{name}.values hold an array or object")


def _overrides(value: object) -> dict[str, Variant]:
    try:
        return {key: Variant(str(variant)) for key, variant in mapping(value, "overrides").items()}
    except ValueError:
        raise InvalidFlag("an override is neither legacy nor candidate") from None


def _percentage(members: Mapping[str, object], name: str) -> Decimal:
    return percentage(_number(members.get(name), name))


def _share(value: object) -> Decimal:
    number = _number(value, "shadowShare")
    try:
        return number if isinstance(number, Decimal) else Decimal(str(number))
    except InvalidOperation:
        raise InvalidFlag("shadowShare is not a number") from None


def _number(value: object, name: str) -> Decimal | int | float:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
        raise InvalidFlag(f"{name} is not a number")
    return value
