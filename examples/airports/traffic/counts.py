"""What the answers said: requests and errors per component and variant."""

from collections import Counter
from collections.abc import Mapping

from examples.airports.traffic.questions import COMPONENTS

VARIANTS = ("legacy", "candidate")


class Counts:
    """Counters that only answers change: a request without an answer is not one."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()

    def add(self, component: str, variant: str, *, failed: bool) -> None:
        """One answer; `failed` as the SDK sees it: the variant raised, whoever answered in its place."""
        self._requests[component, variant] += 1
        self._errors[component, variant] += failed

    @property
    def total(self) -> int:
        """All answers so far."""
        return self._requests.total()

    def as_json(self) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
        """Component -> variant -> requests and errors."""
        return {
            component: {
                variant: {
                    "requests": self._requests[component, variant],
                    "errors": self._errors[component, variant],
                }
                for variant in VARIANTS
            }
            for component in COMPONENTS
        }
