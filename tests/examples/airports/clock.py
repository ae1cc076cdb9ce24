"""A clock that stands still until a test moves it."""

from examples.airports.components.changes import CHANGES_A_SECOND


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def changes(self, number: int) -> None:
        """Go on until so many changes more have happened."""
        self.now += (number + 0.5) / CHANGES_A_SECOND
