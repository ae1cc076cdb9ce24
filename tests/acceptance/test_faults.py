"""Five candidates of one migration break in five ways at once; each is taken back by what is meant to find it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.running import Running, home, stack, wait_until

pytestmark = pytest.mark.acceptance

PLAN = Path(__file__).with_name("faults.yaml").read_text()
HEALTHY = "errors-problem-details"
# What breaks how, and the trigger and the evidence that its rollback must have.
BROKEN = {
    "errors-result-types": ("errors", "threshold", "errorRate"),
    "search-full-text": ("slow", "threshold", "responseTime.p95"),
    "utilities-ml-service": ("memory", "threshold", "memoryUsage"),
    "websocket-socketio": ("drops", "threshold", "connectionDropRate"),
    "utilities-query-builder": ("wrong", "validation", None),
}


def test_every_kind_of_fault_is_found_by_what_is_meant_for_it() -> None:
    with home() as folder, stack(folder) as running, running.api() as api:
        started = api.post("migrations", json={"plan": PLAN})
        assert started.status_code == 202, started.text
        query = {"migrationId": started.json()["id"]}

        def components() -> Mapping[str, Any]:
            found = api.get("components", params=query).json()["components"]
            return {component["name"]: component for component in found}

        def rollbacks() -> Mapping[str, Any]:
            found = api.get("rollbacks").json()["rollbacks"]
            return {rollback["component"]: rollback for rollback in found if rollback["state"] == "completed"}

        wait_until(lambda: _all_at_50(components()), seconds=90, what="they are not all at 50 %")
        _break(running)
        wait_until(lambda: rollbacks().keys() == BROKEN.keys(), seconds=120, what="they are not all taken back")
        wait_until(lambda: components()[HEALTHY]["status"] == "completed", seconds=60, what="the healthy one waits")
        told = {name: (found["trigger"], found["evidence"].get("metric")) for name, found in rollbacks().items()}
        flags = {flag["name"]: flag["servedPercentage"] for flag in api.get("feature-flags").json()["flags"]}
    assert told == {name: (trigger, metric) for name, (_, trigger, metric) in BROKEN.items()}
    assert flags == {HEALTHY: 100, **dict.fromkeys(BROKEN, 0)}


def _all_at_50(components: Mapping[str, Any]) -> bool:
    return all(component["percentage"] == 50 for component in components.values())


def _break(running: Running) -> None:
    with httpx.Client(base_url=running.told["app"], timeout=10, trust_env=False) as app:
        for name, (fault, *_) in BROKEN.items():
            assert app.post(f"/faults/{name}", json={"fault": fault}).status_code == 200
