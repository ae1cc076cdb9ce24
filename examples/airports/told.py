"""What goes back over a live connection: the answer, what the traffic counts by, and how it ends."""

from collections.abc import Mapping

from examples.airports.serving import Served

MOVED: Mapping[str, object] = {"moved": True}
"""Nothing was asked and nothing is counted: the person's connection should be another one now."""
MOVED_CLOSE = 4001
BROKEN = 1011
# uvicorn says 1005 (no code) for a connection that broke, too; who closes in good order says 1000 or goes away (1001).
NORMAL_CLOSES = frozenset({1000, 1001, 1012, MOVED_CLOSE})


def told(served: Served) -> Mapping[str, object]:
    """The body with the status, and with what an HTTP answer says in its headers."""
    counted = {"variant": served.variant, "failed": served.failed, "revision": served.revision}
    return {**served.answer.body, "status": served.answer.status, **counted}
