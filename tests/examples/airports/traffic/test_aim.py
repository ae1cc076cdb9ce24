import pytest

from examples.airports.traffic.aim import SHARE_OF_RAMPING, shares
from examples.airports.traffic.questions import COMPONENTS


@pytest.mark.parametrize(
    "ramping", [(), ("search-fuzzy",), ("search-fuzzy", "websocket-socketio"), COMPONENTS, ("other",)]
)
def test_the_shares_add_up_to_one(ramping: tuple[str, ...]) -> None:
    assert sum(shares(ramping).values()) == pytest.approx(1)


def test_most_goes_to_what_is_ramping() -> None:
    aimed = shares({"search-fuzzy", "websocket-socketio"})
    assert aimed["search-fuzzy"] == aimed["websocket-socketio"] == SHARE_OF_RAMPING / 2
    assert min(aimed.values()) == pytest.approx((1 - SHARE_OF_RAMPING) / (len(COMPONENTS) - 2))


def test_without_a_ramp_all_are_asked_alike() -> None:
    assert set(shares(()).values()) == {1 / len(COMPONENTS)}
