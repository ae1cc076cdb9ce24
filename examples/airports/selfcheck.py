"""Whether the application still gives the answers that it must: known airports, through both sides of everything."""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.answers import Answer, Params
from examples.airports.database import airports
from examples.airports.directory import Directory
from examples.airports.serving import Sides


class SelfCheck:
    """The check of the whole application; a switch makes it fail."""

    def __init__(self, engine: AsyncEngine, directory: Directory, sides: Iterable[Sides]) -> None:
        self._engine = engine
        self._directory = directory
        self._sides = tuple(sides)
        self.is_broken = False

    async def findings(self) -> list[Mapping[str, str]]:
        """What is wrong, each with the component that it was found in; nothing when all is well."""
        found: list[Mapping[str, str]] = []
        if self.is_broken:
            found.append({"component": "selfcheck", "finding": "broken on request"})
        async with self._engine.connect() as connection:
            rows = await connection.scalar(select(func.count()).select_from(airports))
        if rows != len(self._directory.airports):
            found.append({"component": "database", "finding": "the table does not hold all airports"})
        for sides in self._sides:
            found += [
                {"component": sides.component.name, "finding": finding}
                for params, expected in sides.component.probes
                for finding in await _probe(sides, params, expected)
            ]
        return found


async def _probe(sides: Sides, params: Params, expected: str) -> list[str]:
    try:
        legacy, candidate = await sides.legacy(params), await sides.candidate(params)
    except Exception as error:  # noqa: BLE001 - the check's edge: a side that raises is a finding
        return [f"raised {type(error).__name__}"]
    differing = [f"the sides differ in {path}" for path in sides.component.differences(legacy, candidate)]
    return differing + [f"{expected} is missing" for answer in (legacy, candidate) if not _names(answer, expected)]


def _names(answer: Answer, expected: str) -> bool:
    return f'"{expected}"' in json.dumps(answer.body) or f": {expected}" in json.dumps(answer.body)
