"""The question that all contenders are asked: 25 % of those who are in a group, in one environment."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from mmh3 import mmh3_32_uintdigest

from crossfade.bucketing import cut, prefix

ENVIRONMENT = "production"
GROUPS = ("beta-testers", "staff")
GROUP = "beta-testers"
PERCENTAGE = 25
KEYS = tuple(f"user-{number}" for number in range(20_000))

Contexts: TypeAlias = Sequence[dict[str, object]]
CONTEXTS: Contexts = tuple(
    {"targetingKey": key, "environment": ENVIRONMENT, "userGroups": [GROUP], "country": "DE"} for key in KEYS
)


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who can be asked.

    Attributes:
        is_on: Whether a flag is on, for a context as this contender wants it.
        contexts: One for each key, made before anything is timed.
        calls: How many a round has.
        loop: Asks for a flag with each context; a loop of its own saves the fast ones a call.
    """

    name: str
    is_on: Callable[[str, Any], bool]
    contexts: Sequence[Any]
    calls: int
    loop: Callable[[str, Sequence[Any]], None]

    @classmethod
    def of(
        cls, name: str, is_on: Callable[[str, Any], bool], contexts: Iterable[Any], *, calls: int = 200
    ) -> "Contender":
        """A contender with the usual loop."""

        def loop(flag: str, asked: Sequence[Any]) -> None:
            for context in asked:
                is_on(flag, context)

        return cls(name, is_on, tuple(contexts), calls, loop)

    def run(self, flag: str) -> Callable[[], None]:
        """A function that asks as often as a round wants, each time for another key."""
        asked = self.contexts[: self.calls]
        return lambda: self.loop(flag, asked)


def flag_names(number: int) -> tuple[str, ...]:
    """The names of so many flags."""
    return tuple(f"flag-{index}" for index in range(number))


def closure(name: str) -> Callable[[dict[str, Any]], bool]:
    """What one would write by hand for one flag, in the order of the model: conditions, then hash."""
    salted, end, digest = prefix(name), cut(Decimal(PERCENTAGE)), mmh3_32_uintdigest
    environment, is_outside = ENVIRONMENT, frozenset(GROUPS).isdisjoint

    def is_on(context: dict[str, Any]) -> bool:
        return (
            context["environment"] == environment
            and not is_outside(context["userGroups"])
            and digest(salted + context["targetingKey"].encode()) < end
        )

    return is_on
