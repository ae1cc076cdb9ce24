"""The thread that asks the server, each second and at news, what is to be served."""

import logging
import random
from dataclasses import dataclass
from threading import Event, Thread

from crossfade.sdk.cache import Cache
from crossfade.sdk.clocks import boottime
from crossfade.sdk.server import Confirmation, Server, Unreachable
from crossfade.sdk.serving import NETWORK, Serving
from crossfade.sdk.table import Table

log = logging.getLogger("crossfade.sdk")

MOST_FETCHES = 3
"""How often one round follows a revision that keeps moving."""
SHORTEST_PAUSE = 0.05
"""Between the beginnings of two rounds, however much news there is."""
NEWS_PAUSE = 0.1
"""Until it is asked again for what was heard of, where the replica that answered did not know it yet."""
NEWS_SECONDS = 1.0
"""How long that goes on."""


@dataclass(frozen=True, slots=True)
class _News:
    """What the server was heard to serve, and when."""

    revision: int
    epoch: int
    heard_at: float

    def is_after(self, known: Table) -> bool:
        return self.revision > known.revision or self.epoch > known.epoch


_NOTHING = _News(0, 0, float("-inf"))


class Refresher:
    """Confirms what is served and fetches what is newer."""

    def __init__(
        self, server: Server, serving: Serving, *, client_id: str, cache: Cache | None, refresh: float
    ) -> None:
        self._server = server
        self._serving = serving
        self._client_id = client_id
        self._cache = cache
        self._refresh = refresh
        self._ending = Event()
        self._woken = Event()
        self._news = _NOTHING
        self._is_recorded = False
        """Whether a server has said that it knows of this very process; what a parent was told does not count."""
        self._thread = Thread(target=self._run, name="crossfade-refresh", daemon=True)
        self.tried = Event()
        """Set once the first round is over, whatever came of it."""
        self.connected = False
        self.confirmed_at: float | None = None
        """When the question was asked, on the boot-time clock, whose answer was last in agreement."""

    def start(self) -> None:
        """Begin asking."""
        self._thread.start()

    def end(self) -> None:
        """Ask no more; a question under way is still answered."""
        self._ending.set()
        self._woken.set()

    def wake(self) -> None:
        """Ask now."""
        self._woken.set()

    def hear(self, revision: int, epoch: int) -> None:
        """Ask now if that is news."""
        self._news = _News(revision, epoch, heard_at=boottime())
        if self._news.is_after(self._serving.known):
            self.wake()

    def wait(self, timeout: float) -> None:
        """Wait until nothing is under way."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._ending.is_set():
            began = boottime()
            self._woken.clear()  # before the round: what is heard while it lasts needs another
            self._round()
            self.tried.set()
            if self._woken.wait(self._left(began, self._pause())):
                self._ending.wait(self._left(began, SHORTEST_PAUSE))

    def _left(self, began: float, pause: float) -> float:
        return max(0.0, began + pause - boottime())

    def _pause(self) -> float:
        news = self._news
        if news.is_after(self._serving.known) and boottime() - news.heard_at < NEWS_SECONDS:
            return min(self._refresh, NEWS_PAUSE)
        # A little jitter, so that a thousand clients do not ask in step for ever.
        return self._refresh * random.uniform(0.9, 1.0)  # noqa: S311 - not a secret

    def _round(self) -> None:
        try:
            agreed = self._agree()
        except Unreachable as error:
            self._note(connected=False, why=str(error))
        except Exception:  # the edge of a thread: it must outlive any answer, or the flags stay as they are unseen
            log.exception("the flags could not be refreshed")
            self.connected = False
        else:
            self._note(connected=agreed, why="the server knows less than this client")

    def _agree(self) -> bool:
        """Fetch and confirm until both sides speak of the same revision; False if the server is behind."""
        known, news = self._serving.known, self._news
        if known.source != NETWORK:
            self._ask(known)
            self._fetch(None)
        elif self._is_recorded and news.is_after(known):
            self._fetch(known.revision if news.revision > known.revision else None)
        for _ in range(MOST_FETCHES):
            if self._ending.is_set():  # a client that is leaving must not be seen again after its goodbye
                return True
            known = self._serving.table  # what answers is what is confirmed
            asked_at = boottime()
            answer = self._ask(known)
            if (answer.revision, answer.epoch) == (known.revision, known.epoch):
                self._serving.validity.renew(asked_at, answer.valid_for)
                self.confirmed_at = asked_at
                return True
            if answer.revision < known.revision or answer.epoch < known.epoch:
                return False
            self._fetch(known.revision if answer.revision > known.revision else None)
        self.wake()  # what was fetched last is still to be confirmed
        return True

    def _ask(self, known: Table) -> Confirmation:
        answer = self._server.confirm(self._client_id, known.revision, known.epoch)
        self._is_recorded |= answer.is_recorded
        return answer

    def _fetch(self, revision: int | None) -> None:
        """Serve what is newer; it renews nothing: whoever stops the rollout must know of this client first."""
        # Nor would a complete flag, which needs no validity, be taken back from a client that nobody knows of.
        if not self._is_recorded:
            raise Unreachable("the server could not record this client")
        snapshot = self._server.flags(revision)
        if snapshot is not None and self._serving.install(snapshot, source=NETWORK) and self._cache is not None:
            self._cache.write(snapshot)

    def _note(self, *, connected: bool, why: str) -> None:
        if connected is not self.connected:
            log.log(logging.INFO if connected else logging.WARNING, "connected" if connected else f"apart: {why}")
        self.connected = connected
