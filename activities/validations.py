"""Checkpoints and the validation between phases."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import httpx
from pydantic import JsonValue
from temporalio import activity

import store.control
import store.flags
import store.inter_phase
import store.recent
import store.runs
import store.validations
from activities.pulse import pulse
from activities.refusals import final
from activities.rollouts import ACTOR, RunRef
from crossfade.checkpoints import judge
from crossfade.plan.resolved import GateCheck, ValidationPlan
from crossfade.states import Variant, Verdict
from crossfade.statistics.limits import lower_bound
from store.documents import Document
from store.engine import AsyncEngine
from store.inter_phase import Check
from store.validations import Checkpoint, Counts, Request, Result

LOOK: Final = 0.25  # seconds between looks at the counts
LARGEST_ANSWER: Final = 1_048_576  # bytes read of a self-check's answer
EARLY_CONFIDENCE: Final = 0.9999  # at which a comparison may fail before its sample is complete
TRIES: Final = 3  # of a self-check that does not answer; an answer that is wrong counts at once
FULL: Final = 100
ALPHA: Final = 1e-3
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
    """An opened checkpoint; inconclusive when its time, or its sample unless it `samples_on`, ends undecided."""

    environment: str
    validation_id: str
    timeout: timedelta
    samples_on: bool = True


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
        request = Request(
            environment=order.environment,
            component=order.component,
            name=check.name,
            sample=check.sample,
            max_mismatch=check.max_mismatch,
            confidence=check.confidence,
            share=check.share,
            phase=order.phase,
            run_id=UUID(order.run.run_id),
            epoch=order.run.epoch,
            step=order.step,
            requested_by=ACTOR,
            effect=order.effect,
        )
        async with self.engine.begin() as connection:
            checkpoint = await store.validations.open(connection, request)
        return CheckpointRef(environment=order.environment, validation_id=str(checkpoint.id), timeout=check.timeout)

    @activity.defn(name="validation.watch")
    @final
    async def watch(self, ref: CheckpointRef) -> CheckpointOutcome:
        """Wait for the verdict, or for the timeout, and close the checkpoint with it."""
        async with pulse():
            while True:
                if (outcome := await self._look(ref)) is not None:
                    return outcome
                await asyncio.sleep(LOOK)

    async def _look(self, ref: CheckpointRef) -> CheckpointOutcome | None:
        """Judge what has been compared so far; close the checkpoint when that decides it."""
        async with self.engine.begin() as connection:
            checkpoint = await store.validations.get(
                connection, environment=ref.environment, checkpoint_id=UUID(ref.validation_id)
            )
            if checkpoint.verdict is not None:
                return _outcome(checkpoint, checkpoint.verdict)
            counts = await store.validations.counts(connection, checkpoint)
            expired = await store.control.now(connection) - checkpoint.opened_at >= ref.timeout
            ends = expired or (counts.compared >= checkpoint.sample and not ref.samples_on)
            if (result := _result(checkpoint, counts, ends=ends)) is None:
                return None
            closed = await store.validations.close(
                connection, environment=ref.environment, checkpoint_id=checkpoint.id, result=result, actor=ACTOR
            )
        return _outcome(closed, result.verdict)

    @activity.defn(name="validation.inter_phase")
    @final
    async def inter_phase(self, order: InterPhase) -> InterPhaseOutcome:
        """Check every finished component and the plan's own cross-phase checks."""
        async with pulse():
            checks = [await self._component_healthy(order, name) for name in order.components]
            checks += [await self._http(order, check) for check in order.checks]
        async with self.engine.begin() as connection:
            for each in checks:
                await store.inter_phase.record(connection, each)
        failed = [f"{each.name}: {each.evidence['sentence']}" for each in checks if each.verdict is not Verdict.PASS]
        if failed:
            return InterPhaseOutcome(verdict=Verdict.FAIL, sentence=f"the gate has failed: {'; '.join(failed)}")
        return InterPhaseOutcome(verdict=Verdict.PASS, sentence="the gate has passed")

    async def _component_healthy(self, order: InterPhase, component: str) -> Check:
        async with self.engine.begin() as connection:
            flag = await store.flags.get(connection, environment=order.environment, name=component)
            run = await store.runs.latest(connection, environment=order.environment, component=component)
            health = await store.recent.recent(
                connection,
                environment=order.environment,
                component=component,
                variant=Variant.CANDIDATE,
                since_run=run.id if run else None,  # what an earlier attempt did wrong is not this one's
            )
        bound = float(lower_bound(health.errors, health.requests, alpha=ALPHA)[0]) if health.requests else 0.0
        sentence = (
            f"at {flag.served_percentage} %, {health.errors} errors in {health.requests} requests of the last minute"
        )
        evidence: Document = {"sentence": sentence, "errorRateLowerBound": bound}
        passed = flag.served_percentage == FULL and bound <= HEALTHY
        return _check(order, component, "component_health", passed=passed, evidence=evidence)

    async def _http(self, order: InterPhase, check: GateCheck) -> Check:
        address = self.targets.get(check.target)
        if address is None:
            sentence = f"target {check.target} is not in the server's configuration (CROSSFADE_TARGETS)"
            return _check(order, check.name, check.type, passed=False, evidence={"sentence": sentence})
        try:
            status = await _status_after_tries(address, check.timeout.total_seconds())
        except (httpx.HTTPError, TimeoutError) as error:
            sentence = f"no answer in {TRIES} tries: {type(error).__name__}"
            return _check(order, check.name, check.type, passed=False, evidence={"sentence": sentence})
        evidence: Document = {"sentence": f"answered {status}, expected {check.expect_status}", "status": status}
        return _check(order, check.name, check.type, passed=status == check.expect_status, evidence=evidence)


def _check(order: InterPhase, name: str, kind: str, *, passed: bool, evidence: Document) -> Check:
    return Check(
        environment=order.environment,
        migration_id=UUID(order.migration_id),
        phase=order.phase,
        name=name,
        type=kind,
        verdict=Verdict.PASS if passed else Verdict.FAIL,
        evidence=evidence,
        effect=f"{order.effect}/{kind}/{name}",
    )


async def _status_after_tries(address: str, seconds: float) -> int:
    """Give the status; one slow moment of the application does not hold a phase."""
    for _ in range(TRIES - 1):
        try:
            return await _status_of(address, seconds)
        except (httpx.HTTPError, TimeoutError):
            continue
    return await _status_of(address, seconds)


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


def _result(checkpoint: Checkpoint, counts: Counts, *, ends: bool) -> Result | None:
    """Decide once the planned sample is there, or sooner when it has failed already; look on otherwise."""
    has_sample = counts.compared >= checkpoint.sample
    judgement = judge(
        compared=counts.compared,
        mismatched=counts.mismatched,
        max_mismatch=checkpoint.max_mismatch,
        # Every look at a growing sample is one more chance to be wrong: before its end only strong evidence counts.
        confidence=checkpoint.confidence if has_sample else max(checkpoint.confidence, EARLY_CONFIDENCE),
    )
    decided = judgement.verdict is Verdict.FAIL or (has_sample and judgement.verdict is Verdict.PASS)
    if not (decided or ends):
        return None
    return Result(
        verdict=judgement.verdict if decided else Verdict.INCONCLUSIVE,
        compared=counts.compared,
        mismatched=counts.mismatched,
        lower=judgement.lower,
        upper=judgement.upper,
        evidence={"mismatchedFields": counts.fields, "samplesNeeded": judgement.samples_needed},
    )


def _outcome(checkpoint: Checkpoint, verdict: Verdict) -> CheckpointOutcome:
    sentence = (
        f"{checkpoint.name}: {verdict}, {checkpoint.mismatched} of {checkpoint.compared} compared calls differ"
        f" (at most {checkpoint.max_mismatch:.3%} allowed at {checkpoint.confidence:.0%} confidence)"
    )
    evidence: dict[str, JsonValue] = {
        "validation": checkpoint.name,
        "checkpointId": str(checkpoint.id),
        "compared": checkpoint.compared,
        "mismatched": checkpoint.mismatched,
        "lower": checkpoint.lower,
        "upper": checkpoint.upper,
        "limit": checkpoint.max_mismatch,
        "confidence": checkpoint.confidence,
        "sentence": sentence,
    }
    return CheckpointOutcome(verdict=verdict, sentence=sentence, evidence=evidence)
