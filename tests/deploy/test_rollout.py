"""The command lines of docker-compose.yml as processes: they migrate, serve, work, and end in good order."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from crossfade.sdk import Client
from tests.deploy.compose import ROOT
from tests.deploy.machine import Machine, filled_in, running_machine
from tests.deploy.round_robin import RoundRobin

PATIENCE = 60.0
API = "/api/migration"
PLAN = """
apiVersion: crossfade/v1
kind: MigrationPlan
metadata: {name: one, owner: tests, description: One component through the containers' processes}
environment: production
defaults:
  ramp:
    steps:
      - {percentage: 10, hold: 0s, minSample: 5}
      - {percentage: 100, hold: 0s, minSample: 5}
  bake: 0s
policy: {maxComponentsRamping: 1, onComponentRollback: pausePhase}
phases:
  - name: only
    components: [{name: search}]
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with running_machine() as machine:
        yield machine


def test_the_jobs_make_roles_schema_and_namespace_and_may_be_run_again(machine: Machine) -> None:
    initialise = partial(machine.initialise, ROOT / "deploy/postgres/initialise.sh")
    migrate, namespace = partial(machine.run, "migrate"), partial(machine.run, "temporal-namespace")
    for job in (initialise, migrate, initialise, namespace, namespace):
        done = job()
        assert done.returncode == 0, done.stdout + done.stderr


async def test_the_role_of_the_application_changes_rows_and_nothing_else(machine: Machine) -> None:
    connection = await asyncpg.connect(machine.address("api"))
    try:
        assert await connection.fetchval("select current_user") == "crossfade_app"
        await connection.execute("delete from first_answers")
        for statement in (
            "create table mine ()",
            "create temporary table mine ()",
            "alter table runs add column mine int",
            "drop table runs",
            "truncate outbox",
            "set session_replication_role = replica",  # which would pass by the guards of the audit
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("service", ["migrate", "api", "airports"])
async def test_a_role_needs_its_own_password_and_sees_its_own_database(machine: Machine, service: str) -> None:
    address = machine.address(service)
    password = address.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(address.replace(password, "guessed"))
    for database in ("crossfade", "airports", "temporal", "temporal_visibility"):
        if not address.endswith(f"/{database}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(f"{address.rpartition('/')[0]}/{database}")


async def test_a_rollout_completes_through_two_replicas_and_two_workers(machine: Machine) -> None:
    api = [{"8080": machine.free_port()} for _ in range(2)]
    metrics = [{"9464": machine.free_port()} for _ in range(2)]
    assert not machine.is_healthy("api", api[0])
    assert not machine.is_healthy("worker", metrics[0])
    for number in range(2):
        machine.start("api", number, api[number])
        machine.start("worker", number, metrics[number])

    async with RoundRobin([ports["8080"] for ports in api]) as proxy:
        await until_healthy(machine, "api", api)
        await until_healthy(machine, "worker", metrics)
        migration, served = await roll_out(f"http://127.0.0.1:{proxy.port}")
        names = await replicas(machine)

    assert migration["status"] == "completed", migration
    assert served == {"search": 100}
    assert names == {"api-0", "api-1"}
    assert all(proxy.taken[ports["8080"]] > 0 for ports in api)
    codes = {process.name: process.stop() for process in machine.processes}
    assert codes == dict.fromkeys(["api-0", "worker-0", "api-1", "worker-1"], 0), said(machine)
    assert await replicas(machine) == set()


async def until_healthy(machine: Machine, service: str, replicas: list[dict[str, int]]) -> None:
    async with asyncio.timeout(PATIENCE):
        for ports in replicas:
            # The check itself is a process of some size: not before there is somebody to ask.
            while not (await listens(*ports.values()) and await asyncio.to_thread(machine.is_healthy, service, ports)):
                assert all(process.is_running for process in machine.processes), said(machine)
                await asyncio.sleep(0.2)


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def roll_out(address: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Start the plan, use the component until the migration has ended; how it ended, and what is served then."""
    env = filled_in()
    ended = threading.Event()
    traffic = asyncio.create_task(asyncio.to_thread(use, address, env["CROSSFADE_SDK_TOKEN"], ended))
    headers = {"Authorization": f"Bearer {env['CROSSFADE_ADMIN_TOKEN']}"}
    limits = httpx.Limits(max_keepalive_connections=0)  # each request is a connection, so both replicas are asked
    try:
        async with httpx.AsyncClient(base_url=address, headers=headers, limits=limits, trust_env=False) as client:
            started = await client.post(f"{API}/migrations", json={"plan": PLAN}, timeout=10)
            assert started.status_code == 202, started.text
            async with asyncio.timeout(PATIENCE):
                while True:
                    seen = await client.get(f"{API}/migrations/{started.json()['id']}", timeout=10)
                    if seen.json()["status"] not in {"pending", "running"}:
                        break
                    await asyncio.sleep(0.2)
            flags = (await client.get(f"{API}/feature-flags", timeout=10)).json()["flags"]
    finally:
        ended.set()
        await traffic
    return seen.json(), {flag["name"]: flag["servedPercentage"] for flag in flags}


def use(address: str, token: str, ended: threading.Event) -> None:
    """What an application does with the component, as different users."""
    client = Client(address, token, client_id="tests")
    client.start()
    number = 0
    while not ended.wait(0.01):
        number += 1
        client.switch("search", {"targetingKey": f"u-{number}"}, legacy=lambda: "old", candidate=lambda: "new")
    client.close()


async def replicas(machine: Machine) -> set[str]:
    """Which replicas have a lease."""
    connection = await asyncpg.connect(machine.address("migrate"))
    try:
        rows = await connection.fetch("select * from replicas")
    finally:
        await connection.close()
    return {str(row["replica"]) for row in rows}


def said(machine: Machine) -> str:
    return "\n".join(f"{process.name}: {process.said()[-2000:]}" for process in machine.processes)
