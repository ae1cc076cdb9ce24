"""Checkpoints and the validation between phases."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import httpx
from pydantic import JsonValue
from temporalio import activity

import store.flags
import store.inter_phase
import store.metrics
import store.validations
from activities.refusals import final
from activities.rollouts import RunRef
from crossfade.checkpoints import CheckpointJudgement, judge
from crossfade.plan.resolved import GateCheck, ValidationPlan
from crossfade.states import Variant, Verdict
from crossfade.statistics.limits import lower_bound
from store.engine import AsyncEngine
from store.validations import Checkpoint

LOOK: Final = 0.25  # seconds between looks at the counts
LARGEST_ANSWER: Final = 1_048_576  # bytes read of a self-check's answer
FULL: Final = 100
HEALTHY: Final = 0.01  # the share of failing requests that a finished component may have


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckpoint:
    """Opens a shadow comparison of a component at its current step."""

    environment: str
    component: str
    run: RunRef
    phase: str
    step: int
    check: ValidationPlan
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRef:
    """An opened checkpoint."""

    checkpoint_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointOutcome:
    """The verdict with its figures, in one sentence."""

    verdict: Verdict
    sentence: str
    evidence: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterPhase:
    """The validation at a phase's end; `components` are those that are complete."""

    environment: str
    migration_id: str
    phase: str
    components: tuple[str, ...]
    checks: tuple[GateCheck, ...]
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterPhaseOutcome:
    """Pass only when every check has passed; else which did not."""

    verdict: Verdict
    sentence: str


class ValidationActivities:
    """The activities that validate; `targets` maps the names that plans may use to addresses."""

    def __init__(self, engine: AsyncEngine, targets: Mapping[str, str]) -> None:
        self.engine = engine
        self.targets = targets

    @activity.defn(name="validation.open")
    @final
    async def open(self, order: OpenCheckpoint) -> CheckpointRef:
        """Open the checkpoint: from its revision on, the clients compare the share that it asks for."""
        check = order.check
        async with self.engine.begin() as connection:
            checkpoint = await store.validations.open(
                connection,
                environment=order.environment,
                component=order.component,
                run_id=UUID(order.run.run_id),
                epoch=order.run.epoch,
                phase=order.phase,
                step=order.step,
                name=check.name,
                kind="data_consistency",
                sample=check.sample,
                max_mismatch=check.max_mismatch,
                confidence=check.confidence,
                timeout=check.timeout,
                share=check.share,
                requested_by="crossfade",
                effect=order.effect,
            )
        return CheckpointRef(checkpoint_id=str(checkpoint.id))

    @activity.defn(name="validation.watch")
    @final
    async def watch(self, ref: CheckpointRef) -> CheckpointOutcome:
        """Wait for the verdict, or for the timeout, and close the checkpoint with it."""
        while True:
            async with self.engine.begin() as connection:
                checkpoint = await store.validations.get(connection, checkpoint_id=UUID(ref.checkpoint_id))
                if checkpoint.verdict is not None:
                    return _outcome(checkpoint, checkpoint.verdict, checkpoint.compared, checkpoint.mismatched)
                counts = await store.validations.counts(connection, checkpoint_id=checkpoint.id)
                judgement = judge(
                    compared=counts.compared,
                    mismatched=counts.mismatched,
                    max_mismatch=checkpoint.max_mismatch,
                    confidence=checkpoint.confidence,
                )
                if (verdict := _verdict(checkpoint, judgement, counts.compared, expired=counts.expired)) is not None:
                    await store.validations.close(
                        connection,
                        checkpoint_id=checkpoint.id,
                        verdict=verdict,
                        compared=counts.compared,
                        mismatched=counts.mismatched,
                        lower=judgement.lower,
                        upper=judgement.upper,
                        evidence={"mismatchedFields": counts.fields, "samplesNeeded": judgement.samples_needed},
                    )
                    return _outcome(checkpoint, verdict, counts.compared, counts.mismatched)
            activity.heartbeat(counts.compared)
            await asyncio.sleep(LOOK)

    @activity.defn(name="validation.inter_phase")
    @final
    async def inter_phase(self, order: InterPhase) -> InterPhaseOutcome:
        """Check every finished component and the plan's own cross-phase checks."""
        results = [await self._component_healthy(order, name) for name in order.components]
        for check in order.checks:
            activity.heartbeat(check.name)
            results.append(await self._http(check))
        async with self.engine.begin() as connection:
            for name, kind, passed, evidence in results:
                await store.inter_phase.record(
                    connection,
                    environment=order.environment,
                    migration_id=UUID(order.migration_id),
                    phase=order.phase,
                    name=name,
                    kind=kind,
                    verdict=Verdict.PASS if passed else Verdict.FAIL,
                    evidence=evidence,
                    effect=f"{order.effect}/{kind}/{name}",
                )
        failed = [f"{name}: {evidence['sentence']}" for name, _, passed, evidence in results if not passed]
        if failed:
            return InterPhaseOutcome(
                verdict=Verdict.FAIL, sentence=f"inter-phase validation failed: {'; '.join(failed)}"
            )
        return InterPhaseOutcome(verdict=Verdict.PASS, sentence="inter-phase validation passed")

    async def _component_healthy(self, order: InterPhase, component: str) -> tuple[str, str, bool, dict[str, object]]:
        async with self.engine.begin() as connection:
            flag = await store.flags.get(connection, environment=order.environment, name=component)
            health = await store.metrics.recent(
                connection, environment=order.environment, component=component, variant=Variant.CANDIDATE
            )
        bound = float(lower_bound(health.errors, health.requests, alpha=1e-3)[0]) if health.requests else 0.0
        passed = flag.served_percentage == FULL and bound <= HEALTHY
        sentence = (
            f"at {flag.served_percentage} %, {health.errors} errors in {health.requests} requests of the last minute"
        )
        return component, "component_health", passed, {"sentence": sentence, "errorRateLowerBound": bound}

    async def _http(self, check: GateCheck) -> tuple[str, str, bool, dict[str, object]]:
        address = self.targets.get(check.target)
        if address is None:
            sentence = f"target {check.target} is not in the server's configuration (CROSSFADE_TARGETS)"
            return check.name, check.type, False, {"sentence": sentence}
        try:
            status = await _status_of(address, check.timeout.total_seconds())
        except (httpx.HTTPError, TimeoutError) as error:
            return check.name, check.type, False, {"sentence": f"no answer: {type(error).__name__}"}
        sentence = f"answered {status}, expected {check.expect_status}"
        return check.name, check.type, status == check.expect_status, {"sentence": sentence, "status": status}


async def _status_of(address: str, seconds: float) -> int:
    """Give the status; the body is read up to a limit and never kept."""
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=seconds) as client,
        client.stream("GET", address) as response,
    ):
        size = 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > LARGEST_ANSWER:
                break
        return response.status_code


def _verdict(checkpoint: Checkpoint, judgement: CheckpointJudgement, compared: int, *, expired: bool) -> Verdict | None:
    """Decide once the planned sample is there, or sooner when it has failed already; look on otherwise."""
    decided = judgement.verdict is not Verdict.INCONCLUSIVE
    if decided and (compared >= checkpoint.sample or judgement.verdict is Verdict.FAIL):
        return judgement.verdict
    return Verdict.INCONCLUSIVE if expired else None


def _outcome(checkpoint: Checkpoint, verdict: Verdict, compared: int, mismatched: int) -> CheckpointOutcome:
    sentence = (
        f"{checkpoint.name}: {verdict}, {mismatched} of {compared} compared calls differ"
        f" (at most {checkpoint.max_mismatch:.3%} allowed at {checkpoint.confidence:.0%} confidence)"
    )
    evidence: dict[str, JsonValue] = {
        "validation": checkpoint.name,
        "checkpointId": str(checkpoint.id),
        "compared": compared,
        "mismatched": mismatched,
        "limit": checkpoint.max_mismatch,
        "confidence": checkpoint.confidence,
        "sentence": sentence,
    }
    return CheckpointOutcome(verdict=verdict, sentence=sentence, evidence=evidence)
