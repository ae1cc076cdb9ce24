"""Legacy of `repository-service-layer`: one class that parses, selects, decides and renders."""

import re
from typing import Any

from sqlalchemy import ARRAY, Select, Text, any_, bindparam, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from examples.airports.answers import Answer, Params, problem
from examples.airports.database import PUBLIC, airports
from examples.airports.directory import distance_km


class AlternatesService:
    """Knows everything about alternates: the query string, the tables, the rules of dispatch, and JSON."""

    MOST = 5
    HIGHEST_FT = 8_000
    BY_ICAO = select(*PUBLIC).where(airports.c.icao == bindparam("code"))
    BY_IATA = select(*PUBLIC).where(airports.c.iata == bindparam("code"))
    IN_BAND = select(airports.c.icao, airports.c.latitude, airports.c.longitude).where(
        airports.c.iata != "", airports.c.latitude.between(bindparam("south"), bindparam("north"))
    )
    DETAILS = select(*PUBLIC).where(airports.c.icao == any_(bindparam("codes", type_=ARRAY(Text))))

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def __call__(self, params: Params) -> Answer:
        """From the query to the answer."""
        code = params.get("code", "").strip().upper()
        if not re.fullmatch(r"[A-Z0-9]{3,4}", code, re.ASCII):
            return self._error(400, "malformed-code", "An airport's code has three or four letters or digits.", "code")
        text = params.get("within_km", "").strip() or "200"
        if not re.fullmatch(r"\d{2,3}", text, re.ASCII) or not 50 <= int(text) <= 300:  # noqa: PLR2004 - as it is
            detail = "within_km is a whole number from 50 to 300"
            return self._error(400, "malformed-parameter", detail, "within_km")
        async with self._engine.connect() as connection:
            airport = await self._load(connection, self.BY_ICAO, code)
            if airport is None:
                airport = await self._load(connection, self.BY_IATA, code)
            if airport is None:
                return self._error(404, "unknown-airport", "There is no airport with this code.", "code")
            return await self._answer(connection, airport, int(text))

    def _error(self, status: int, code: str, detail: str, parameter: str) -> Answer:
        return problem(status, code=code, detail=detail, parameter=parameter)

    async def _load(
        self, connection: AsyncConnection, statement: Select[Any], code: str
    ) -> Row[*tuple[Any, ...]] | None:
        found: Row[*tuple[Any, ...]] | None = (await connection.execute(statement, {"code": code})).one_or_none()
        return found

    async def _answer(self, connection: AsyncConnection, airport: Row[*tuple[Any, ...]], within_km: int) -> Answer:
        away: dict[str, float] = {}
        height = within_km / 111.0
        band = {"south": airport.latitude - height, "north": airport.latitude + height}
        for icao, latitude, longitude in (await connection.execute(self.IN_BAND, band)).all():
            kilometres = distance_km(airport.latitude, airport.longitude, latitude, longitude)
            if icao != airport.icao and kilometres <= within_km:
                away[icao] = kilometres
        details = await connection.execute(self.DETAILS, {"codes": list(away)})
        alternates = []
        for row in details.all():
            if row.elevation_ft > self.HIGHEST_FT:
                continue
            points, reasons = 100, []
            if "International" in row.name:
                points += 100
                reasons.append("international")
            if row.country == airport.country:
                points += 50
                reasons.append("same country")
            points -= round(away[row.icao] / 4)
            if row.elevation_ft > airport.elevation_ft:
                points -= (row.elevation_ft - airport.elevation_ft) // 100
                reasons.append("higher")
            alternates.append(
                {
                    "icao": row.icao,
                    "name": row.name,
                    "kilometres": round(away[row.icao], 1),
                    "points": points,
                    "reasons": reasons,
                }
            )
        alternates.sort(key=lambda one: (-one["points"], one["icao"]))
        body = {"icao": airport.icao, "within_km": within_km, "considered": len(alternates)}
        return Answer({**body, "alternates": alternates[: self.MOST]})
