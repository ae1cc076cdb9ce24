"""The ramp of one component, step by step, with its bake.

One loop: read the hold clock, gather the situation, decide (`crossfade.decisions`), carry the decision out. Every wait
goes through `_until` or `_hold`, and every one of them ends when a stop, a rollback or a breach arrives.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

from activities.rollouts import BeginRun, Confirmation, Note, Published, RolloutActivities
from activities.validations import OpenCheckpoint, ValidationActivities
from crossfade.decisions import Act, Decision, Gate, decide
from crossfade.states import ComponentStatus, RunState, Verdict
from workflows import situation as seen
from workflows.effects import WATCH, WRITE, refusal, unless_fenced
from workflows.messages import RollBack, RolloutInput, RolloutOutcome, RolloutResult
from workflows.rollout_orders import FULL
from workflows.story import brief
from workflows.way_back import WayBack

T = TypeVar("T")
RECHECK = timedelta(seconds=1)  # how soon a refused advance is tried again; twice as late each time
SLOWEST_RECHECK = timedelta(seconds=10)


class Interrupted(Exception):
    """A stop or a rollback came first."""


@workflow.defn
class Rollout(WayBack):
    """One attempt to roll out one component; id `rollout/{environment}/{component}`."""

    @workflow.init
    def __init__(self, order: RolloutInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: RolloutInput) -> RolloutResult:
        """Ramp to the end, or back."""
        try:
            refused = await self._begin() if not order.state else None
            result = refused or await self._ramp()
        except (asyncio.CancelledError, FailureError) as error:
            if not (isinstance(error, asyncio.CancelledError) or is_cancelled_exception(error)):
                raise
            result = await self._compensate()
        self._close(result)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    # -- the loop

    async def _begin(self) -> RolloutResult | None:
        info = workflow.info()
        order = BeginRun(
            environment=self.order.environment,
            migration_id=self.order.migration_id,
            phase=self.order.phase,
            component=self.plan,
            effect=f"{info.workflow_id}/{info.first_execution_run_id}/begin",
        )
        begin = workflow.start_activity_method(RolloutActivities.begin, order, summary="begin a run", **WRITE)
        try:
            # A cancellation may come while the run begins: what has begun must be known, to be taken back.
            await workflow.wait_condition(begin.done)
        except asyncio.CancelledError:
            self.state.rollback = RollBack(actor="temporal", reason="the workflow was cancelled")
        try:
            begun = await begin
        except ActivityError as error:
            if refusal(error) is None:
                raise
            return RolloutResult(outcome=RolloutOutcome.REFUSED, reason=str(error.cause))
        self._enter(0, Decimal(0))
        self.state.run_id, self.state.epoch, self.state.attempt = begun.run_id, begun.epoch, begun.attempt
        self._forget_news_of_other_runs()
        return None

    async def _ramp(self) -> RolloutResult:
        while True:
            version = self.version
            self._read_clock()
            # A wait with a time limit swallows a cancellation that comes together with what it waits for (bpo-37658).
            if workflow.cancellation_reason() is not None and not self._interrupted:
                self.state.rollback = RollBack(actor="temporal", reason="the workflow was cancelled")
            try:
                if self.state.resuming is not None:
                    await self._unless_refused(self._resume())
                    continue
                decision = decide(seen.situation(self.plan, self.state, workflow.now()))
                if decision.act in {Act.STOP, Act.ROLL_BACK}:
                    return await self._roll_back(decision)
                if decision.act is not Act.ADVANCE:
                    await self._tell(decision)
                if version != self.version:
                    continue
                if (result := await self._carry_out(decision, version)) is not None:
                    return result
            except Interrupted:
                continue
            self._continue_as_new_when_long()

    async def _carry_out(self, decision: Decision, version: int) -> RolloutResult | None:
        match decision.act:
            case Act.VALIDATE:
                await self._validate()
            case Act.ADVANCE:
                return await self._unless_refused(self._advance(version))
            case _:
                await self._hold(decision, version)
        return None

    async def _hold(self, decision: Decision, version: int) -> None:
        """Wait for news, or for the time that this decision depends on."""
        left: timedelta | None = None
        if decision.rule == "hold time" and seen.clock_runs(self.state):
            left = seen.hold_left(self.plan, self.state)
        if decision.rule == "approval":
            left = self._approval_left()
        try:
            await workflow.wait_condition(
                lambda: version != self.version, timeout=left, timeout_summary=f"waits for {decision.waits_for}"
            )
        except TimeoutError:
            return

    def _approval_left(self) -> timedelta | None:
        approval = seen.approval_of(self.plan, self.state)
        if approval is None:
            return None
        asked = self.state.approval_asked_at or workflow.now()
        self.state.approval_asked_at = asked
        return max(approval.expires_after - (workflow.now() - asked), timedelta(milliseconds=1))

    async def _validate(self) -> None:
        step = seen.next_step(self.plan, self.state)
        assert step is not None
        for check in (check for check in self.plan.validations if check.name in step.validate):
            checkpoint = await self._until(
                workflow.start_activity_method(
                    ValidationActivities.open,
                    OpenCheckpoint(
                        environment=self.order.environment,
                        component=self.plan.name,
                        run=self._run(),
                        phase=self.order.phase,
                        step=self.state.step,
                        check=check,
                        effect=self._effect(f"validate {check.name}"),
                    ),
                    summary=f"open {check.name}",
                    **WRITE,
                )
            )
            outcome = await self._until(
                workflow.start_activity_method(
                    ValidationActivities.watch, checkpoint, summary=f"{check.name} before {step.percentage} %", **WATCH
                )
            )
            self._remember(outcome.sentence)
            if outcome.verdict is not Verdict.PASS:
                failed = outcome.verdict is Verdict.FAIL
                self.state.validation = Gate.FAILED if failed else Gate.INCONCLUSIVE
                self.state.validation_reason = outcome.sentence
                self.state.validation_evidence = outcome.evidence
                return
        self.state.validation = Gate.PASSED

    async def _advance(self, version: int) -> RolloutResult | None:
        """Publish the next step, or finish; an order that came first is obeyed first."""
        async with self.writing:
            if version != self.version:
                return None
            step = seen.next_step(self.plan, self.state)
            if step is None:
                return await self._finish()
            published = await self._publish(self.state.step + 1, step.percentage)
        await self._confirm(published)
        return None

    async def _unless_refused(self, move: Awaitable[RolloutResult | None]) -> RolloutResult | None:
        try:
            return await move
        except ActivityError as error:
            if refusal(error) is None:
                raise
        await self._refused()
        return None

    async def _finish(self) -> RolloutResult | None:
        if self.plan.bake and not self.state.baking:
            await self._until(
                workflow.start_activity_method(
                    RolloutActivities.bake, self._publication(self.state.step, FULL, "bake"), summary="bake", **WRITE
                )
            )
            self._remember("baking")
            self.state.baking, self.state.promoted = True, False
            self.state.hold_served = timedelta(0)
            return None
        await self._until(
            workflow.start_activity_method(
                RolloutActivities.complete,
                self._publication(self.state.step, FULL, "every step and the bake are passed"),
                summary="complete",
                **WRITE,
            )
        )
        self.is_over = True
        self._remember("completed")
        await self._tell_parent(ComponentStatus.COMPLETED)
        return RolloutResult(outcome=RolloutOutcome.COMPLETED)

    async def _publish(self, step: int, percentage: Decimal) -> Published:
        publication = replace(
            self._publication(step, percentage, f"step {step} of {len(self.plan.steps)}"),
            require_reading=self.state.step > 0,
        )
        published = await self._until(
            workflow.start_activity_method(
                RolloutActivities.publish, publication, summary=f"publish {percentage} %", **WRITE
            )
        )
        self._enter(step, published.percentage)
        self._remember(f"{percentage} % published as revision {published.revision}")
        return published

    async def _confirm(self, published: Published) -> None:
        """Start the hold clock once the clients serve the revision or their validity has ended."""
        await self._until(
            workflow.start_activity_method(
                RolloutActivities.await_confirmation,
                Confirmation(environment=self.order.environment, revision=published.revision),
                summary="clients confirm",
                **WATCH,
            )
        )
        self.state.confirmed = True

    async def _resume(self) -> RolloutResult | None:
        """Validate and ask again; after a percentage by hand, re-enter the ramp."""
        order = self.state.resuming
        assert order is not None
        self.state.resuming = None
        self.state.approval_asked_at = None
        self.state.validation = seen.first_gate(self.plan, self.state)
        if not self.state.held:
            return None
        async with self.writing:
            step = seen.entry_step(self.plan, self.state)
            percentage = self.plan.steps[step - 1].percentage if step else Decimal(0)
            published = await self._until(
                workflow.start_activity_method(
                    RolloutActivities.resume,
                    self._publication(step, percentage, order.reason, order.actor),
                    summary=f"resume at {percentage} %",
                    **WRITE,
                )
            )
            self.state.held = False
            self._enter(step, published.percentage)
        await self._confirm(published)
        return None

    async def _refused(self) -> None:
        """A write was refused: find out why, and wait for news, or a moment, before the next try."""
        view = await self._until(
            workflow.start_activity_method(RolloutActivities.look, self._run(), summary="look again", **WRITE)
        )
        if view.state is RunState.HELD:
            self.state.held, self.state.percentage = True, view.percentage
            return
        if view.rollback_id is not None:
            self.state.rollback = RollBack(rollback_id=view.rollback_id, reason=view.reason)
            return
        version = self.version
        await self._tell(Decision(Act.HOLD, "readings", "fresh passing readings of its guardrails"))
        pause = min(RECHECK * 2**self.state.refusals, SLOWEST_RECHECK)
        self.state.refusals = min(self.state.refusals + 1, 10)
        try:
            await workflow.wait_condition(
                lambda: version != self.version, timeout=pause, timeout_summary="waits for fresh passing readings"
            )
        except TimeoutError:
            return

    # -- small pieces

    async def _until(self, handle: workflow.ActivityHandle[T]) -> T:
        """Wait for an activity; a stop or a rollback that comes first cancels it and raises `Interrupted`."""
        await workflow.wait_condition(lambda: handle.done() or self._interrupted)
        if not handle.done():
            handle.cancel()
            raise Interrupted
        return await handle

    def _enter(self, step: int, percentage: Decimal) -> None:
        """Begin a step: all its gates start anew."""
        self.state.step, self.state.percentage = step, percentage
        self.state.baking = self.state.promoted = False
        self.state.refusals = 0
        self.state.confirmed = step == 0
        self.state.hold_served, self.state.clock_read_at = timedelta(0), None
        self.state.approvals, self.state.approval_asked_at = [], None
        self.state.validation, self.state.validation_reason = seen.first_gate(self.plan, self.state), ""
        self.state.validation_evidence = {}
        self.version += 1

    def _read_clock(self) -> None:
        now = workflow.now()
        if self.state.clock_read_at is not None:
            self.state.hold_served += now - self.state.clock_read_at
        self.state.clock_read_at = now if seen.clock_runs(self.state) else None

    async def _tell(self, decision: Decision) -> None:
        """Tell the database, the phase and Temporal's page what it does and waits for."""
        status = seen.status(self.state)
        waits_for = decision.waits_for or f"{seen.next_step_words(self.plan, self.state)} to be published"
        self.state.waits_for = waits_for
        if self.told == (status, waits_for):
            return
        status_changed = self.told is None or self.told[0] is not status
        self.told = (status, waits_for)
        await self._describe(status)
        note = Note(
            migration_id=self.order.migration_id,
            component=self.plan.name,
            status=status,
            waits_for=waits_for,
            effect=self._effect(f"status {status}") if status_changed else None,
        )
        await unless_fenced(
            self._until(
                workflow.start_activity_method(
                    RolloutActivities.note, note, summary=brief(f"{status}, waits for {waits_for}"), **WRITE
                )
            )
        )

    def _continue_as_new_when_long(self) -> None:
        if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
            workflow.continue_as_new(replace(self.order, state=self.state))
