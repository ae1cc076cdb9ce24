"""An application with two implementations of everything, which asks the SDK who serves each of its users."""

import asyncio
from dataclasses import dataclass, field

from crossfade.sdk import Client, Comparison

CALLS = 20
_PAUSE_SECONDS = 0.05
_SAME = Comparison(compare=lambda legacy, candidate: legacy == candidate)


class Broken(Exception):
    """The candidate does not work."""


@dataclass
class Application:
    """Calls every component of a live run for one user after another; some candidates are broken."""

    client: Client
    failing: set[str] = field(default_factory=set)
    differing: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)
    users: int = 0

    async def serve(self) -> None:
        """Serve until cancelled."""
        while True:
            for flag in self.client.flags():
                if flag.is_live:
                    self._serve(flag.name)
            await asyncio.sleep(_PAUSE_SECONDS)

    def ask(self, component: str, user: str) -> str:
        """The answer that a user gets."""

        def candidate() -> str:
            if component in self.failing:
                raise Broken
            return "wrong" if component in self.differing else "right"

        return self.client.switch(
            component, {"targetingKey": user}, legacy=lambda: "right", candidate=candidate, compare=_SAME
        )

    def _serve(self, component: str) -> None:
        for _ in range(CALLS):
            self.users += 1
            self.answers.add(self.ask(component, f"u-{self.users}"))
