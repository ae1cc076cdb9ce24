import pytest

from tests.crossfade.plan.texts import BASE, edited, loaded, problems


def test_a_missing_variable_is_refused_by_its_name() -> None:
    (problem,) = problems(BASE, environ={})

    assert (problem.line, problem.field) == (8, "channels.chat.url")
    assert problem.message == "the environment variable CHAT_WEBHOOK is not set; set it or write the value here"


def test_the_value_of_a_variable_is_never_shown() -> None:
    (problem,) = problems(BASE, environ={"CHAT_WEBHOOK": "s3cr3t with spaces"})

    assert (problem.line, problem.field) == (8, "channels.chat.url")
    assert "s3cr3t" not in str(problem)


def test_the_environment_may_come_from_a_variable() -> None:
    text = edited(
        ("environment: production\n", "environment: ${STAGE}\n"), (", conditions: {environment: production}", "")
    )

    assert problems(text, environ={"STAGE": "staging", "CHAT_WEBHOOK": "http://c"}) == ()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("owner: team", 'owner: "${TEAM}"', "metadata.owner"),
        ("name: gamma", 'name: "${TEAM}"', "phases[1].components[0].name"),
        ("hold: 1h", 'hold: "${TEAM}"', "templates.ramps.standard[1].hold"),
    ],
)
def test_a_variable_stands_only_where_its_value_is_never_printed(old: str, new: str, field: str) -> None:
    found = problems(edited((old, new)), environ={"TEAM": "s3cr3t", "CHAT_WEBHOOK": "http://c"})

    assert found[0].field == field
    assert "is replaced in sources, channels and environment only" in found[0].message
    assert not any("s3cr3t" in str(problem) for problem in found)


@pytest.mark.parametrize(
    ("written", "says"),
    [("${}", "write ${NAME}"), ("${A-B}", "write ${NAME}"), ("${CHAT_WEBHOOK", "is not closed")],
)
def test_a_malformed_variable_is_refused(written: str, says: str) -> None:
    found = problems(edited(("${CHAT_WEBHOOK}", written)))

    assert says in found[0].message


def test_a_variable_that_is_escaped_is_text() -> None:
    assert loaded(("owner: team", 'owner: "$${TEAM}"')).owner == "${TEAM}"


def test_the_value_of_a_variable_is_not_looked_into_again() -> None:
    assert problems(BASE, environ={"CHAT_WEBHOOK": "http://c/${OTHER}"}) == ()
