"""Our client, started from a file, as it is when there is no server."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.flagging.question import (
    CONTEXTS,
    ENVIRONMENT,
    GROUPS,
    PERCENTAGE,
    Contender,
    closure,
    flag_names,
)
from crossfade.flags import Conditions, Flag, to_definition
from crossfade.sdk import Client
from crossfade.sdk.clocks import boottime
from crossfade.sdk.tally import Tally
from crossfade.states import Variant

CALLS = 2_000
NOWHERE = "http://127.0.0.1:1"


def by_hand() -> Contender:
    """The closure that everything is a multiple of."""
    is_on = closure(flag_names(1)[0])

    def loop(_: str, asked: Sequence[Any]) -> None:
        for context in asked:
            is_on(context)

    return Contender("hand-written closure", lambda _, context: is_on(context), CONTEXTS, CALLS, loop)


def by_hand_in_turn(number: int) -> Contender:
    """So many closures, each asked once before the first is asked again: what the processor's cache costs."""
    by_name = {name: closure(name) for name in flag_names(number)}
    return _in_turn("hand-written closures, in turn", number, lambda name, context: by_name[name](context))


@contextmanager
def in_turn(number: int) -> Iterator[Contender]:
    """The same with `is_enabled`."""
    with _client(number, is_live=False) as client:
        yield _in_turn("is_enabled, in turn", number, client.is_enabled)


def _in_turn(name: str, number: int, is_on: Callable[[str, Any], bool]) -> Contender:
    names = flag_names(number)

    def loop(_: str, asked: Sequence[Any]) -> None:
        for flag, context in zip(cycle(names), asked, strict=False):
            is_on(flag, context)

    return Contender(name, is_on, CONTEXTS, CALLS, loop)


@contextmanager
def clients(number: int) -> Iterator[list[Contender]]:
    """The three methods, for flags without and with a live run."""
    with ExitStack() as entered:
        found: list[Contender] = []
        for is_live in (False, True):
            client = entered.enter_context(_client(number, is_live=is_live))
            found += _methods(client, ", live run" if is_live else "")
        yield found


def folding() -> Contender:
    """Counting a sample and folding it into its group, which the reporter's thread does once a second."""
    tally = Tally("bench")

    def loop(name: str, asked: Sequence[Any]) -> None:
        for _ in asked:
            tally.answered(name, Variant.CANDIDATE, 1, 0.0, 0.003)
        tally.fold()
        tally.take(10)

    return Contender("counting and folding a sample", lambda _, __: True, CONTEXTS, CALLS, loop)


@contextmanager
def _client(number: int, *, is_live: bool) -> Iterator[Client]:
    with TemporaryDirectory() as folder:
        bootstrap = Path(folder) / "flags.json"
        bootstrap.write_text(json.dumps(_snapshot(number, is_live=is_live)))
        with Client(NOWHERE, "nobody", bootstrap=bootstrap) as client:
            # What the answers of a server would do once a second.
            client._serving.validity.renew(boottime(), 3600)  # noqa: SLF001
            yield client


def _snapshot(number: int, *, is_live: bool) -> dict[str, object]:
    conditions = Conditions(environment=ENVIRONMENT, user_groups=GROUPS)
    flag = Flag(
        name="flag",
        environment=ENVIRONMENT,
        percentage=Decimal(PERCENTAGE),
        conditions=conditions,
        revision=1,
        is_live=is_live,
    )
    flags = [to_definition(replace(flag, name=name, salt=name)) for name in flag_names(number)]
    return {"environment": ENVIRONMENT, "revision": 1, "epoch": 1, "validFor": 0, "flags": flags}


def _methods(client: Client, suffix: str) -> list[Contender]:
    def is_enabled(name: str, asked: Sequence[Any]) -> None:
        for context in asked:
            client.is_enabled(name, context)

    def evaluate(name: str, asked: Sequence[Any]) -> None:
        for context in asked:
            client.evaluate(name, context)

    def switch(name: str, asked: Sequence[Any]) -> None:
        for context in asked:
            client.switch(name, context, legacy=_legacy, candidate=_candidate)

    def is_switched(name: str, context: Any) -> bool:
        return client.switch(name, context, legacy=_legacy, candidate=_candidate)

    return [
        Contender(f"is_enabled{suffix}", client.is_enabled, CONTEXTS, CALLS, is_enabled),
        Contender(f"evaluate{suffix}", lambda *of: client.evaluate(*of).is_candidate, CONTEXTS, CALLS, evaluate),
        Contender(f"switch{suffix}", is_switched, CONTEXTS, CALLS, switch),
    ]


def _legacy() -> bool:
    return False


def _candidate() -> bool:
    return True
