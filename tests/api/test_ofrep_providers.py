"""The providers of OpenFeature that others have written, against a real server: Node's, the web's, and Python's."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from crossfade.bucketing import serves_candidate
from tests.api.conftest import SDK
from tests.api.test_ofrep import publish
from tests.dashboards import PATIENCE

PACKAGES = (
    "@openfeature/server-sdk@1.23.0",
    "@openfeature/web-sdk@1.10.0",
    "@openfeature/ofrep-provider@0.1.3",
    "@openfeature/ofrep-web-provider@0.4.3",
)
INSTALL_SECONDS = 120
KEYS = [f"user-{number}" for number in range(40)]
SCRIPT = Path(__file__).parent / "providers.mjs"


@pytest.fixture
async def flags(app: FastAPI, admin: httpx.AsyncClient) -> None:
    """Three flags: one that is split, one that is done, one for beta testers."""
    await publish(admin, app, "split", rolloutPercentage=25)
    await publish(admin, app, "done", rolloutPercentage=100)
    await publish(admin, app, "beta", rolloutPercentage=100, conditions={"userGroups": ["beta"]})


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of Node and the script that asks them."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no Node on this machine: its providers are not asked")
    folder = tmp_path_factory.mktemp("node")
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), *PACKAGES]
    done = subprocess.run(install, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install the providers here: {done.stderr.strip()[-200:]}")
    shutil.copy(SCRIPT, folder)
    return folder


@asynccontextmanager
async def asked(node: Path, address: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """What the providers say, line by line."""
    script = str(node / SCRIPT.name)
    process = await asyncio.create_subprocess_exec(
        *("node", "--experimental-eventsource", "--no-warnings", script, address, SDK, *KEYS),
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    output = process.stdout
    assert output is not None

    async def lines() -> AsyncIterator[dict[str, Any]]:
        async for line in output:
            yield json.loads(line)

    try:
        async with asyncio.timeout(PATIENCE):
            yield lines()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.usefixtures("flags")
async def test_nodes_providers_of_server_and_web_see_what_we_serve(
    node: Path, app: FastAPI, address: str, admin: httpx.AsyncClient
) -> None:
    async with asked(node, address) as lines:
        server = (await anext(lines))["server"]
        web = (await anext(lines))["web"]
        changed = (await anext(lines))["onlyAttributesChanged"]
        assert (await anext(lines)) == {"listening": True}
        await publish(admin, app, "done", rolloutPercentage=0)
        pushed = await anext(lines)

    on = [serves_candidate("split", key, 25) for key in KEYS]
    assert server["split"] == on
    assert server["group"] == {"value": True, "variant": "candidate", "reason": "STATIC"}
    assert (server["nowhere"]["value"], server["nowhere"]["errorCode"]) == (False, "FLAG_NOT_FOUND")
    assert (server["keyless"]["value"], server["keyless"]["errorCode"]) == (False, "TARGETING_KEY_MISSING")
    assert web["done"] == {"value": True, "variant": "candidate", "reason": "STATIC"}
    assert (web["beta"], web["split"]) == (False, on[0])
    assert (web["keyless"]["value"], web["keyless"]["errorCode"]) == (True, "FLAG_NOT_FOUND")
    assert (changed["beta"], changed["split"]) == (True, on[0])
    assert pushed["flagsChanged"] == ["done"]
    assert (pushed["pushed"]["done"]["value"], pushed["pushed"]["beta"]) == (False, True)


@pytest.mark.usefixtures("flags")
async def test_pythons_provider_sees_what_we_serve(address: str) -> None:
    def ask() -> tuple[list[bool], Any, Any, Any]:
        client: OpenFeatureClient = api.get_client("remote")
        split = [client.get_boolean_value("split", False, EvaluationContext(key)) for key in KEYS]
        done = client.get_boolean_details("done", False, EvaluationContext("ada"))
        nowhere = client.get_boolean_details("nowhere", True, EvaluationContext("ada"))
        keyless = client.get_boolean_details("split", True, EvaluationContext())
        return split, done, nowhere, keyless

    provider = OFREPProvider(address, headers_factory=lambda: {"Authorization": f"Bearer {SDK}"})
    api.set_provider(provider, "remote")

    split, done, nowhere, keyless = await asyncio.to_thread(ask)

    assert split == [serves_candidate("split", key, 25) for key in KEYS]
    assert (done.value, done.variant, done.reason) == (True, "candidate", Reason.STATIC)
    assert (nowhere.value, nowhere.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    assert (keyless.value, keyless.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)
