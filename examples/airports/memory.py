"""What one side of a component keeps in memory, as a share of its budget; and a leak, for the demonstration."""

from collections.abc import Callable

LEAKED_PER_CALL = 0.02
"""The share of the budget that a call leaks: 90 % are reached after some fifty calls, whatever is kept besides."""
LARGEST_LEAK = 3.0


class Memory:
    """A budget and what is used of it: what the side says that it keeps, and what has leaked."""

    def __init__(self, budget_bytes: int, kept_bytes: Callable[[], int]) -> None:
        self.budget_bytes = budget_bytes
        self._kept_bytes = kept_bytes
        self._leaked: list[bytearray] = []

    def usage(self) -> float:
        """The bytes in use as a share of the budget; above 1 beyond it."""
        return (self._kept_bytes() + self.leaked_bytes) / self.budget_bytes

    @property
    def leaked_bytes(self) -> int:
        """What nobody needs and nobody has freed."""
        return sum(map(len, self._leaked))

    def leak(self) -> None:
        """Keep some bytes for ever; no more than three budgets, as the machine is shared."""
        if self.leaked_bytes < LARGEST_LEAK * self.budget_bytes:
            self._leaked.append(bytearray(int(LEAKED_PER_CALL * self.budget_bytes)))

    def free(self) -> None:
        """Mend the leak."""
        self._leaked.clear()
