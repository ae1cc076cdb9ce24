"""The application's connections to the provider: one for each person who watches, one shared by everything else.

A person's question goes over the person's own connection, which is of the variant that the person had when it was
opened. The other variant is asked over a shared one (in the shadow, as a fallback, by the self-check), and so is a
question whose connection breaks on the way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

import aiohttp

from examples.airports.components.provider_links import HandMadeLink, Link, LinkLost, SdkLink
from examples.airports.directory import Directory
from examples.airports.provider import Provider

Opener: TypeAlias = Callable[[aiohttp.ClientSession, str], Awaitable[Link]]

OPENERS: Mapping[str, Opener] = {"legacy": HandMadeLink.open, "candidate": SdkLink.open}


class Boards:
    """Asks the provider, which is started with the first connection."""

    def __init__(self, directory: Directory) -> None:
        self.provider = Provider(directory)
        self._session: aiohttp.ClientSession | None = None
        self._shared: dict[str, Link] = {}
        self._sharing = asyncio.Lock()
        self._own: dict[tuple[str, str], Link] = {}

    async def attach(self, variant: str, watcher: str) -> None:
        """Open a watcher's connection; LinkLost when there is no getting through."""
        self._own[variant, watcher] = await self._open(variant)

    async def detach(self, variant: str, watcher: str) -> None:
        """Close it in good order, if it is still there."""
        if link := self._own.pop((variant, watcher), None):
            await link.close()

    def is_lost(self, variant: str, watcher: str) -> bool:
        """Whether a watcher's connection broke."""
        link = self._own.get((variant, watcher))
        return link is not None and link.is_lost

    async def cut(self, variant: str, watcher: str) -> None:
        """Have the provider break a watcher's connection off, and return once that is noticed."""
        link = self._own[variant, watcher]
        self.provider.cut(link.sid)
        await link.lost()

    async def ask(self, variant: str, question: Mapping[str, object], *, watcher: str = "") -> Mapping[str, object]:
        """The provider's acknowledgement; LinkLost when the shared connection breaks, too."""
        own = self._own.get((variant, watcher))
        if own is not None and not own.is_lost:
            with suppress(LinkLost):
                return await own.ask(question)
        return await (await self._common(variant)).ask(question)

    async def close(self) -> None:
        """Close everything in good order, then the provider."""
        links = [*self._own.values(), *self._shared.values()]
        self._own.clear()
        self._shared.clear()
        for link in links:
            await link.close()
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self.provider.close()

    async def _common(self, variant: str) -> Link:
        async with self._sharing:
            link = self._shared.get(variant)
            if link is None or link.is_lost:
                link = self._shared[variant] = await self._open(variant)
            return link

    async def _open(self, variant: str) -> Link:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return await OPENERS[variant](self._session, await self.provider.url())
