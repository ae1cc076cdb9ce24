"""The application as its users see it: requests, connections, and whether it is there at all."""

import asyncio
from collections.abc import Collection

import aiohttp

from examples.airports.traffic.counts import Counts
from examples.airports.traffic.question import Question

# Longer than any answer takes, so that what the application counted is counted here.
ANSWER_SECONDS = 30.0
GONE = (aiohttp.ClientError, TimeoutError, OSError)


class Target:
    """One application at one address."""

    def __init__(self, url: str, session: aiohttp.ClientSession, counts: Counts) -> None:
        self.url = url.rstrip("/")
        self.session = session
        self.counts = counts
        self._is_there = asyncio.Event()

    @property
    def is_there(self) -> bool:
        """Whether it answered the last time."""
        return self._is_there.is_set()

    async def there(self) -> None:
        """Return once the application answers; `ramping` finds that out."""
        await self._is_there.wait()

    def lost(self) -> None:
        """The application did not answer."""
        self._is_there.clear()

    async def ask(self, question: Question, person: str) -> None:
        """Ask once and count the answer."""
        try:
            address, headers = self.url + question.path, {"X-User": person}
            async with self.session.get(address, params=question.params, headers=headers) as answer:
                await answer.read()
        except GONE:
            self.lost()
            return
        if variant := answer.headers.get("X-Variant"):
            failed, revision = answer.headers["X-Failed"] == "1", int(answer.headers["X-Revision"])
            self.counts.add(question.component, variant, revision=revision, failed=failed)

    async def ramping(self) -> Collection[str]:
        """The components with a live run."""
        async with self.session.get(f"{self.url}/flags") as answer:
            flags = (await answer.json())["flags"]
        self._is_there.set()
        return {flag["name"] for flag in flags if flag["isLive"]}

    async def live_variant(self, component: str, person: str) -> str:
        """The variant that this person's connection to a component should have."""
        params, headers = {"component": component}, {"X-User": person}
        async with self.session.get(f"{self.url}/live", params=params, headers=headers) as answer:
            return str((await answer.json())["variant"])
