import json
from pathlib import Path

import pytest

from crossfade.plan import component_from_json, component_to_json, from_json, load, to_json
from tests.crossfade.plan.texts import ENVIRON, loaded

PLANS = sorted((Path(__file__).parents[3] / "plans").glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_a_plan_survives_json(path: Path) -> None:
    plan = load(path.read_bytes(), environ=ENVIRON, file=path.name)

    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_a_component_survives_json() -> None:
    plan = loaded(
        ("environment: production}}", "userGroups: [beta], attributes: {age: {op: gt, values: [17.5]}}}}"),
        ("percentage: 1,", "percentage: 0.125,"),
    )
    component = plan.phases[0].components[0]

    assert component_from_json(json.loads(json.dumps(component_to_json(component)))) == component


def test_percentages_are_exact_in_json() -> None:
    component = loaded(("percentage: 1,", "percentage: 0.3,")).phases[0].components[0]

    assert component_to_json(component)["steps"][0]["percentage"] == "0.3"
