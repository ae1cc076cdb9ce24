"""Whether the components of a phase, and of those before it, still tell the same story."""

from collections.abc import Awaitable, Callable, Mapping

from examples.airports.crosschecks import errors, repository, search, utilities, websocket
from examples.airports.crosschecks.candidates import Candidates, Findings
from examples.airports.serving import Sides

_CHECKS: Mapping[str, Callable[[Candidates, Findings], Awaitable[None]]] = {
    "utilities": utilities.check,
    "search": search.check,
    "errors": errors.check,
    "repository": repository.check,
    "websocket": websocket.check,
}
PHASES = tuple(_CHECKS)


class CrossCheck:
    """The checks over all components; what a fault does to a candidate is seen."""

    def __init__(self, sides: Mapping[str, Sides]) -> None:
        self._candidates = Candidates(sides)

    async def findings(self, phase: str) -> list[Mapping[str, str]]:
        """What is wrong up to this phase, each with the component that says otherwise."""
        findings = Findings()
        for name in PHASES[: PHASES.index(phase) + 1]:
            try:
                await _CHECKS[name](self._candidates, findings)
            except Exception as error:  # noqa: BLE001 - the check's edge: an answer of another shape is a finding
                findings.expect(None, name, f"raised {type(error).__name__}")
        return findings.found
