import pytest

from examples.airports.directory import Directory, distance_km


@pytest.mark.parametrize("code", ["EDDF", "eddf", " FRA ", "fra"])
def test_an_airport_is_found_by_icao_and_iata_code(directory: Directory, code: str) -> None:
    airport = directory.find(code)
    assert airport is not None
    assert airport.name == "Frankfurt am Main International Airport"


def test_an_unknown_code_finds_nothing(directory: Directory) -> None:
    assert directory.find("QQQ9") is None


def test_the_airport_after_the_last_is_the_first(directory: Directory) -> None:
    assert directory.after(directory.airports[-1].icao) == directory.airports[0]


def test_frankfurt_and_new_york_are_as_far_apart_as_published(directory: Directory) -> None:
    start, end = directory.find("FRA"), directory.find("JFK")
    assert start is not None
    assert end is not None
    away = distance_km(start.latitude, start.longitude, end.latitude, end.longitude)
    assert away == pytest.approx(6185, rel=0.005)


def test_half_a_turn_is_half_the_circumference() -> None:
    assert distance_km(0, 0, 0, 180) == pytest.approx(20015.1, abs=0.1)


def test_more_than_28000_airports_are_known(directory: Directory) -> None:
    assert len(directory.airports) > 28_000
