"""What a rollout is told and asked: its state with the signals, updates and queries that act on it.

A handler sets state first and writes afterwards, under the lock `writing` where the percentage is concerned. The loop
of `Rollout` sees every change by `version`.
"""

import asyncio
from dataclasses import replace
from decimal import Decimal

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.rollouts import Order, Publish, Published, RolloutActivities, RunRef
from crossfade.decisions import Gate
from crossfade.states import ComponentStatus, RunState
from workflows import situation as seen
from workflows.effects import WRITE, refusal
from workflows.messages import (
    Approve,
    Control,
    Hold,
    Observed,
    PauseLevel,
    Promote,
    RollBack,
    RolledBack,
    RolloutInput,
    RolloutState,
    SetPercentage,
)
from workflows.pauses import is_new

FULL = Decimal(100)
HISTORY_KEPT = 100


class RolloutOrders:
    """The state of one rollout and everything that may change it from outside."""

    def __init__(self, order: RolloutInput) -> None:
        self.order = order
        self.plan = order.component
        self.state = order.state or RolloutState(pauses=dict(order.pauses))
        self.version = 0
        self.told: tuple[ComponentStatus, str] | None = None
        self.writing = asyncio.Lock()
        self.is_over = False

    @workflow.signal
    async def pause(self, order: Control) -> None:
        """Stop advancing and the hold clock; judging goes on."""
        if not is_new(order, self.state.orders):
            return
        level = order.level or PauseLevel.COMPONENT
        self._remember(_sentence("paused", order, level))
        self.state.pauses.setdefault(level, order)
        if level is PauseLevel.COMPONENT:
            await self._record("pause", order.actor, order.reason, order.order_id)

    @workflow.signal
    async def resume(self, order: Control) -> None:
        """Go on: after a pause where it stood, after a percentage by hand from the last step at or below it.

        A pause of the phase or of the migration stays until that is resumed.
        """
        if not is_new(order, self.state.orders):
            return
        level = order.level or PauseLevel.COMPONENT
        self._remember(_sentence("resumed", order, level))
        self.state.pauses.pop(level, None)
        if not self.state.pauses:
            self.state.approval_asked_at = None
        if level is PauseLevel.COMPONENT:
            self.state.resuming = order
            await self._record("resume", order.actor, order.reason, order.order_id)

    @workflow.signal
    def roll_back(self, order: RollBack) -> None:
        """Take the component back to legacy for everybody."""
        if self._is_for_another_run(order):
            return
        if self.state.rollback is None or self.state.rollback.rollback_id is None:
            self._remember(f"rollback asked for by {order.actor}: {order.reason}")
            self.state.rollback = order

    @workflow.signal
    def emergency_stop(self, order: Control) -> None:
        """Every component of the migration to legacy, at once."""
        if self.state.stop is None and not self._is_for_another_run(order):
            self._remember(f"emergency stop by {order.actor}: {order.reason}")
            self.state.stop = order

    @workflow.signal
    def rolled_back(self, news: RolledBack) -> None:
        """The steps of the rollback have ended."""
        if self._is_for_another_run(news):
            return
        self._remember(f"rollback ended: {news.state}")
        self.state.rolled_back = news

    @workflow.signal
    async def hold(self, order: Hold) -> None:
        """Stay here, or at a lower percentage, until resumed."""
        self.state.held = True
        self._remember(_sentence(_hold_words(order), order))
        try:
            await self._hold_at(order)
        except ActivityError as error:
            if refusal(error) is None:
                raise
            self._remember(f"the hold came too late: {error.cause}")

    @workflow.update(name="hold")
    async def hold_and_tell(self, order: Hold) -> str:
        """Do the same and answer once Postgres holds there."""
        self.state.held = True
        self._remember(_sentence(_hold_words(order), order))
        await self._hold_at(order)
        self._refuse_when_ending()
        return f"held at {self.state.percentage} % until resumed"

    @hold_and_tell.validator
    def _check_hold(self, order: Hold) -> None:
        self._refuse_when_ending()
        if order.percentage is not None:
            self._check_percentage(order.percentage)

    @workflow.signal
    def observe(self, news: Observed) -> None:
        """Take the monitor's judgement, unless a newer one has overtaken it."""
        if self.state.observed is None or news.at >= self.state.observed.at:
            self.version += 1
            self.state.observed = news

    @workflow.update
    async def set_percentage(self, order: SetPercentage) -> str:
        """Serve this percentage and hold there until resumed."""
        await self._has_begun()
        async with self.writing:
            self._refuse_when_ending()
            published = await self._serve_by_hand(order.percentage, order.reason, order.actor, order.revision)
            self.state.held = True
            self.state.percentage = published.percentage
            self._remember(_sentence(f"set to {published.percentage} %", order))
        return f"{published.percentage} %, held until resumed"

    @set_percentage.validator
    def _check_set_percentage(self, order: SetPercentage) -> None:
        self._refuse_when_ending()
        self._check_percentage(order.percentage)

    @workflow.update
    async def promote(self, order: Promote) -> str:
        """Go to the next step, skipping hold time, minimum sample and approval."""
        await self._has_begun()
        asked, words = (self.state.step, self.state.baking), seen.next_step_words(self.plan, self.state)
        await self._record("promote", order.actor, order.reason)
        if (self.state.step, self.state.baking) == asked:  # else it went there by itself meanwhile
            self._remember(_sentence("promoted", order))
            self.state.promoted = True
        return f"on the way to {words}"

    @promote.validator
    def _check_promote(self, order: Promote) -> None:
        del order
        self._refuse_when_ending()
        if self.state.held or self.state.pauses:
            raise ApplicationError("the rollout is paused or held: resume it first", type="NotWaiting")

    @workflow.update
    async def approve(self, order: Approve) -> str:
        """Consent to the next step."""
        await self._has_begun()
        step = self.state.step + 1
        await self._record("approve", order.actor, order.reason)
        if self.state.step + 1 == step:
            self._remember(_sentence(f"step {step} approved", order))
            self.state.approvals.append(order.actor)
        return f"step {step} approved"

    @approve.validator
    def _check_approve(self, order: Approve) -> None:
        self._refuse_when_ending()
        approval = seen.approval_of(self.plan, self.state)
        if approval is None or order.step not in {None, self.state.step + 1}:
            raise ApplicationError("no approval of that step is wanted now", type="NotWaiting")
        if seen.approval_gate(self.plan, self.state, workflow.now()) is Gate.FAILED:
            raise ApplicationError("the request has expired: resume, and it is asked again", type="ApprovalExpired")
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

    def _is_for_another_run(self, news: Control | RollBack | RolledBack) -> bool:
        """Whether it was on its way while an earlier attempt ended; what comes before the run has begun is kept."""
        return bool(news.run_id and self.state.run_id) and news.run_id != self.state.run_id

    def _forget_news_of_other_runs(self) -> None:
        state = self.state
        state.rollback = None if state.rollback and self._is_for_another_run(state.rollback) else state.rollback
        state.stop = None if state.stop and self._is_for_another_run(state.stop) else state.stop
        state.rolled_back = (
            None if state.rolled_back and self._is_for_another_run(state.rolled_back) else state.rolled_back
        )

    def _refuse_when_ending(self) -> None:
        if self._interrupted or self.is_over:
            why = "its rollout has ended" if self.is_over else "it is on its way back to legacy"
            raise ApplicationError(f"the component takes no order: {why}", type="NotWaiting")

    def _check_percentage(self, percentage: Decimal) -> None:
        if not 0 <= percentage <= FULL or percentage != round(percentage, 3):
            raise ApplicationError("a percentage is a number from 0 to 100 in steps of 0.001", type="InvalidPercentage")

    async def _has_begun(self) -> None:
        """Wait for the run: an order may come with the start of the workflow."""
        await workflow.wait_condition(lambda: bool(self.state.run_id) or self.is_over)
        self._refuse_when_ending()

    async def _hold_at(self, order: Hold) -> None:
        """Make Postgres and the workflow agree on what is held."""
        await workflow.wait_condition(lambda: bool(self.state.run_id) or self.is_over)
        async with self.writing:
            if self._interrupted or self.is_over:
                return
            if order.is_served:
                view = await workflow.execute_activity_method(
                    RolloutActivities.look, self._run(), summary="look what is held", **WRITE
                )
                self.state.held, self.state.percentage = view.state is RunState.HELD, view.percentage
            else:
                present = self.state.percentage
                target = present if order.percentage is None else min(order.percentage, present)
                published = await self._serve_by_hand(target, order.reason, order.actor)
                self.state.held, self.state.percentage = True, published.percentage
            self._remember(f"holds at {self.state.percentage} %" if self.state.held else "holds no longer")

    async def _serve_by_hand(
        self, percentage: Decimal, reason: str, actor: str, revision: int | None = None
    ) -> Published:
        publication = self._publication(self.state.step, percentage, reason, actor)
        return await workflow.execute_activity_method(
            RolloutActivities.set_percentage,
            replace(publication, revision=revision),
            summary=f"set {percentage} % by hand",
            **WRITE,
        )

    def _run(self) -> RunRef:
        return RunRef(run_id=self.state.run_id, epoch=self.state.epoch)

    def _effect(self, purpose: str) -> str:
        self.state.sequence += 1
        return f"{self.state.run_id}/{self.state.sequence}/{purpose}"

    def _publication(self, step: int, percentage: Decimal, reason: str, actor: str = "crossfade") -> Publish:
        effect = self._effect(f"step {step} at {percentage}")
        return Publish(run=self._run(), step=step, percentage=percentage, actor=actor, reason=reason, effect=effect)

    async def _record(self, action: str, actor: str, reason: str, order_id: str = "") -> None:
        """Write an order into the audit, once."""
        await workflow.wait_condition(lambda: bool(self.state.run_id) or self.is_over)
        if not self.state.run_id:
            return
        order = Order(
            run=self._run(),
            step=self.state.step,
            action=action,
            actor=actor,
            reason=reason,
            effect=f"{self.state.run_id}/order/{order_id}" if order_id else self._effect(action),
        )
        await workflow.execute_activity_method(
            RolloutActivities.record, order, summary=f"{action} by {actor}: to the audit log", **WRITE
        )

    def _remember(self, event: str) -> None:
        self.version += 1
        self.state.history.append(f"{workflow.now():%Y-%m-%d %H:%M:%S} {event}")
        del self.state.history[:-HISTORY_KEPT]


def _hold_words(order: Hold) -> str:
    return "told to hold" if order.percentage is None else f"told to hold at {order.percentage} %"


def _sentence(
    what: str, order: Control | Hold | SetPercentage | Promote | Approve, level: PauseLevel = PauseLevel.COMPONENT
) -> str:
    """Say who ordered what, and why."""
    whole = "" if level is PauseLevel.COMPONENT else f" with the {level}" if level is not PauseLevel.ROLLBACK else ""
    return f"{what}{whole} by {order.actor}" + (f": {order.reason}" if order.reason else "")
