"""What the documentation page shows of a dashboard."""

import json

_NOW = "2026-11-22T18:30:02.411209+00:00"
_EARLIER = "2026-11-22T18:10:00.120034+00:00"
_RUN = "019ab2c1-6f00-7b2e-9a54-0c6c7a1d2e3f"

EXAMPLE: dict[str, object] = {
    "environment": "production",
    "generatedAt": _NOW,
    "revision": 42,
    "migration": {
        "id": "019ab2b0-1c00-7a11-8f10-3d5b0e6a9c77",
        "name": "five-phases",
        "number": 1,
        "status": "running",
        "reason": "",
        "startedAt": _EARLIER,
        "finishedAt": None,
        "workflowId": "migration/production/five-phases",
    },
    "systemHealth": {
        "status": "degraded",
        "healthy": False,
        "cause": "search-fuzzy: candidate p95 of 612 ms is above 500 ms.",
        "issues": ["search-fuzzy: candidate p95 of 612 ms is above 500 ms."],
    },
    "progress": {
        "percentage": 25,
        "components": 1,
        "completed": 0,
        "ramping": 1,
        "rolledBack": 0,
        "byStatus": {
            "pending": 0,
            "ramping": 1,
            "held": 0,
            "paused": 0,
            "baking": 0,
            "completed": 0,
            "skipped": 0,
            "rolling_back": 0,
            "rolled_back": 0,
            "stopped": 0,
        },
    },
    "phases": [
        {
            "name": "search",
            "status": "running",
            "reason": "",
            "dependsOn": [],
            "percentage": 25,
            "components": ["search-fuzzy"],
            "checks": [],
            "startedAt": _EARLIER,
            "finishedAt": None,
        }
    ],
    "figuresSeconds": 300,
    "components": [
        {
            "name": "search-fuzzy",
            "phase": "search",
            "status": "ramping",
            "percentage": 25,
            "step": 3,
            "steps": 6,
            "stepPercentages": [1, 5, 25, 50, 75, 100],
            "waitingFor": "hold time",
            "verdict": "pass",
            "reason": "",
            "runId": _RUN,
            "legacy": {
                "requests": 9000,
                "errors": 9,
                "errorRate": 0.001,
                "p95Ms": 41.2,
                "memoryUsage": None,
                "connectionDropRate": None,
            },
            "candidate": {
                "requests": 3000,
                "errors": 0,
                "errorRate": 0,
                "p95Ms": 612,
                "memoryUsage": 0.31,
                "connectionDropRate": None,
            },
        }
    ],
    "performance": {
        "component": None,
        "from": "2026-11-22T17:31:00+00:00",
        "to": _NOW,
        "resolutionSeconds": 60,
        "series": [
            {
                "metric": "responseTime.p95",
                "variant": "candidate",
                "points": [["2026-11-22T17:31:00+00:00", None], ["2026-11-22T17:32:00+00:00", 607.3]],
            }
        ],
    },
    "alerts": {
        "total": 1,
        "bySeverity": {"critical": 0, "high": 1, "medium": 0, "low": 0},
        "active": [
            {
                "id": "019ab2c9-0000-7d2c-a1b2-4f5e6d7c8b9a",
                "component": "search-fuzzy",
                "rule": "slow",
                "severity": "high",
                "state": "firing",
                "firedAt": _NOW,
                "sentence": "candidate p95 of 612 ms is above 500 ms.",
            }
        ],
    },
    "rollbacks": [],
    "validations": [],
    "experiments": [],
}
EXAMPLE_OF_STREAM = f"id: 5d0c2f8e91ab-17\nevent: dashboard\ndata: {json.dumps(EXAMPLE)}\n\n"
