"""Where the traffic goes: most of it to what is ramping."""

from collections.abc import Collection, Mapping

from examples.airports.traffic.questions import COMPONENTS

SHARE_OF_RAMPING = 0.8


def shares(ramping: Collection[str]) -> Mapping[str, float]:
    """Each component's share of all requests; they add up to 1."""
    live = [name for name in COMPONENTS if name in ramping]
    if not live or len(live) == len(COMPONENTS):
        return dict.fromkeys(COMPONENTS, 1 / len(COMPONENTS))
    rest = (1 - SHARE_OF_RAMPING) / (len(COMPONENTS) - len(live))
    return {name: SHARE_OF_RAMPING / len(live) if name in live else rest for name in COMPONENTS}
