"""Whether the API has counted what the traffic generator has seen answered."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from crossfade.states import Variant
from local.rest import Rest
from local.view import ComponentView, MigrationView

SETTLING_SECONDS = 20.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Count:
    """Requests and errors of one side."""

    requests: int
    errors: int

    def __sub__(self, other: "Count") -> "Count":
        """What was added since the other count."""
        return Count(self.requests - other.requests, self.errors - other.errors)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the API had counted of a component's run before this traffic, and from which revision on to compare."""

    run_id: str | None
    revision: int
    counted: Mapping[Variant, Count]


@dataclass(frozen=True, slots=True)
class Difference:
    """Counts that did not become equal."""

    component: str
    variant: Variant
    api: Count
    traffic: Count


def beginnings(rest: Rest, migration: MigrationView) -> dict[str, Beginning]:
    """Where each component stands before the traffic starts.

    The API's figures are of a run. The generator counts by the flag's revision: of a run that is there already its
    answers are all of that run; otherwise those after today's revision are of the run to come.
    """
    # Before the runs are read: a run that begins in between is then seen as one that is there already.
    revisions = {component.name: rest.flag(component.name).revision for component in migration.components}
    return {
        component.name: Beginning(
            run_id=component.run_id,
            revision=1 if component.run_id else revisions[component.name] + 1,
            counted={variant: _of(component, variant) for variant in Variant},
        )
        for component in rest.migration(migration.id).components
    }


def differences(
    traffic: httpx.Client, look: Callable[[], MigrationView], began: Mapping[str, Beginning]
) -> tuple[int, list[Difference]]:
    """The number of requests compared, and what differs once everything has settled; the traffic rests meanwhile."""
    traffic.post("/pause", timeout=60).raise_for_status()
    try:
        deadline = time.monotonic() + SETTLING_SECONDS
        while True:
            compared, found = _compare(traffic, look(), began)
            if not found or time.monotonic() > deadline:
                return compared, found
            time.sleep(_LOOK_SECONDS)
    finally:
        traffic.post("/resume").raise_for_status()


def _compare(
    traffic: httpx.Client, migration: MigrationView, began: Mapping[str, Beginning]
) -> tuple[int, list[Difference]]:
    compared, found = 0, []
    for component in migration.components:
        if component.run_id is None:
            continue
        start = began[component.name]
        seen = traffic.get("/counts", params={"since": start.revision}).raise_for_status().json()[component.name]
        for variant in Variant:
            theirs = Count(seen[variant]["requests"], seen[variant]["errors"])
            ours = _of(component, variant) - (
                start.counted[variant] if start.run_id == component.run_id else Count(0, 0)
            )
            compared += theirs.requests
            if ours != theirs:
                found.append(Difference(component.name, variant, ours, theirs))
    return compared, found


def _of(component: ComponentView, variant: Variant) -> Count:
    side = component.sides[variant]
    return Count(side.requests, side.errors)
