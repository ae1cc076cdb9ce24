from examples.airports.people import context


def test_a_user_is_hashed_by_id() -> None:
    assert context("u-0017") == {"targetingKey": "u-0017", "userId": "u-0017", "userGroups": []}


def test_every_twentieth_is_a_beta_tester() -> None:
    testers = [number for number in range(100) if context(f"u-{number:04d}")["userGroups"]]
    assert testers == [0, 20, 40, 60, 80]


def test_nobody_in_particular_is_no_beta_tester() -> None:
    assert context("")["userGroups"] == []
