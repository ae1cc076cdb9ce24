"""A fault of the demonstration: which candidate breaks, and the rollback that must follow."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from crossfade.states import ComponentStatus, RollbackTrigger
from local.errors import Refused
from local.view import ComponentView, RollbackView

AT_PERCENTAGE = 50
WRONG = "wrong"
# The metric of the guardrail that must find each; what is wrong is found by the comparison of the answers.
METRICS = {
    "errors": "errorRate",
    "slow": "responseTime.p95",
    "memory": "memoryUsage",
    "drops": "connectionDropRate",
}
KINDS = (*METRICS, WRONG)


@dataclass(frozen=True, slots=True)
class Fault:
    """`COMPONENT:KIND`: calls fail, are slow, leak memory, connections break, or answers are altered."""

    component: str
    kind: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The fault of a command line; ValueError for another form."""
        component, _, kind = text.partition(":")
        if not component or kind not in KINDS:
            raise ValueError(text)
        return cls(component, kind)

    def ensure_supported(self, supported: Mapping[str, Collection[str]]) -> None:
        """Refused unless the application has this component and it can break like this."""
        able = supported.get(self.component, ())
        if self.kind not in able:
            raise Refused(f"{self.component} can have the faults {', '.join(able) or 'none'}, not {self.kind}")

    def is_due(self, component: ComponentView) -> bool:
        """Whether this component is in its hold at 50 %, long enough for the fault to be judged."""
        return component.name == self.component and component.percentage == AT_PERCENTAGE

    def is_past(self, component: ComponentView) -> bool:
        """Whether the component has begun that hold already, or is beyond it."""
        if component.name != self.component:
            return False
        return component.percentage >= AT_PERCENTAGE or component.status is ComponentStatus.COMPLETED

    def explains(self, rollback: RollbackView) -> bool:
        """Whether this fault is the reason of the rollback: the guardrail of its metric, or the comparison."""
        if rollback.component != self.component:
            return False
        if self.kind == WRONG:
            return rollback.trigger is RollbackTrigger.VALIDATION
        metric = METRICS[self.kind]
        return rollback.trigger is RollbackTrigger.THRESHOLD and rollback.evidence.get("metric") == metric
