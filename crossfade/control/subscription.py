"""A subscription: a thread that reads the stream and calls back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from threading import Thread, current_thread

from crossfade.control.async_client import AsyncClient
from crossfade.control.errors import ControlError
from crossfade.control.stream import OnError, View
from crossfade.control.views import Dashboard

log = logging.getLogger("crossfade.control")


class Subscription:
    """Calls back for each dashboard until `end`.

    The loop stands still while the callback runs, so that a callback may itself use asyncio.
    """

    def __init__(
        self,
        connect: Callable[[], AsyncClient],
        view: View,
        callback: Callable[[Dashboard], object],
        on_error: OnError | None,
    ) -> None:
        self._connect = connect
        self._callback = callback
        self._view = view
        self._on_error = on_error
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = Thread(target=self._run, name="crossfade-updates", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def end(self) -> None:
        """End it and wait until the thread has ended, except in that thread itself."""
        with suppress(RuntimeError):  # the loop is closed: the thread is at its end
            self._loop.call_soon_threadsafe(self._ending.set)
        if current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            client = self._connect()
            updates = client.updates(self._view.interval, migration=self._view.migration, on_error=self._failed)
            try:
                while (dashboard := runner.run(self._next(updates))) is not None:
                    self._tell(dashboard)
            except ControlError as error:
                self._failed(error)
            except Exception:  # the edge of a thread: whoever waits for callbacks must find out why none comes
                log.exception("the subscription has ended")
            runner.run(client.close())

    async def _next(self, updates: AsyncIterator[Dashboard]) -> Dashboard | None:
        """The next dashboard; None once the subscription is to end."""
        reading = asyncio.ensure_future(anext(updates))
        ending = asyncio.ensure_future(self._ending.wait())
        await asyncio.wait((reading, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if self._ending.is_set():
            reading.cancel()
            await asyncio.wait((reading,))
            return None
        return await reading

    def _tell(self, dashboard: Dashboard) -> None:
        try:
            self._callback(dashboard)
        except Exception:  # the subscriber's own code
            log.exception("a callback of a subscription has failed")

    def _failed(self, error: ControlError) -> None:
        log.warning("the stream of dashboards has failed: %s", error)
        if self._on_error is None:
            return
        try:
            self._on_error(error)
        except Exception:  # the subscriber's own code
            log.exception("an error handler of a subscription has failed")
