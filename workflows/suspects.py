"""What does not agree, and since when: nothing is put right because of one look alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree, for how long it must not before it is put right, and how that is done."""

    key: str
    sentence: str
    after: float
    act: Callable[[], Awaitable[None]]


class Suspects:
    """Since when each finding was made in every look."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def due(self, findings: Sequence[Finding], now: float) -> list[Finding]:
        """Give those that have been found in every look for long enough; what was not found now is forgotten."""
        self._since = {each.key: self._since.get(each.key, now) for each in findings}
        return [each for each in findings if now - self._since[each.key] >= each.after]

    def acted(self, finding: Finding) -> None:
        """Give what was done the same time to show."""
        self._since.pop(finding.key, None)
