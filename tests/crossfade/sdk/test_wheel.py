"""The wheel as an application installs it: alone with its two dependencies in an empty environment."""

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.test_process import HEAVY, ROOT

SERVING = """
import json, sys
from crossfade.sdk import Client
with Client(sys.argv[1], "secret") as client:
    served = client.switch("search", {}, legacy=lambda: "legacy", candidate=lambda: "candidate")
print(json.dumps([served, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def needed(requirements: list[str]) -> Iterator[str]:
    """The distributions that these need, with all that they need themselves."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name
            yield from needed(distribution(requirement.name).requires or [])


def copied(name: str, to: Path) -> None:
    """Install what is installed here already: no registry is asked."""
    site = Path(str(distribution(name).locate_file("")))
    for file in distribution(name).files or ():
        if ".." not in file.parts and (site / file).exists():
            (to / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(site / file, to / file)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    shutil.copytree(ROOT / "crossfade", source / "crossfade", ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "dist")]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (built,) = (tmp_path / "dist").glob("*.whl")
    return built


def test_the_wheel_serves_alone_with_two_dependencies(wheel: Path, tmp_path: Path, server: ProtocolServer) -> None:
    venv.create(tmp_path / "empty")
    (packages,) = (tmp_path / "empty").glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(packages)
        (metadata,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        declared = Parser().parsestr(files.read(metadata).decode()).get_all("Requires-Dist") or []
    own = [requirement for requirement in declared if "extra ==" not in requirement]
    for name in set(needed(own)):
        copied(name, packages)

    server.publish(flag(percentage=100))
    command = [str(tmp_path / "empty" / "bin" / "python"), "-I", "-c", SERVING, server.url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    served, loaded = json.loads(done.stdout)
    assert served == "candidate"
    assert {Requirement(requirement).name for requirement in own} == {"httpx", "mmh3"}
    assert not set(loaded) & set(HEAVY)
    assert not [name for name in HEAVY if (packages / name).exists()]
