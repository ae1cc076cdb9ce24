"""A few threads for work that nobody waits for."""

from threading import Event, Thread

import pytest

from crossfade.sdk.pool import Pool
from tests.crossfade.sdk.waiting import until


def refuse(_: Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_without_a_thread_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, done = Pool("test", workers=2, backlog=2), Event()
    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", refuse)
        assert [pool.submit(done.set) for _ in range(10)] == [False] * 10
    assert not done.is_set()
    assert pool.submit(done.set)
    until(done.is_set)


def test_one_thread_does_the_work_of_those_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, done, first = Pool("test", workers=2, backlog=2), Event(), Event()
    assert pool.submit(lambda: until(first.is_set))
    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", refuse)
        assert pool.submit(done.set)
    first.set()
    until(done.is_set)
