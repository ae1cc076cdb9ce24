"""One phase: its components in the order of their dependencies, at most N ramping, and the validation at its end."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError

from activities.migrations import MigrationActivities, SetPhase, Stop
from activities.rollbacks import BeginRollback, RollbackActivities
from activities.validations import InterPhase, InterPhaseOutcome, ValidationActivities
from crossfade.plan.resolved import ComponentPlan, OnComponentRollback
from crossfade.states import ComponentStatus, PhaseStatus, RollbackTrigger, Verdict
from workflows.effects import STEP, WRITE, refusal, unless_fenced
from workflows.messages import (
    Control,
    PauseLevel,
    PhaseInput,
    PhaseNote,
    RollBack,
    RolloutInput,
    RolloutOutcome,
    RolloutResult,
    rollout_id,
)
from workflows.pauses import signal, words
from workflows.phase_orders import BACK, SETTLED, PhaseOrders
from workflows.rollout import Rollout
from workflows.story import ROLLOUT_DETAILS, STATUS, attributes, brief, describe_phase

RAMPING = {ComponentStatus.RAMPING, ComponentStatus.HELD, ComponentStatus.PAUSED, ComponentStatus.ROLLING_BACK}
ON_CANDIDATE = {*RAMPING, ComponentStatus.BAKING, ComponentStatus.COMPLETED} - {ComponentStatus.ROLLING_BACK}


@workflow.defn
class Phase(PhaseOrders):
    """An ordered part of a migration; id `phase/{environment}/{migration}/{phase}`."""

    @workflow.init
    def __init__(self, order: PhaseInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, _order: PhaseInput) -> PhaseStatus:
        """Run every component, then the gate; a rolled back component keeps the phase paused."""
        try:
            passed = await self._go()
        except asyncio.CancelledError:
            self.aborted, passed = Control(reason="the workflow was cancelled"), False
        if passed:
            status = await self._to(PhaseStatus.COMPLETED, "every component is settled, the gate has passed")
        else:
            status = await self._end()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return status

    async def _go(self) -> bool:
        """Give whether the phase has passed; False when it was stopped or aborted."""
        await self._to(PhaseStatus.PAUSED if self.pauses else PhaseStatus.RUNNING, words(self.pauses.here) or "started")
        while self._is_going:
            version = self.version
            await self._take_in_what_went_back()
            self._start_ready()
            if self._may_pass:
                if await self._validate() and self._may_pass:
                    return True
                continue
            await self._tell()
            await self._wait(version)
        return False

    async def _take_in_what_went_back(self) -> None:
        """Obey news of completed components; the word may come before the rollout itself has ended."""
        for news in [news for news in self.taken_back_now if news.component not in self.ramps]:
            self.taken_back_now.remove(news)
            if self.components.get(news.component) is ComponentStatus.COMPLETED:
                self.components[news.component] = ComponentStatus.ROLLED_BACK
                self.ended_at[news.component] = workflow.time()
                await self._after_rollback(news.component, news.reason)

    @property
    def _may_pass(self) -> bool:
        """Whether every component is settled; one that was taken back meanwhile is not, whatever is noted of it."""
        is_settled = all(status in SETTLED for status in self.components.values())
        return is_settled and not self.taken_back_now and not self.pauses

    def _start_ready(self) -> None:
        """Start what its dependencies allow, in the order of the plan, at most N ramping."""
        for plan in self.plan.components:
            ramping = sum(self.components[name] in RAMPING for name in self.ramps)
            if not self._may_start or ramping >= self.order.policy.max_components_ramping:
                return
            ready = all(self.components[name] in SETTLED for name in plan.depends_on)
            if self.components[plan.name] is ComponentStatus.PENDING and plan.name not in self.ramps and ready:
                self.components[plan.name] = ComponentStatus.RAMPING
                self.ramps[plan.name] = asyncio.create_task(self._ramp(plan))

    @property
    def _may_start(self) -> bool:
        carries_on = self.order.policy.on_component_rollback is OnComponentRollback.CONTINUE
        return not self.pauses and (carries_on or not any(status in BACK for status in self.components.values()))

    async def _ramp(self, plan: ComponentPlan) -> None:
        self.attempts[plan.name] = self.attempts.get(plan.name, 0) + 1
        try:
            result = await self._run_child(plan)
        except (ChildWorkflowError, WorkflowAlreadyStartedError) as error:
            result = RolloutResult(outcome=RolloutOutcome.REFUSED, reason=str(error))
        outcomes = {
            RolloutOutcome.COMPLETED: ComponentStatus.COMPLETED,
            RolloutOutcome.STOPPED: ComponentStatus.STOPPED,
        }
        self.components[plan.name] = outcomes.get(result.outcome, ComponentStatus.ROLLED_BACK)
        self.ended_at[plan.name] = workflow.time()
        del self.ramps[plan.name]
        self.version += 1
        if self.components[plan.name] is ComponentStatus.ROLLED_BACK and self._is_going:
            await self._after_rollback(plan.name, result.reason)

    async def _run_child(self, plan: ComponentPlan) -> RolloutResult:
        order = self.order
        child, given = rollout_id(order.environment, plan.name), dict(self.pauses.here)
        handle = await workflow.start_child_workflow(
            Rollout.run,
            RolloutInput(
                environment=order.environment,
                migration_id=order.migration_id,
                migration=order.migration,
                phase=self.plan.name,
                component=plan,
                pauses=given,
            ),
            id=child,
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
            task_timeout=timedelta(seconds=2),
            static_summary=brief(f"{plan.name}: {' → '.join(str(step.percentage) for step in plan.steps)} %"),
            static_details=ROLLOUT_DETAILS,
            search_attributes=attributes(
                environment=order.environment, migration=order.migration, phase=self.plan.name, component=plan.name
            ),
        )
        await self.pauses.adopt(child, given)
        if self.aborted is not None:
            await signal(child, "roll_back", _back(self.aborted))
        try:
            return await handle
        finally:
            self.pauses.forget(child)

    async def _after_rollback(self, component: str, reason: str) -> None:
        """Do to the siblings what the plan says."""
        rule = self.order.policy.on_component_rollback
        order = Control(actor="crossfade", reason=f"{component} was rolled back: {reason}")
        if rule is OnComponentRollback.PAUSE_PHASE:
            self.pauses.begin(PauseLevel.ROLLBACK, order)
            self.version += 1
            await self.pauses.share()
        elif rule is OnComponentRollback.ROLL_BACK_PHASE:
            for sibling in self._dependents_first():
                if self.components[sibling] in ON_CANDIDATE:
                    await self._take_back(sibling, order)
            self.version += 1

    async def _take_back(self, sibling: str, order: Control) -> None:
        """Roll a sibling back, unless it has no way back: retired, or on legacy already."""
        was = self.components[sibling]
        self.components[sibling] = ComponentStatus.ROLLING_BACK
        try:
            await self._roll_back(sibling, RollbackTrigger.MANUAL, order)
        except ActivityError as error:
            if refusal(error) is None:
                raise
            self.components[sibling] = was
            return
        if sibling not in self.ramps:
            self.components[sibling] = ComponentStatus.ROLLED_BACK
            self.ended_at[sibling] = workflow.time()

    def _dependents_first(self) -> Iterator[str]:
        """Give the components so that whatever depends on another comes before it."""
        waiting = {plan.name: set(plan.depends_on) for plan in self.plan.components}
        while waiting:
            needed = set().union(*waiting.values())
            for name in [name for name in waiting if name not in needed]:
                yield name
                del waiting[name]

    async def _validate(self) -> bool:
        """Run the inter-phase validation; a failure pauses the phase until a person resumes it."""
        await self._to(PhaseStatus.VALIDATING, "inter-phase validation")
        order = InterPhase(
            environment=self.order.environment,
            migration_id=self.order.migration_id,
            phase=self.plan.name,
            components=tuple(name for name, status in self.components.items() if status is ComponentStatus.COMPLETED),
            checks=self.plan.gate,
            effect=self._effect("gate"),
        )
        try:
            outcome = await workflow.execute_activity_method(
                ValidationActivities.inter_phase, order, summary="inter-phase validation", **STEP
            )
        except ActivityError as error:
            outcome = InterPhaseOutcome(verdict=Verdict.FAIL, sentence=f"the gate could not be checked: {error.cause}")
        if outcome.verdict is Verdict.PASS:
            return True
        resumed = self.resumed
        await self._to(PhaseStatus.PAUSED, f"{outcome.sentence}; resume validates again")
        await workflow.wait_condition(
            lambda: self.resumed != resumed or bool(self.taken_back_now) or not self._is_going,
            timeout_summary="waits for resume: the gate failed",
        )
        return False

    async def _end(self) -> PhaseStatus:
        """After an abort or a stop: every rollout ends first."""
        if self.stop is not None and self.stop.level is None:
            await self._stop(self.stop)
        if self.aborted is not None and self.stop is None:
            for name in list(self.ramps):
                await self._abort(name, self.aborted)
            if workflow.patched("stop-while-ending"):
                await self._ended_or_stopped()
        await workflow.wait_condition(lambda: not self.ramps)
        if self.stop is not None:
            return await self._to(PhaseStatus.FAILED, f"emergency stop: {self.stop.reason}")
        return await self._to(PhaseStatus.ABORTED, self.aborted.reason if self.aborted else "")

    async def _ended_or_stopped(self) -> None:
        """Wait for the rollouts of an abort; a stop may come meanwhile."""
        await workflow.wait_condition(lambda: not self.ramps or self.stop is not None)
        if self.stop is not None and self.stop.level is None:
            await self._stop(self.stop)

    async def _abort(self, component: str, order: Control) -> None:
        """Roll a component back, and tell its rollout: what was taken back may be the run before one that begins."""
        must_tell = workflow.patched("abort-tells-the-rollout")
        try:
            await self._roll_back(component, RollbackTrigger.ABORT, order)
        except ActivityError as error:
            if refusal(error) is None:
                raise
            must_tell = True
        if must_tell:
            await signal(rollout_id(self.order.environment, component), "roll_back", _back(order))

    async def _stop(self, order: Control) -> None:
        """Make sure that Postgres has stopped: the signal came from a person, not from the migration."""
        stop = Stop(
            environment=self.order.environment,
            migration_id=self.order.migration_id,
            actor=order.actor,
            reason=order.reason,
        )
        await workflow.execute_activity_method(MigrationActivities.stop, stop, summary="emergency stop", **WRITE)

    async def _roll_back(self, component: str, trigger: RollbackTrigger, order: Control) -> None:
        begin = BeginRollback(
            environment=self.order.environment,
            component=component,
            run=None,
            trigger=trigger,
            actor=order.actor,
            reason=order.reason,
        )
        await workflow.execute_activity_method(
            RollbackActivities.begin, begin, summary=f"roll back {component}", **WRITE
        )

    async def _wait(self, version: int) -> None:
        await workflow.wait_condition(lambda: self.version != version)

    async def _tell(self) -> None:
        back = [name for name, status in self.components.items() if status in BACK]
        status = PhaseStatus.RUNNING if self._may_start else PhaseStatus.PAUSED
        detail = (
            "" if self._may_start else words(self.pauses.here) or f"a retry or a skip: {', '.join(back)} rolled back"
        )
        if (status, detail) != (self.status, self.detail):
            await self._to(status, detail)
        self._describe()

    async def _to(self, status: PhaseStatus, detail: str) -> PhaseStatus:
        changed = status is not self.status
        self._show(status, detail)
        if changed:
            change = SetPhase(
                migration_id=self.order.migration_id,
                phase=self.plan.name,
                status=status,
                reason=detail,
                effect=self._effect(status),
            )
            written = await unless_fenced(
                workflow.execute_activity_method(
                    MigrationActivities.set_phase, change, summary=f"phase {status}", **WRITE
                )
            )
            if not written:
                self._show(PhaseStatus.FAILED, "a stop came first")
            await self._tell_migration()
        return self.status

    async def _tell_migration(self) -> None:
        parent = workflow.info().parent
        if parent is not None and self.status in {PhaseStatus.RUNNING, PhaseStatus.PAUSED, PhaseStatus.VALIDATING}:
            await signal(parent.workflow_id, "note_phase", PhaseNote(phase=self.plan.name, status=self.status))

    def _show(self, status: PhaseStatus, detail: str) -> None:
        self.status, self.detail = status, detail
        self._describe()
        workflow.upsert_search_attributes([STATUS.value_set(status.value)])

    def _describe(self) -> None:
        parts = {name: status.value for name, status in self.components.items()}
        details = describe_phase(
            self.plan.name, self.status, parts, detail=self.detail, environment=self.order.environment
        )
        workflow.set_current_details(details)


def _back(order: Control) -> RollBack:
    return RollBack(actor=order.actor, reason=order.reason)
