"""Documents, identifiers and addresses: values without a database."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import documents, engine
from store.identifiers import uuid7

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.integers(0, 100_000))
def test_every_percentage_survives_as_an_ordinary_number(thousandths: int) -> None:
    percentage = Decimal(thousandths) / 1000
    assert Decimal(str(json.loads(documents.dumps(percentage)))) == percentage


@given(PLAIN)
def test_a_document_has_one_spelling_before_and_after_it_was_stored(value: object) -> None:
    assert documents.canonical(json.loads(documents.dumps(value))) == documents.canonical(value)


def test_numbers_that_are_not_finite_become_null() -> None:
    value = {"a": float("nan"), "b": [float("inf"), 1.5]}
    assert json.loads(documents.dumps(value)) == {"a": None, "b": [None, 1.5]}


def test_values_of_python_become_ordinary_json() -> None:
    identifier = uuid7()
    value = {"id": identifier, "at": datetime(2025, 1, 2, tzinfo=UTC), "for": timedelta(minutes=5)}
    assert json.loads(documents.dumps(value)) == {"id": str(identifier), "at": "2025-01-02T00:00:00+00:00", "for": 300}
    with pytest.raises(TypeError):
        documents.dumps({"what": object()})


def test_identifiers_are_of_version_seven_and_sort_by_time() -> None:
    made = [uuid7() for _ in range(100)]
    assert {(each.version, each.variant) for each in made} == {(7, "specified in RFC 4122")}
    assert len(set(made)) == 100
    assert [each.int >> 80 for each in made] == sorted(each.int >> 80 for each in made)


@pytest.mark.parametrize(
    "given_url",
    ["postgres://app@/app?host=%2Fdir", "postgresql://app@/app?host=/dir", "postgresql+asyncpg://app@/app?host=/dir"],
)
def test_every_spelling_of_an_address_is_understood(given_url: str) -> None:
    url = engine.normalise(engine.database_url({"DATABASE_URL": given_url}))
    assert (url.drivername, url.database, url.query["host"]) == ("postgresql+asyncpg", "app", "/dir")


def test_an_address_of_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="mysql"):
        engine.database_url({"DATABASE_URL": "mysql://app@localhost/app"})


def test_a_password_stays_in_the_address() -> None:
    url = engine.database_url({"DATABASE_URL": "postgresql://app:s%40fe@db:5432/app"})
    assert url == "postgresql+asyncpg://app:s%40fe@db:5432/app"
