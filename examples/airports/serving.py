"""A question through the flag: which side answered, and whether candidate failed on the way."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from crossfade.sdk import Client, Comparison
from examples.airports.answers import Answer, Malformed, Params, Side, problem
from examples.airports.component import Component
from examples.airports.faults import Faults

log = logging.getLogger(__name__)

Variant: TypeAlias = Literal["legacy", "candidate"]
LEGACY: Variant = "legacy"
CANDIDATE: Variant = "candidate"


@dataclass(frozen=True, slots=True)
class Served:
    """An answer with the variant that was called first; `failed` when that variant raised.

    When candidate raised, the answer is legacy's: that is one request and one error of candidate. `revision` is the
    flag's at the start, under which the SDK counts the request; 0 for an unknown flag, for which it counts nothing.
    """

    answer: Answer
    variant: Variant
    failed: bool
    revision: int


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a component as they serve: refusals are answers, candidate has its faults."""

    component: Component
    legacy: Side
    candidate: Side
    comparison: "Comparison"


class Serving:
    """All components behind their flags."""

    def __init__(self, client: Client, components: Sequence[Component], faults: Faults) -> None:
        self.client = client
        self.sides = sides_of(components, faults)

    async def serve(self, name: str, params: Params, context: Mapping[str, object]) -> Served:
        """Ask the variant that the flag names; the other one may be asked in its shadow."""
        sides, call = self.sides[name], _Call()

        async def legacy() -> Answer:
            return await call.run(LEGACY, sides.legacy, params)

        async def candidate() -> Answer:
            return await call.run(CANDIDATE, sides.candidate, params)

        revision = self.client.evaluate(name, context).revision
        try:
            answer = await self.client.switch(
                name, context, legacy=legacy, candidate=candidate, compare=sides.comparison
            )
        except Exception:  # a request's edge: whatever legacy raised is one failed request
            log.exception("%s failed", name)
            answer = problem(500, code="internal-error", detail="The application failed to answer.")
        return Served(answer, call.variant, call.failed, revision)


class _Call:
    """Remembers the side that was called first; shadows and fallbacks come after it."""

    __slots__ = ("_called", "failed", "variant")

    def __init__(self) -> None:
        self.variant: Variant = LEGACY
        self.failed = False
        self._called = False

    async def run(self, variant: Variant, side: Side, params: Params) -> Answer:
        is_first, self._called = not self._called, True
        if is_first:
            self.variant = variant
        try:
            return await side(params)
        except Exception:
            self.failed = self.failed or is_first
            raise


def sides_of(components: Iterable[Component], faults: Faults) -> Mapping[str, Sides]:
    """The sides of every component by its name."""
    return {component.name: _sides(component, faults) for component in components}


def _sides(component: Component, faults: Faults) -> Sides:
    return Sides(
        component=component,
        legacy=_refusing(component.legacy),
        candidate=_refusing(faults.candidate(component)),
        comparison=Comparison(compare=component.differences),
    )


def _refusing(side: Side) -> Side:
    async def refusing(params: Params) -> Answer:
        try:
            return await side(params)
        except Malformed as error:
            return error.answer()

    return refusing
