"""A fault of the demonstration: which candidate breaks, and the rollback that must follow."""

from dataclasses import dataclass
from typing import Self

from crossfade.states import ComponentStatus, RollbackTrigger
from local.view import ComponentView, RollbackView

KINDS = ("errors", "wrong")
AT_PERCENTAGE = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """`COMPONENT:errors` fails calls, `COMPONENT:wrong` alters answers."""

    component: str
    kind: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The fault of a command line; ValueError for another form."""
        component, _, kind = text.partition(":")
        if not component or kind not in KINDS:
            raise ValueError(text)
        return cls(component, kind)

    def is_due(self, component: ComponentView) -> bool:
        """Whether this component is in its hold at 50 %, long enough for the fault to be judged."""
        return component.name == self.component and component.percentage == AT_PERCENTAGE

    def is_past(self, component: ComponentView) -> bool:
        """Whether the component has begun that hold already, or is beyond it."""
        if component.name != self.component:
            return False
        return component.percentage >= AT_PERCENTAGE or component.status is ComponentStatus.COMPLETED

    def explains(self, rollback: RollbackView) -> bool:
        """Whether this fault is the reason of the rollback: the error guardrail, or the comparison."""
        if rollback.component != self.component:
            return False
        if self.kind == "wrong":
            return rollback.trigger is RollbackTrigger.VALIDATION
        return rollback.trigger is RollbackTrigger.THRESHOLD and rollback.evidence.get("metric") == "errorRate"
