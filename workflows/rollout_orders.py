"""What a rollout is told and asked: its state with the signals, updates and queries that act on it.

Signal handlers only set state; an update that must write does so under the lock `writing`. The loop of `Rollout` sees
every change by `version`.
"""

import asyncio
from decimal import Decimal

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.rollouts import Order, Publish, RolloutActivities, RunRef
from crossfade.states import ComponentStatus
from workflows import situation as seen
from workflows.effects import WRITE
from workflows.messages import (
    Approve,
    Control,
    Hold,
    Observed,
    Promote,
    RollBack,
    RolledBack,
    RolloutInput,
    RolloutState,
    SetPercentage,
)

FULL = Decimal(100)
HISTORY_KEPT = 100


class RolloutOrders:
    """The state of one rollout and everything that may change it from outside."""

    def __init__(self, order: RolloutInput) -> None:
        self.order = order
        self.plan = order.component
        self.state = order.state or RolloutState(paused=order.paused)
        self.version = 0
        self.told: tuple[ComponentStatus, str] | None = None
        self.writing = asyncio.Lock()

    @workflow.signal
    def pause(self, order: Control) -> None:
        """Stop advancing and the hold clock; judging goes on."""
        self._remember(f"paused by {order.actor}: {order.reason}")
        self.state.paused = True

    @workflow.signal
    def resume(self, order: Control) -> None:
        """Go on: after a pause where it stood, after a percentage by hand from the last step at or below it."""
        self._remember(f"resumed by {order.actor}: {order.reason}")
        self.state.paused = False
        self.state.resuming = order

    @workflow.signal
    def roll_back(self, order: RollBack) -> None:
        """Take the component back to legacy for everybody."""
        if self.state.rollback is None or self.state.rollback.rollback_id is None:
            self._remember(f"rollback asked for by {order.actor}: {order.reason}")
            self.state.rollback = order

    @workflow.signal
    def emergency_stop(self, order: Control) -> None:
        """Every component of the migration to legacy, at once."""
        if self.state.stop is None:
            self._remember(f"emergency stop by {order.actor}: {order.reason}")
            self.state.stop = order

    @workflow.signal
    def rolled_back(self, news: RolledBack) -> None:
        """The steps of the rollback have ended."""
        self._remember(f"rollback ended: {news.state}")
        self.state.rolled_back = news

    @workflow.signal
    def hold(self, order: Hold) -> None:
        """A person has lowered the percentage; Postgres serves it already."""
        self._remember(f"held at {order.percentage} % by {order.actor}: {order.reason}")
        self.state.held = True
        self.state.percentage = order.percentage

    @workflow.signal
    def observe(self, news: Observed) -> None:
        """Take the monitor's judgement."""
        self.version += 1
        self.state.observed = news

    @workflow.update
    async def set_percentage(self, order: SetPercentage) -> str:
        """Serve this percentage and hold there until resumed."""
        await workflow.wait_condition(lambda: bool(self.state.run_id) or self._interrupted)
        async with self.writing:
            self._refuse_when_ending()
            published = await workflow.execute_activity_method(
                RolloutActivities.set_percentage,
                self._publication(self.state.step, order.percentage, order.reason, order.actor),
                **WRITE,
            )
        self._remember(f"set to {order.percentage} % by {order.actor}: {order.reason}")
        self.state.held = True
        self.state.percentage = published.percentage
        return f"{published.percentage} %, held until resumed"

    @set_percentage.validator
    def _check_set_percentage(self, order: SetPercentage) -> None:
        self._refuse_when_ending()
        if not 0 <= order.percentage <= FULL or order.percentage != round(order.percentage, 3):
            raise ApplicationError("a percentage is a number from 0 to 100 in steps of 0.001", type="InvalidPercentage")

    @workflow.update
    async def promote(self, order: Promote) -> str:
        """Go to the next step, skipping hold time, minimum sample and approval."""
        await self._record("promote", order.actor, order.reason)
        self._remember(f"promoted by {order.actor}: {order.reason}")
        self.state.promoted = True
        return f"on the way to {seen.next_step_words(self.plan, self.state)}"

    @promote.validator
    def _check_promote(self, order: Promote) -> None:
        del order
        self._refuse_when_ending()
        if self.state.held or self.state.paused:
            raise ApplicationError("the rollout is paused or held: resume it first", type="NotWaiting")

    @workflow.update
    async def approve(self, order: Approve) -> str:
        """Consent to the next step."""
        step = self.state.step + 1
        await self._record("approve", order.actor, order.reason)
        if self.state.step + 1 == step:
            self._remember(f"step {step} approved by {order.actor}: {order.reason}")
            self.state.approvals.append(order.actor)
        return f"step {step} approved"

    @approve.validator
    def _check_approve(self, order: Approve) -> None:
        self._refuse_when_ending()
        approval = seen.approval_of(self.plan, self.state)
        if approval is None or order.step not in {None, self.state.step + 1}:
            raise ApplicationError("no approval of that step is wanted now", type="NotWaiting")
        if approval.reason_required and not order.reason.strip():
            raise ApplicationError(f"approval {approval.name} needs a reason", type="ReasonRequired")

    @workflow.query(name="state")
    def current_state(self) -> RolloutState:
        """Say where the rollout stands."""
        return self.state

    @workflow.query
    def history(self) -> list[str]:
        """Say what has happened, oldest first."""
        return self.state.history

    @property
    def _interrupted(self) -> bool:
        return self.state.stop is not None or self.state.rollback is not None

    def _refuse_when_ending(self) -> None:
        if self._interrupted:
            raise ApplicationError("the component is on its way back to legacy", type="NotWaiting")

    def _run(self) -> RunRef:
        return RunRef(run_id=self.state.run_id, epoch=self.state.epoch)

    def _effect(self, purpose: str) -> str:
        self.state.sequence += 1
        return f"{self.state.run_id}/{self.state.sequence}/{purpose}"

    def _publication(self, step: int, percentage: Decimal, reason: str, actor: str = "crossfade") -> Publish:
        effect = self._effect(f"step {step} at {percentage}")
        return Publish(run=self._run(), step=step, percentage=percentage, actor=actor, reason=reason, effect=effect)

    async def _record(self, action: str, actor: str, reason: str) -> None:
        order = Order(
            run=self._run(),
            step=self.state.step,
            action=action,
            actor=actor,
            reason=reason,
            effect=self._effect(action),
        )
        await workflow.execute_activity_method(RolloutActivities.record, order, summary=action, **WRITE)

    def _remember(self, event: str) -> None:
        self.version += 1
        self.state.history.append(f"{workflow.now():%Y-%m-%d %H:%M:%S} {event}")
        del self.state.history[:-HISTORY_KEPT]
