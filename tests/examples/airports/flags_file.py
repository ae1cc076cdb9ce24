"""A bootstrap file for the SDK: flags without a server."""

import json
from collections.abc import Mapping
from pathlib import Path

from crossfade.sdk import Client
from examples.airports.traffic.questions import COMPONENTS


def started_client(folder: Path, percentages: Mapping[str, int], *, fallback: bool = True) -> Client:
    """A started client with these percentages and no server; components that are not named are at 0."""
    flags = [
        {
            "name": name,
            "environment": "test",
            "enabled": True,
            "percentage": percentages.get(name, 0),
            "ceiling": 100,
            "fallbackEnabled": fallback,
            "salt": name,
            "revision": 7,
            "epoch": 1,
            "isLive": False,
            "shadowShare": 1,
            "conditions": {},
            "overrides": {},
        }
        for name in dict.fromkeys((*COMPONENTS, *percentages))
    ]
    file = folder / "flags.json"
    file.write_text(json.dumps({"environment": "test", "revision": 7, "epoch": 1, "validFor": 0, "flags": flags}))
    client = Client("http://127.0.0.1:9", "token", bootstrap=file)
    client.start(timeout=0.5)
    return client
