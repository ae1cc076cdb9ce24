"""What the manifests of deploy/kubernetes say, without a cluster."""

from typing import Any

import pytest
import yaml

from tests.deploy.compose import ROOT, services

FOLDER = ROOT / "deploy" / "kubernetes"
COMPOSE = services()
TOKENS = {"CROSSFADE_ADMIN_TOKEN", "CROSSFADE_SDK_TOKEN"}


def manifests() -> list[dict[str, Any]]:
    return [each for file in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(file.read_text())]


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in manifests() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> dict[str, dict[str, Any]]:
    """What each pod is made of, by the name of its owner."""
    found = {}
    for each in manifests():
        spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each.get("spec", {})
        if "template" in spec:
            found[each["metadata"]["name"]] = spec["template"]
    return found


PODS = pods()
OF_COMPOSE = {
    "crossfade-migrate": "migrate",
    "crossfade-partitions": "migrate",
    "crossfade-api": "api",
    "crossfade-worker": "worker",
}
each_pod = pytest.mark.parametrize("name", sorted(PODS))


def container(name: str) -> dict[str, Any]:
    (found,) = PODS[name]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_there_is_what_a_deployment_needs_in_no_particular_namespace() -> None:
    assert PODS.keys() == OF_COMPOSE.keys()
    assert {(each["kind"], each["metadata"]["name"]) for each in manifests()} == {
        *(("ConfigMap", "crossfade"), ("Secret", "crossfade"), ("Secret", "crossfade-owner")),
        *(("Job", "crossfade-migrate"), ("CronJob", "crossfade-partitions"), ("Deployment", "crossfade-worker")),
        *(("Deployment", "crossfade-api"), ("Service", "crossfade-api"), ("PodDisruptionBudget", "crossfade-api")),
    }
    assert not any("namespace" in each["metadata"] for each in manifests())


@each_pod
def test_a_pod_runs_what_compose_runs(name: str) -> None:
    service = COMPOSE[OF_COMPOSE[name]]
    assert container(name)["image"] == service["image"]
    # The replica's name comes from the pod, not from a shell.
    command = service["command"][-1].split("exec ")[-1].split() if name == "crossfade-api" else service["command"]
    assert container(name)["command"] == command
    assert f"{PODS[name]['spec']['securityContext']['runAsUser']}" == service["user"].split(":")[0]


@each_pod
def test_a_pod_has_every_variable_that_its_service_has_in_compose(name: str) -> None:
    described = container(name)
    given = {variable["name"] for variable in described.get("env", [])}
    for source in described["envFrom"]:
        ((kind, reference),) = source.items()
        manifest = named("ConfigMap" if kind == "configMapRef" else "Secret", reference["name"])
        given |= (manifest.get("data") or manifest["stringData"]).keys()
    assert COMPOSE[OF_COMPOSE[name]]["environment"].keys() <= given


@each_pod
def test_a_pod_can_write_to_tmp_only_and_may_do_nothing_special(name: str) -> None:
    spec, described = PODS[name]["spec"], container(name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert described["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert described["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert "memory" in described["resources"]["limits"]


def test_no_secret_has_a_value() -> None:
    for name in ("crossfade", "crossfade-owner"):
        assert set(named("Secret", name)["stringData"].values()) == {""}
    assert named("Secret", "crossfade")["stringData"].keys() >= TOKENS
    assert TOKENS.isdisjoint(named("ConfigMap", "crossfade")["data"])


@pytest.mark.parametrize("name", ["crossfade-api", "crossfade-worker"])
def test_two_of_each_are_seen_to_and_have_time_to_end(name: str) -> None:
    deployment, described = named("Deployment", name), container(name)
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["selector"]["matchLabels"] == PODS[name]["metadata"]["labels"]
    ports = {port["name"] for port in described["ports"]}
    probes = [probe for key, probe in described.items() if key.endswith("Probe")]
    assert len(probes) >= 2
    assert {probe["httpGet"]["port"] for probe in probes} <= ports
    assert PODS[name]["spec"]["terminationGracePeriodSeconds"] >= 15


def test_the_service_and_its_budget_find_the_api() -> None:
    labels = PODS["crossfade-api"]["metadata"]["labels"]
    assert named("Service", "crossfade-api")["spec"]["selector"] == labels
    assert named("Service", "crossfade-api")["spec"]["ports"][0]["targetPort"] == "http"
    budget = named("PodDisruptionBudget", "crossfade-api")["spec"]
    assert (budget["selector"]["matchLabels"], budget["minAvailable"]) == (labels, 1)
