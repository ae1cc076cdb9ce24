"""Until when a client may believe what it knows about flags with a live run."""

LONGEST_SECONDS = 5.0
"""A stop waits for this long for a client that says nothing, and then takes it to be on legacy."""


class Validity:
    """The instant, on the boot-time clock, up to which flags with a live run are served as known.

    It is renewed only by an answer to a question that was asked at a known instant: what is
    pushed may have waited in a buffer while the process was suspended.
    """

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = float("-inf")

    def renew(self, asked_at: float, valid_for: float) -> None:
        """Extend by what the answer grants, counted from the instant before the question."""
        self.until = max(self.until, asked_at + valid_for)

    def end(self) -> None:
        """Believe nothing any more."""
        self.until = float("-inf")
