"""A plan whose lines the tests know, and edits of it."""

from collections.abc import Mapping

from crossfade.errors import InvalidPlan, Problem
from crossfade.plan import load
from crossfade.plan.resolved import ComponentPlan, Plan

FILE = "plan.yaml"
ENVIRON: Mapping[str, str] = {"PROMETHEUS_URL": "http://prometheus:9090", "CHAT_WEBHOOK": "http://chat.internal/hook"}

BASE = """\
apiVersion: crossfade/v1
kind: MigrationPlan
metadata: {name: small, owner: team}
environment: production
sources:
  app: {type: events}
channels:
  chat: {type: webhook, url: "${CHAT_WEBHOOK}"}
templates:
  ramps:
    standard:
      - {percentage: 1, hold: 1m, validate: [same]}
      - {percentage: 50, hold: 1h, minSample: 500, validate: [same]}
      - {percentage: 100, validate: [same], approval: release}
  thresholds:
    golden:
      - {name: errors, metric: errorRate, max: 1%, window: 5m, action: rollback}
      - {name: latency, metric: responseTime.p95, max: 500, unit: ms, window: 5m, action: rollback}
      - {name: slower, metric: responseTime.p95, compare: legacy, max: +10%, role: observe, initialDelay: 2m}
approvals:
  release: {required: 1, reasonRequired: true, expiresAfter: 72h, onExpire: hold}
defaults:
  flag: {targetingKey: userId, conditions: {environment: production}}
  ramp: {template: standard}
  thresholds: {template: golden, required: auto, noData: hold, noDataGrace: 15m}
  validation: {same: {type: shadow-compare, sample: 3000, maxMismatch: 0.1%}}
  rollback: {steps: [disable_flag, restore_configuration, notify], cooldown: 1h, maxAttempts: 2}
  bake: 24h
policy: {maxComponentsRamping: 2, onComponentRollback: pausePhase}
phases:
  - name: first
    components:
      - name: alpha
      - {name: beta, dependsOn: [alpha]}
    gate: {validate: [{name: api, type: http, target: app-selfcheck}]}
  - name: second
    dependsOn: [first]
    components:
      - name: gamma
"""


def edited(*edits: tuple[str, str], text: str = BASE) -> str:
    """The text with each old part, which must stand there exactly once, replaced."""
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the text"
        text = text.replace(old, new)
    return text


def loaded(*edits: tuple[str, str], text: str = BASE) -> Plan:
    return load(edited(*edits, text=text).encode(), environ=ENVIRON, file=FILE)


def component(name: str, *edits: tuple[str, str]) -> ComponentPlan:
    return next(one for phase in loaded(*edits).phases for one in phase.components if one.name == name)


def problems(text: str | bytes, environ: Mapping[str, str] = ENVIRON) -> tuple[Problem, ...]:
    """What is wrong with the text; nothing if it loads."""
    try:
        load(text.encode() if isinstance(text, str) else text, environ=environ, file=FILE)
    except InvalidPlan as refused:
        return refused.problems
    return ()
