"""What the answers said: requests and errors per component, variant and revision of the flag."""

from collections import Counter
from collections.abc import Mapping, Sequence

VARIANTS = ("legacy", "candidate")


class Counts:
    """Counters that only answers change: a request without an answer is not one.

    Answers under revision 0 came without a flag; the SDK counts none of them, and neither does `as_json`.
    """

    def __init__(self, components: Sequence[str]) -> None:
        self._components = components
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._errors: Counter[tuple[str, str, int]] = Counter()

    def add(self, component: str, variant: str, *, revision: int, failed: bool) -> None:
        """One answer; `failed` as the SDK sees it: the variant raised, whoever answered in its place."""
        self._requests[component, variant, revision] += 1
        self._errors[component, variant, revision] += failed

    @property
    def total(self) -> int:
        """All answers so far."""
        return self._requests.total()

    def as_json(self, *, since: int = 1) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
        """Component -> variant -> requests and errors under this revision of its flag and later ones."""
        return {
            component: {
                variant: {
                    "requests": _sum(self._requests, component, variant, since),
                    "errors": _sum(self._errors, component, variant, since),
                }
                for variant in VARIANTS
            }
            for component in self._components
        }


def _sum(counter: Counter[tuple[str, str, int]], component: str, variant: str, since: int) -> int:
    return sum(
        number
        for (its_component, its_variant, revision), number in counter.items()
        if (its_component, its_variant) == (component, variant) and revision >= since
    )
