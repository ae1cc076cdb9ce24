"""A generated plan of any size: phases in two lanes, three steps each, an approval here and there."""

import json
from dataclasses import dataclass

LANES = 2
RAMPING = 10
APPROVED_EVERY = 10
HOLDS = (1.0, 2.0, 3.0)  # seconds at 10, 50 and 100 %
BAKE = 1.0
BROKEN_HOLD = 10.0  # the component that is to fail stays at 50 % for longer than it takes to find out
APPROVAL = "release"
NAME = "scale"


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to migrate."""

    components: int
    phases: int

    @property
    def names(self) -> tuple[str, ...]:
        """The components in the order of the plan."""
        return tuple(f"component-{number:03}" for number in range(1, self.components + 1))

    @property
    def broken(self) -> str:
        """The component whose candidate is to fail: one in the middle that nobody has to approve."""
        middle = self.components // 2
        return self.names[middle if (middle + 1) % APPROVED_EVERY else middle - 1]

    def phase(self, number: int) -> tuple[str, ...]:
        """The components of a phase, counted from 0."""
        return self.names[number * self.components // self.phases : (number + 1) * self.components // self.phases]


def plan_text(size: Size) -> str:
    """The plan as JSON, which is YAML."""
    plan = {
        "apiVersion": "crossfade/v1",
        "kind": "MigrationPlan",
        "metadata": {"name": NAME, "description": f"{size.components} components in {size.phases} phases"},
        "environment": "production",
        "templates": {
            "ramps": {
                "quick": _steps(hold=HOLDS[1]),
                "approved": _steps(hold=HOLDS[1], approval=APPROVAL),
                "broken": _steps(hold=BROKEN_HOLD),
            },
            "thresholds": {"guardrails": _THRESHOLDS},
        },
        "approvals": {APPROVAL: {"reasonRequired": True, "expiresAfter": "1h", "onExpire": "hold"}},
        "defaults": _DEFAULTS,
        "policy": {"maxComponentsRamping": RAMPING, "onComponentRollback": "pausePhase"},
        "phases": [_phase(size, number) for number in range(size.phases)],
    }
    return json.dumps(plan)


def holds(size: Size) -> dict[str, tuple[float, ...]]:
    """The seconds that each component holds at each of its steps."""
    return {name: (HOLDS[0], BROKEN_HOLD if name == size.broken else HOLDS[1], HOLDS[2]) for name in size.names}


def _phase(size: Size, number: int) -> dict[str, object]:
    before = {"dependsOn": [f"phase-{number - LANES + 1:02}"]} if number >= LANES else {}
    components = [{"name": name, **_ramp(size, name)} for name in size.phase(number)]
    return {"name": f"phase-{number + 1:02}", **before, "components": components}


def _ramp(size: Size, name: str) -> dict[str, object]:
    if name == size.broken:
        return {"ramp": {"template": "broken"}}
    is_approved = (size.names.index(name) + 1) % APPROVED_EVERY == 0
    return {"ramp": {"template": "approved"}} if is_approved else {}


def _steps(*, hold: float, approval: str | None = None) -> list[dict[str, object]]:
    approved = {"approval": approval} if approval else {}
    return [
        {"percentage": 10, "hold": f"{HOLDS[0]:g}s", "minSample": 10},
        {"percentage": 50, "hold": f"{hold:g}s", "minSample": 50},
        {"percentage": 100, "hold": f"{HOLDS[2]:g}s", "minSample": 50, "validate": ["data-consistency"], **approved},
    ]


_THRESHOLDS = [
    {"name": "error-rate", "metric": "errorRate", "max": "1%", "window": "1m", "action": "rollback"},
    {
        "name": "latency-p95",
        "metric": "responseTime.p95",
        "max": 500,
        "unit": "ms",
        "window": "1m",
        "action": "rollback",
    },
    {"name": "memory", "metric": "memoryUsage", "max": "90%", "window": "1m", "action": "rollback", "failureLimit": 2},
    {
        "name": "latency-vs-legacy",
        "metric": "responseTime.p95",
        "compare": "legacy",
        "max": "+25%",
        "window": "1m",
        "role": "observe",
    },
]
_DEFAULTS = {
    "flag": {"fallbackEnabled": True, "conditions": {"environment": "production"}},
    "ramp": {"template": "quick"},
    "thresholds": {"template": "guardrails", "required": "auto", "noData": "hold", "noDataGrace": "30s"},
    "validation": {
        "data-consistency": {
            "type": "shadow-compare",
            "sample": 60,
            "maxMismatch": "5%",
            "confidence": 0.95,
            "timeout": "2m",
            "onFail": "rollback",
        }
    },
    "rollback": {
        "steps": ["disable_flag", "restore_configuration", "validate", "notify"],
        "cooldown": "1s",
        "maxAttempts": 2,
    },
    "bake": f"{BAKE:g}s",
}
