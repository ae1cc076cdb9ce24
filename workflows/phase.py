"""One phase: its components in the order of their dependencies, at most N ramping, and the validation at its end."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError

from activities.migrations import MigrationActivities, SetPhase
from activities.rollbacks import BeginRollback, RollbackActivities
from activities.validations import InterPhase, InterPhaseOutcome, ValidationActivities
from crossfade.plan.resolved import ComponentPlan, OnComponentRollback
from crossfade.states import ComponentStatus, PhaseStatus, RollbackTrigger, Verdict
from workflows.effects import STEP, WRITE, unless_fenced
from workflows.messages import (
    Control,
    PhaseInput,
    RolloutInput,
    RolloutOutcome,
    RolloutResult,
    rollout_id,
)
from workflows.phase_orders import BACK, SETTLED, PhaseOrders
from workflows.rollout import Rollout
from workflows.story import STATUS, attributes, describe_parts

RAMPING = {ComponentStatus.RAMPING, ComponentStatus.HELD, ComponentStatus.PAUSED, ComponentStatus.ROLLING_BACK}


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
        await self._to(PhaseStatus.PAUSED if self.paused else PhaseStatus.RUNNING, "started")
        while self._is_going:
            version = self.version
            self._start_ready()
            settled = all(status in SETTLED for status in self.components.values())
            if settled and not self.paused:
                if await self._validate():
                    return True
                continue
            await self._tell()
            await self._wait(version)
        return False

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
        return not self.paused and (carries_on or not any(status in BACK for status in self.components.values()))

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
            self.detail = f"{plan.name} is back on legacy: {result.reason}"
            await self._after_rollback(plan.name, result.reason)

    async def _run_child(self, plan: ComponentPlan) -> RolloutResult:
        order = self.order
        return await workflow.execute_child_workflow(
            Rollout.run,
            RolloutInput(
                environment=order.environment,
                migration_id=order.migration_id,
                migration=order.migration,
                phase=self.plan.name,
                component=plan,
            ),
            id=rollout_id(order.environment, plan.name),
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
            task_timeout=timedelta(seconds=2),
            static_summary=f"{plan.name}: {' → '.join(str(step.percentage) for step in plan.steps)} %",
            search_attributes=attributes(
                environment=order.environment, migration=order.migration, phase=self.plan.name, component=plan.name
            ),
        )

    async def _after_rollback(self, component: str, reason: str) -> None:
        """Do to the siblings what the plan says."""
        rule = self.order.policy.on_component_rollback
        order = Control(actor="crossfade", reason=f"{component} was rolled back: {reason}")
        if rule is OnComponentRollback.PAUSE_PHASE:
            await self._tell_rollouts("pause", order)
        elif rule is OnComponentRollback.ROLL_BACK_PHASE:
            for sibling in self._dependents_first():
                if sibling != component and self.components[sibling] not in BACK | {ComponentStatus.PENDING}:
                    await self._roll_back(sibling, RollbackTrigger.MANUAL, order)
                    self.components[sibling] = ComponentStatus.ROLLED_BACK
            self.version += 1

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
            lambda: self.resumed != resumed or not self._is_going, timeout_summary="waits for resume: the gate failed"
        )
        return False

    async def _end(self) -> PhaseStatus:
        """After an abort or a stop: every rollout ends first."""
        if self.aborted is not None and self.stop is None:
            for name in list(self.ramps):
                await self._roll_back(name, RollbackTrigger.ABORT, self.aborted)
        await workflow.wait_condition(lambda: not self.ramps)
        if self.stop is not None:
            return await self._to(PhaseStatus.FAILED, f"emergency stop: {self.stop.reason}")
        return await self._to(PhaseStatus.ABORTED, self.aborted.reason if self.aborted else "")

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
        await workflow.wait_condition(lambda: self.version != version, timeout_summary=self.detail or "its components")

    async def _tell(self) -> None:
        blocked = not self._may_start
        status = PhaseStatus.PAUSED if blocked else PhaseStatus.RUNNING
        detail = self.detail if blocked and not self.paused else "paused by an operator" if blocked else ""
        if (status, detail) != (self.status, self.detail):
            await self._to(status, detail)
        self._describe()

    async def _to(self, status: PhaseStatus, detail: str) -> PhaseStatus:
        changed = status is not self.status
        self.status, self.detail = status, detail
        self._describe()
        workflow.upsert_search_attributes([STATUS.value_set(status.value)])
        if changed:
            change = SetPhase(
                migration_id=self.order.migration_id,
                phase=self.plan.name,
                status=status,
                reason=detail,
                effect=self._effect(status),
            )
            await unless_fenced(
                workflow.execute_activity_method(
                    MigrationActivities.set_phase, change, summary=f"phase {status}", **WRITE
                )
            )
        return status

    def _describe(self) -> None:
        parts = {name: status.value for name, status in self.components.items()}
        workflow.set_current_details(describe_parts(f"{self.plan.name}: {self.status}", self.detail, parts))
