import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossfade.plan.schema import DIALECT, json_schema
from tests.crossfade.plan.json_schemas import violations
from tests.crossfade.plan.test_refused_forms import REFUSED
from tests.crossfade.plan.texts import BASE, edited

PLANS = sorted((Path(__file__).parents[3] / "plans").glob("*.yaml"))
EXAMPLE = Path(__file__).parents[2] / "data" / "plan.example.yaml"
SCHEMA = json_schema()
# What a schema cannot say: fine steps of percentages, lengths of durations, texts that look like other things.
BEYOND_A_SCHEMA = (
    "finite", "0.0005", "366d", "9999999999d", "0s", "0h", "1e30", "20000%", "\u0661h", "maxMismatch: 0%", "100%",
    "percentage: .nan", "percentage: -.Inf", "01,", "yes", "0x10", "5e2",
)  # fmt: skip


def parsed(text: str) -> Any:
    # The shared YAML library reads 1.1; none of these texts has a word that 1.2 reads differently.
    return yaml.safe_load(text)


@pytest.mark.parametrize("path", [*PLANS, EXAMPLE], ids=lambda path: path.name)
def test_shipped_plans_follow_the_schema(path: Path) -> None:
    assert list(violations(parsed(path.read_text()), SCHEMA, SCHEMA)) == []


def test_the_schema_is_a_json_document_of_its_dialect() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == DIALECT


def test_the_schema_allows_null_nowhere() -> None:
    assert "null" not in json.dumps(SCHEMA)


@pytest.mark.parametrize(
    ("old", "new"),
    [(old, new) for old, new, *_ in REFUSED if not any(beyond in new for beyond in BEYOND_A_SCHEMA)],
)
def test_the_schema_refuses_what_the_loader_refuses_by_its_form(old: str, new: str) -> None:
    assert list(violations(parsed(edited((old, new))), SCHEMA, SCHEMA)) != []


def test_the_schema_accepts_what_the_loader_accepts() -> None:
    assert list(violations(parsed(BASE), SCHEMA, SCHEMA)) == []
