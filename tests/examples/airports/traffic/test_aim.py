import pytest

from examples.airports.traffic.aim import shares
from examples.airports.traffic.questions import COMPONENTS


@pytest.mark.parametrize(
    "ramping", [(), ("search-fuzzy",), ("search-fuzzy", "websocket-socketio"), COMPONENTS, ("other",)]
)
def test_the_shares_add_up_to_one(ramping: tuple[str, ...]) -> None:
    assert sum(shares(ramping).values()) == pytest.approx(1)


def test_most_goes_to_what_is_ramping() -> None:
    aimed = shares({"search-fuzzy"})
    assert aimed["search-fuzzy"] == 0.65
    assert min(aimed.values()) == pytest.approx(0.35 / 4)


def test_without_a_ramp_all_are_asked_alike() -> None:
    assert set(shares(()).values()) == {0.2}
