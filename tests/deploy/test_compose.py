"""What docker-compose.yml says, without a Docker engine."""

import re
import subprocess
import sys
import tomllib
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.deploy.compose import JOBS, OURS, ROOT, example, load, services, variables

SERVICES = services()
LONG_RUNNING = SERVICES.keys() - JOBS
PUBLISHED = {
    "proxy": ["127.0.0.1:8080:8080"],
    "temporal-ui": ["127.0.0.1:8233:8080"],
    "airports": ["127.0.0.1:8081:8081"],
}
each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_it_is_a_compose_file_by_the_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_every_part_of_crossfade_is_there() -> None:
    assert SERVICES.keys() == {
        *("postgres", "temporal-schema", "temporal", "temporal-namespace", "temporal-ui"),
        *("migrate", "api", "proxy", "worker", "airports", "traffic"),
    }
    assert {name: SERVICES[name]["deploy"].get("replicas", 1) for name in SERVICES} == {
        **dict.fromkeys(SERVICES, 1),
        "api": 2,
        "worker": 2,
    }
    assert {name for name in SERVICES if SERVICES[name].get("profiles") == ["example"]} == {"airports", "traffic"}


def test_every_variable_is_in_the_example_and_every_line_of_the_example_is_used() -> None:
    assert variables().keys() == example().keys()


def test_nothing_has_a_default_and_the_example_has_no_value() -> None:
    assert {modifier for uses in variables().values() for modifier in uses} == {":?see .env.example"}
    assert set(example().values()) == {""}


@each_service
def test_no_secret_is_written_into_the_file(name: str) -> None:
    secret = re.compile(r"PASSWORD|PWD|TOKEN")
    for variable, value in SERVICES[name].get("environment", {}).items():
        if secret.search(variable):
            assert value.startswith("${"), variable
        for password in re.findall(r"://[^:/@]+:([^@]+)@", value):
            assert re.fullmatch(r"\$\{[A-Z_]+_PASSWORD:\?see .env.example\}", password), variable


@each_service
def test_every_image_has_a_version(name: str) -> None:
    version = SERVICES[name]["image"].partition(":")[2]
    assert re.match(r"[0-9]+\.[0-9]+\.?[0-9]*", version), version


def test_our_image_has_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {SERVICES[name]["image"] for name in OURS} == {f"crossfade:{project['version']}"}
    assert {SERVICES[name]["build"] for name in OURS} == {"."}


@each_service
def test_a_service_can_write_nowhere_and_may_do_nothing_special(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", service["user"])
    assert any(folder.startswith("/tmp:size=") for folder in service["tmpfs"])
    assert service.keys().isdisjoint({"privileged", "cap_add", "network_mode", "pid", "devices", "env_file"})


@each_service
def test_a_service_has_limits_and_time_to_end(name: str) -> None:
    service = SERVICES[name]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["stop_grace_period"] == ("60s" if name == "postgres" else "15s")
    assert service["restart"] == ("on-failure:5" if name in JOBS else "unless-stopped")
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


@each_service
def test_what_runs_on_has_a_health_check_and_what_ends_has_none(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) is (name in LONG_RUNNING)
    if name in LONG_RUNNING:
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
        assert SERVICES[name]["healthcheck"].keys() == {
            *("test", "interval", "timeout", "retries", "start_period", "start_interval")
        }


@each_service
def test_a_service_waits_for_health_or_for_the_end_of_a_job(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed in JOBS else "service_healthy"
        assert how == {"condition": expected}, needed


def test_api_and_worker_wait_for_the_schema_and_everything_can_start() -> None:
    needs = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    assert "migrate" in needs["api"] & needs["worker"]
    assert "temporal-namespace" in needs["worker"]
    started: set[str] = set()
    while ready := {name for name in needs.keys() - started if needs[name] <= started}:
        started |= ready
    assert started == SERVICES.keys()


def test_only_this_machine_reaches_what_is_published_and_never_postgres_or_temporal() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == PUBLISHED
    assert load()["networks"]["backend"] == {"internal": True}
    assert {name for name in SERVICES if SERVICES[name]["networks"] == ["backend"]} == {
        *("postgres", "temporal", "temporal-schema", "temporal-namespace", "migrate")
    }


@each_service
def test_networks_volumes_and_files_exist(name: str) -> None:
    file, service = load(), SERVICES[name]
    assert set(service["networks"]) <= file["networks"].keys()
    for volume in service.get("volumes", []):
        source, target, *options = volume.split(":")
        assert PurePosixPath(target).is_absolute()
        if source.startswith("./"):
            assert (ROOT / source).exists(), source
            assert options == ["ro"]
        else:
            assert source in file["volumes"]


@each_service
def test_a_host_that_an_address_names_is_a_service_in_the_same_network(name: str) -> None:
    for host in _hosts(SERVICES[name]):
        assert set(SERVICES[host]["networks"]) & set(SERVICES[name]["networks"]), host


def _hosts(service: dict[str, Any]) -> set[str]:
    text = str((service.get("environment"), service.get("command")))
    return {host for host in re.findall(r"(?:@|//|')([a-z][a-z-]*):[0-9]+", text) if host != "localhost"}


def test_only_the_migration_has_the_password_of_the_owner() -> None:
    having = {
        name for name, service in SERVICES.items() if "CROSSFADE_OWNER_PASSWORD" in str(service.get("environment"))
    }
    assert having == {"postgres", "migrate"}
