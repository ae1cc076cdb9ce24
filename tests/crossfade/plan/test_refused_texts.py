"""Texts that are not the strict YAML of a plan."""

import pytest

from crossfade.plan.reading import DEEPEST, MOST_BYTES
from tests.crossfade.plan.texts import BASE, edited, problems

# what stood there, what stands there now, line, field, message
REFUSED = [
    ("owner: team", "owner: &me team", 3, "", "anchors and aliases are not allowed"),
    ("owner: team", "owner: *me", 3, "", "anchors and aliases are not allowed"),
    ("owner: team", "<<: {owner: team}", 3, "", "merge keys are not allowed"),
    ("owner: team", "owner: !!python/name:os.system x", 3, "", "tags are not allowed"),
    ("owner: team", "owner: !!python/object/apply:os.system [id]", 3, "", "tags are not allowed"),
    ("owner: team", "owner: !!str team", 3, "", "tags are not allowed"),
    ("owner: team", "owner: ! team", 3, "", "tags are not allowed"),
    ("metadata: {", "metadata: !!map {", 3, "", "tags are not allowed"),
    ("owner: team", "7: team", 3, "", "a key must be a text"),
    ("owner: team", "~: team", 3, "", "a key must be a text"),
    ("owner: team", "true: team", 3, "", "a key must be a text"),
    ("owner: team", "[a]: team", 3, "", "a key must be a text"),
    ("owner: team", "owner: team, owner: others", 3, "metadata.owner", "the same key twice"),
    ("kind: MigrationPlan", "kind: MigrationPlan\nkind: MigrationPlan", 3, "kind", "the same key twice"),
    ("bake: 24h", "bake: 24h\n  bake: 2h", 29, "defaults.bake", "the same key twice"),
    ("owner: team", "owner: ~", 3, "metadata.owner", "has no value"),
    ("owner: team", 'owner: "a\\0b"', 3, "metadata.owner", "control characters are not allowed"),
    ("owner: team", 'owner: "a\\eb"', 3, "metadata.owner", "control characters are not allowed"),
    ("owner: team", f"description: {'x' * 5000}", 3, "metadata.description", "longer than 4096 characters"),
    ("owner: team}", "owner: team", 4, "", "not valid YAML"),
    ("phases:\n", "phases:\n\t- x\n", 31, "", "not valid YAML"),
    (
        "owner: team",
        "owner: 'team",
        40,
        "",
        "not valid YAML; check indentation, brackets and quotes here, and what begins in line 3",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), REFUSED)
def test_yaml_that_hides_something_is_refused_where_it_stands(
    old: str, new: str, line: int, field: str, says: str
) -> None:
    found = [problem for problem in problems(edited((old, new))) if says in problem.message]

    assert [(problem.line, problem.field) for problem in found] == [(line, field)]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        (b"", 1, 1, "the plan is empty"),
        (b"# nothing\n", 2, 1, "the plan is empty"),
        (b"- a\n- b\n", 1, 1, "a plan is a mapping"),
        (b"just text", 1, 1, "a plan is a mapping"),
        (b"%YAML 1.1\n---\na: 1\n", 1, 1, "directives are not allowed"),
        (b"\xef\xbb\xbf" + BASE.encode(), 1, 1, "byte order mark"),
        (BASE.encode("utf-16"), 1, 1, "not UTF-8"),
        (BASE.encode("utf-32-le"), 1, 2, "NUL characters"),
        (b"\0" + BASE.encode(), 1, 1, "NUL characters"),
        (b"a: \x07\n", 1, 1, "control characters"),
        (b"#" * (MOST_BYTES + 1), 1, 1, "larger than 5 MiB"),
    ],
)
def test_a_text_that_is_no_plan_is_refused(text: bytes, line: int, column: int, says: str) -> None:
    (problem,) = problems(text)

    assert (problem.line, problem.column) == (line, column)
    assert says in problem.message


def test_a_byte_that_is_not_utf8_is_refused_with_its_place() -> None:
    (problem,) = problems(BASE.encode().replace(b"team", b"te\xe4m"))

    assert (problem.line, problem.column) == (3, 34)


def test_a_second_document_is_refused_where_it_begins() -> None:
    (problem,) = problems(BASE + "---\n" + BASE)

    assert problem.line == 40
    assert "one plan in one file" in problem.message


def test_deep_nesting_is_refused_before_it_is_followed() -> None:
    (problem,) = problems("a: " + "[" * 100_000)

    assert problem.message == f"nested more than {DEEPEST} levels deep"


def test_more_values_than_any_plan_has_are_refused() -> None:
    (problem,) = problems("phases: [" + "1," * 100_001 + "]")

    assert "more than 100000 values" in problem.message


def test_words_that_older_yaml_reads_as_something_else_are_texts() -> None:
    """`on`, `yes` and `no` are booleans and 22:30 a number in YAML 1.1; a team called NO must not become false."""
    for word in ("on", "yes", "NO", "22:30", "2026-01-01", "0o17", "1_000"):
        assert problems(edited(("owner: team", f"owner: {word}"))) == ()


def test_a_quoted_number_is_a_text() -> None:
    (problem,) = problems(edited(("minSample: 500", 'minSample: "500"')))

    assert problem.field == "templates.ramps.standard[1].minSample"
