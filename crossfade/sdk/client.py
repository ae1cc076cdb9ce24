"""The client: which side serves whom, and what came of it."""

import atexit
import contextlib
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, cast
from uuid import uuid4

from crossfade.evaluation import unknown_flag
from crossfade.flags import Context, Evaluation, Reason
from crossfade.sdk import fork
from crossfade.sdk.cache import Cache, read_bootstrap
from crossfade.sdk.call import PLAIN, Call, Expected, is_awaitable, sampled
from crossfade.sdk.clocks import boottime
from crossfade.sdk.comparison import Comparison
from crossfade.sdk.connection import Connection
from crossfade.sdk.listener import Listener
from crossfade.sdk.refresher import Refresher
from crossfade.sdk.reporter import Reporter
from crossfade.sdk.server import Server, Unreachable
from crossfade.sdk.serving import BOOTSTRAP, CACHE, Serving
from crossfade.sdk.shadow import Shadows, Side
from crossfade.sdk.status import FlagStatus, Status
from crossfade.sdk.switching import switching
from crossfade.sdk.table import Entry
from crossfade.sdk.tally import Tally
from crossfade.sdk.watch import Watch
from crossfade.states import Variant
from crossfade.wire import COUNTERS, DISTRIBUTIONS, MEMORY_USAGE

P = ParamSpec("P")
T = TypeVar("T")

CLOSING_SECONDS = 2.0
# Looking a member up in its enum costs more than comparing it.
_SENSELESS = Reason.TYPE_MISMATCH
_CANDIDATE = Variant.CANDIDATE
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}")
_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}")


class Client:
    """A client of one server in one environment; thread safe, one per process is enough.

    It starts from the network, else from the last known good file (`cache`), else from the
    file shipped with the application (`bootstrap`, the server's answer saved as it is), else
    everything is legacy. No method but the constructor raises because of the server.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        cache: Path | None = None,
        bootstrap: Path | None = None,
        client_id: str | None = None,
        refresh: float = 1.0,
    ) -> None:
        self._server = Server(url, token)
        self._cache = None if cache is None else Cache(cache)
        self._bootstrap = bootstrap
        self._wish = client_id
        self._refresh = refresh
        self._is_running = False
        self._serving = Serving()
        self._tally = Tally(_client_id(client_id))
        self._shadows = Shadows(self._tally)
        self._connect()

    @property
    def client_id(self) -> str:
        """How the server knows this process."""
        return self._tally.instance

    def start(self, timeout: float = 2.0) -> None:
        """Begin; returns once there are flags from the network, or from elsewhere after the timeout (seconds).

        After `close` it begins anew, with nothing but its name, its counts and whom it tells of changes.
        """
        if self._is_running:
            return
        if self._serving.closed:
            self._renew()
        self._is_running = True
        fork.watch(self)
        atexit.register(self.close)
        self._begin()
        self._refresher.tried.wait(timeout)
        if self._serving.known.source == "none":
            self._start_from_files()

    def close(self) -> None:
        """Report what is left (at most 2 s), serve legacy from here on, and say goodbye."""
        if not self._is_running:
            return
        self._is_running = False
        atexit.unregister(self.close)
        deadline = boottime() + CLOSING_SECONDS
        self._listener.end()
        self._refresher.end()
        self._reporter.end(CLOSING_SECONDS)
        self._refresher.wait(max(0.2, deadline - boottime()))
        # First legacy, then the goodbye: the server takes it as proof that nothing is served any more.
        self._serving.close()
        self._shadows.end()
        with contextlib.suppress(Unreachable):
            self._server.leave(self.client_id, timeout=max(0.2, deadline - boottime()))
        self._watch.end()
        self._server.close()

    def is_enabled(self, name: str, context: Context, default: bool = False) -> bool:  # noqa: FBT001, FBT002 - OpenFeature's shape
        """Whether candidate serves this context; `default` is for a flag that does not exist."""
        decide = self._serving.table.enabled.get(name)
        if decide is None:
            return default
        try:
            return decide(context)
        except Exception:  # noqa: BLE001 - whatever was passed as a context, the application goes on, on legacy
            self._tally.evaluation_errors.add()
            return False

    def evaluate(self, name: str, context: Context) -> Evaluation:
        """The variant for this context, and why."""
        entry = self._serving.table.entries.get(name)
        return unknown_flag() if entry is None else self._evaluate(entry, context)

    def switch(
        self,
        name: str,
        context: Context,
        *,
        legacy: Callable[[], T],
        candidate: Callable[[], T],
        compare: Comparison | None = None,
        expected: Expected = (),
    ) -> T:
        """Run the side that serves this context, and give its result; an awaitable of coroutine functions.

        The call is timed and counted. When candidate raises, legacy answers instead (unless
        the flag says otherwise) and candidate's error is counted. Exceptions of legacy, and
        those of the types `expected`, which are answers and no errors, go to the caller
        unchanged. With `compare`, a share of the calls that the flag names also runs the
        other side, beside the request.
        """
        entry = self._serving.table.entries.get(name)
        if entry is None:
            return legacy()
        evaluation = self._evaluate(entry, context)
        variant = evaluation.variant
        comparison = compare and sampled(compare, entry, evaluation)
        started = perf_counter()
        try:
            result = candidate() if variant is _CANDIDATE else legacy()
        except BaseException as error:
            call = self._call(entry, variant, (legacy, candidate), expected, comparison)
            failure = call.failed(error, started, in_loop=False)
            if failure is None:
                raise
        else:
            if comparison is None and (type(result) in PLAIN or not is_awaitable(result)):
                self._tally.answered(name, variant, evaluation.revision, started, perf_counter())
                return result
            call = self._call(entry, variant, (legacy, candidate), expected, comparison)
            return cast("T", call.finish_or_count(result, started))
        # Outside of the except clause, so that what legacy raises carries no context of candidate's.
        return cast("T", call.fall_back(failure))

    def switching(
        self,
        name: str,
        *,
        legacy: Callable[P, T],
        context: Callable[P, Context],
        compare: Comparison | None = None,
        expected: Expected = (),
    ) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """A decorator of candidate: its calls run the side that serves the `context` of their arguments.

        The rest is as with `switch`. If one side is a coroutine function, so is the result.
        """
        return switching(self.switch, name, legacy=legacy, context=context, compare=compare, expected=expected)

    def connection(self, name: str, context: Context) -> Connection:
        """Open a long connection; its `variant` says which side is to serve it."""
        return Connection(self, self._tally, name=name, context=context)

    def gauge(self, name: str, variant: Variant | str, value: float, metric: str = MEMORY_USAGE) -> None:
        """Report a level, such as memory as a fraction of its budget.

        Of each variant, 50 metrics are told within 10 s; values of others are dropped and counted.

        Raises:
            ValueError: There is no such variant, or the metric's name is not one of a gauge.
        """
        if not _METRIC.fullmatch(metric) or metric in COUNTERS | DISTRIBUTIONS:
            raise ValueError("a gauge is named by 1 to 100 letters, digits, . and _, and not as what is counted")
        entry = self._serving.table.entries.get(name)
        if entry is not None:
            self._tally.gauged(name, Variant(variant), entry.flag.revision, metric, value)

    def status(self) -> Status:
        """How this client stands."""
        table, confirmed_at = self._serving.table, self._refresher.confirmed_at
        return Status(
            connected=self._refresher.connected and self._is_running,
            revision=table.revision,
            age=None if confirmed_at is None else boottime() - confirmed_at,
            source=table.source,
            streaming=self._listener.connected and self._is_running,
            dropped=self._tally.dropped.value,
            comparisons_dropped=self._tally.comparisons_dropped.value,
            evaluation_errors=self._tally.evaluation_errors.value,
        )

    def on_change(self, tell: Callable[[tuple[str, ...]], None] | None) -> None:
        """Have a function called with the names of the flags that have changed; None calls nobody any more.

        It runs in the thread that has brought them: it should be quick, and what it raises is logged.
        """
        self._serving.tell = tell

    def flags(self) -> tuple[FlagStatus, ...]:
        """What is known about each flag."""
        flags = (entry.flag for entry in self._serving.table.entries.values())
        return tuple(FlagStatus(flag.name, flag.is_live, flag.served_percentage) for flag in flags)

    def after_fork(self) -> None:
        """Be a client of its own in a forked child: new threads, new connections, new name, nothing twice."""
        self._serving.after_fork()
        self._tally.restart(_client_id(self._wish, child=True))
        self._shadows.forget()
        self._server = self._server.anew()
        self._connect()
        if self._is_running:
            self._begin()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _evaluate(self, entry: Entry, context: Context) -> Evaluation:
        try:
            evaluation = entry.evaluate(context)
        except Exception:  # noqa: BLE001 - see is_enabled
            self._tally.evaluation_errors.add()
            return entry.broken
        if evaluation.reason is _SENSELESS:
            self._tally.evaluation_errors.add()
        return evaluation

    def _call(
        self,
        entry: Entry,
        variant: Variant,
        sides: tuple[Side, Side],
        expected: Expected,
        comparison: Comparison | None,
    ) -> Call:
        return Call(
            entry,
            variant,
            sides,
            expected=expected,
            comparison=comparison,
            tally=self._tally,
            shadows=self._shadows,
        )

    def _connect(self) -> None:
        self._refresher = Refresher(
            self._server, self._serving, client_id=self.client_id, cache=self._cache, refresh=self._refresh
        )
        self._listener = Listener(self._server, hear=self._refresher.hear, lost=self._refresher.wake)
        self._reporter = Reporter(self._server, self._tally, client_id=self.client_id, interval=self._refresh)
        self._watch = Watch(self._serving.apply_force, self._server.hang_up, pause=self._refresh)

    def _renew(self) -> None:
        # What may still be under way keeps the closed one.
        tell, self._serving = self._serving.tell, Serving()
        self._serving.tell = tell
        self._shadows = Shadows(self._tally)
        self._server = self._server.anew()
        self._connect()

    def _begin(self) -> None:
        self._serving.apply_force()
        for thread in (self._watch, self._refresher, self._listener, self._reporter):
            thread.start()

    def _start_from_files(self) -> None:
        snapshot = None if self._cache is None else self._cache.read()
        if snapshot is not None and self._serving.install(snapshot, source=CACHE):
            return
        snapshot = None if self._bootstrap is None else read_bootstrap(self._bootstrap)
        if snapshot is not None:
            self._serving.install(snapshot, source=BOOTSTRAP)


def _client_id(wish: str | None, *, child: bool = False) -> str:
    if wish is None:
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40].strip("-")
        return f"{host or 'client'}-{os.getpid()}-{uuid4().hex[:8]}"
    if not _CLIENT_ID.fullmatch(wish):
        raise ValueError("a client id is 1 to 100 letters, digits, . _ : @ -, and begins with a letter or digit")
    return f"{wish}-{os.getpid()}" if child else wish
