"""That docs/deploy.md speaks of what there is."""

import re

from tests.deploy.compose import ROOT, services

TEXT = (ROOT / "docs" / "deploy.md").read_text()
CODE = "\n".join(
    file.read_text()
    for file in (ROOT / "worker.py", ROOT / "api" / "settings.py", ROOT / "docker-compose.yml", ROOT / ".env.example")
)


def test_every_file_that_it_names_exists() -> None:
    named = set(re.findall(r"\b((?:deploy|tests|plans|docs)/[a-z_./-]*[a-z])", TEXT))
    named |= {f"docs/{link}" for link in re.findall(r"\]\(([a-z0-9./-]+\.md)\)", TEXT)}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_variable_that_it_names_is_read() -> None:
    named = set(re.findall(r"\bCROSSFADE_[A-Z_]+\b", TEXT))
    assert {name for name in named if name not in CODE} == set()


def test_every_service_that_it_names_is_in_compose() -> None:
    commands = re.findall(r"docker compose (?:stop|exec -T|run --rm|up --detach --wait) ([a-z]+)", TEXT)
    assert set(commands) == {"api", "postgres", "migrate"}
    assert set(commands) <= services().keys()
