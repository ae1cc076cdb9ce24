"""A plan as people write it: the keys that exist and the form of each value."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from crossfade.plan.quantities import Duration, Lasting
from crossfade.plan.resolved import HoldOrRollback, OnComponentRollback
from crossfade.plan.section import Line, Name, Section, SeverityWord, Text
from crossfade.plan.settings import Metrics, Settings, Steps

# The schema describes the text, in which ${NAME} may still stand for an address or the environment.
Url = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/?#]+[^\s]*$", max_length=2000),
    WithJsonSchema({"type": "string", "pattern": r"^(https?://|\$\{)[^\s]+$", "maxLength": 2000}),
]
EnvironmentName = Annotated[
    Name, WithJsonSchema({"type": "string", "pattern": r"^([a-z0-9]|\$\{)[A-Za-z0-9._\-${}]{0,255}$"})
]
Roles = Annotated[list[Literal["operator", "admin"]], Field(min_length=1)]
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Metadata(Section):
    """What the plan is called and whose it is."""

    name: Name
    owner: Line = ""
    description: Text = ""


class Source(Section):
    """Where metrics come from."""

    type: Literal["events", "prometheus"]
    url: Url | None = None
    timeout: Lasting | None = None


class Channel(Section):
    """Where notices go."""

    type: Literal["webhook"]
    url: Url


class Approval(Section):
    """Whose consent a step may ask for."""

    required: Annotated[int, Field(ge=1, le=20)] = 1
    roles: Annotated[Roles | None, Field(alias="from")] = None
    reason_required: bool = False
    expires_after: Lasting | None = None
    on_expire: HoldOrRollback = "hold"


class Escalation(Section):
    """Who is told, and when."""

    severity: Annotated[list[SeverityWord], Field(min_length=1)]
    after: Duration
    notify: Annotated[list[Name], Field(min_length=1)]
    unless: Literal["acknowledged"] | None = None


class CalendarWindow(Section):
    """Hours in which a percentage may rise."""

    days: Annotated[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1)]
    begins: Annotated[Clock, Field(alias="from")]
    ends: Annotated[Clock, Field(alias="to")]


class Calendar(Section):
    """When percentages may rise."""

    timezone: Line = "UTC"
    allow: Annotated[list[CalendarWindow], Field(min_length=1)]


class Component(Settings):
    """The unit that is migrated; its flag has the same name."""

    name: Name
    depends_on: list[Name] = Field(default_factory=list)


class Check(Section):
    """A check across components; `target` is a name in the server's configuration."""

    name: Name
    type: Literal["http"]
    target: Name
    expect_status: Annotated[int, Field(ge=100, le=599)] = 200
    timeout: Lasting | None = None


class Gate(Section):
    """What a phase passes before it ends."""

    checks: Annotated[list[Check], Field(alias="validate", max_length=50)]


class Phase(Section):
    """An ordered part of the plan."""

    name: Name
    depends_on: list[Name] = Field(default_factory=list)
    components: Annotated[list[Component], Field(min_length=1, max_length=1000)]
    gate: Gate | None = None


class Templates(Section):
    """Named ramps and lists of thresholds."""

    ramps: dict[Name, Steps] = Field(default_factory=dict)
    thresholds: dict[Name, Metrics] = Field(default_factory=dict)


class Policy(Section):
    """Rules over all components."""

    max_components_ramping: Annotated[int, Field(ge=1, le=1000)] = 1
    on_component_rollback: Annotated[OnComponentRollback, Field(strict=False)] = OnComponentRollback.PAUSE_PHASE


class MigrationPlan(Section):
    """The whole file."""

    api_version: Literal["crossfade/v1"]
    kind: Literal["MigrationPlan"]
    metadata: Metadata
    environment: EnvironmentName
    sources: dict[Name, Source] = Field(default_factory=dict)
    channels: dict[Name, Channel] = Field(default_factory=dict)
    templates: Templates = Templates()
    approvals: dict[Name, Approval] = Field(default_factory=dict)
    escalation: list[Escalation] = Field(default_factory=list)
    calendar: Calendar | None = None
    defaults: Settings = Settings()
    policy: Policy = Policy()
    phases: Annotated[list[Phase], Field(min_length=1, max_length=100)]
