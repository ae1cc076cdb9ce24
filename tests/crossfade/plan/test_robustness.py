"""Whatever the text is, the answer is a plan or problems; never another error."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade.plan import from_json, load, to_json
from crossfade.plan.written import MigrationPlan
from tests.crossfade.plan.texts import BASE, ENVIRON, FILE, problems

LINES = BASE.splitlines()
SECTIONS = MigrationPlan.model_json_schema()["$defs"].values()
KEYS = sorted({key for section in SECTIONS for key in section.get("properties", ())})
WORDS = (
    "same", "release", "standard", "golden", "alpha", "beta", "first", "second", "app", "legacy", "rollback", "auto",
    "5m", "0s", "1%", "+10%", "errorRate", "yes", "shadow-compare", "${CHAT_WEBHOOK}", "${NONE}",
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 101), st.floats(), st.sampled_from(WORDS), st.text(max_size=9)
)
TREES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.sampled_from(KEYS), below, max_size=4)),
    max_leaves=8,
)
TOP = ("templates", "defaults", "phases", "approvals", "sources", "channels", "policy", "escalation", "calendar")
SETTINGS = ("ramp", "thresholds", "flag", "validation", "rollback", "experiment", "dependsOn")


def answered(text: bytes) -> bool:
    """Whether the text is a plan; the plan then survives JSON, the problems have places."""
    found = problems(text)
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in found)
    if found:
        return False
    plan = load(text, environ=ENVIRON, file=FILE)
    assert from_json(to_json(plan)) == plan
    return True


def test_the_text_that_the_others_change_is_a_plan() -> None:
    assert answered(BASE.encode())


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_answered(text: bytes) -> None:
    answered(text)


@given(st.integers(0, len(BASE)), st.integers(0, 40), st.text(max_size=12))
@settings(max_examples=100, deadline=None)
def test_any_splice_of_a_plan_is_answered(at: int, length: int, put: str) -> None:
    answered((BASE[:at] + put + BASE[at + length :]).encode("utf-8", "surrogatepass"))


@given(st.lists(st.integers(0, len(LINES) - 1), unique=True, max_size=6))
@settings(max_examples=50, deadline=None)
def test_a_plan_with_lines_missing_is_answered(gone: list[int]) -> None:
    answered("\n".join(line for index, line in enumerate(LINES) if index not in gone).encode())


@given(st.sampled_from(TOP), TREES)
@settings(max_examples=50, deadline=None)
def test_a_plan_with_any_tree_in_place_of_a_section_is_answered(section: str, tree: Any) -> None:
    kept = [line for line in LINES if not line.startswith(f"{section}:")]
    answered("\n".join([*kept, f"{section}: {json.dumps(tree)}"]).encode())


@given(st.sampled_from(SETTINGS), TREES)
@settings(max_examples=100, deadline=None)
def test_a_component_with_any_tree_for_a_setting_is_answered(setting: str, tree: Any) -> None:
    answered(BASE.replace("name: gamma", f"name: gamma\n        {setting}: {json.dumps(tree)}").encode())
