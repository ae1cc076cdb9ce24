"""Nothing is put right because of one look."""

from workflows.suspects import Finding, Suspects


async def nothing() -> None:
    return


def finding(key: str = "a", after: float = 3.0) -> Finding:
    return Finding(key, key, after, nothing)


async def test_what_is_found_long_enough_in_every_look_is_due() -> None:
    suspects, found = Suspects(), [finding()]
    assert [suspects.due(found, now) for now in (10.0, 12.0, 13.0)] == [[], [], found]


async def test_what_one_look_did_not_find_begins_anew() -> None:
    suspects, found = Suspects(), [finding()]
    assert [suspects.due(each, now) for each, now in ((found, 0.0), ([], 2.0), (found, 4.0))] == [[], [], []]
    assert suspects.due(found, 7.0) == found


async def test_what_was_done_gets_time_to_show() -> None:
    suspects, found = Suspects(), [finding()]
    suspects.due(found, 0.0)
    (due,) = suspects.due(found, 3.0)
    suspects.acted(due)
    assert [suspects.due(found, now) for now in (5.0, 7.0, 8.0)] == [[], [], found]


async def test_what_needs_no_second_look_is_due_at_once() -> None:
    at_once = finding(after=0.0)
    assert Suspects().due([at_once, finding("b")], 1.0) == [at_once]
