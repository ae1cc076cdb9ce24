"""Nearby, standing and alternates tell of the same airports, heights and distances."""

from itertools import pairwise
from typing import cast

from examples.airports.crosschecks.candidates import LISTING, Candidates, Facts, Findings, agrees
from examples.airports.crosschecks.errors import is_near, kilometres

NEARBY = "repository-direct-orm"
STANDING = "repository-pattern-removal"
ALTERNATES = "repository-service-layer"
_KNOWN = ("EDDF", "LSZH", "YSSY")
_RADIUS_KM = 100


async def check(candidates: Candidates, findings: Findings) -> None:
    """The three repositories agree with each other, with the board, the listing and the distances."""
    for card in await candidates.cards(*_KNOWN):
        await _check_standing(candidates, findings, card)
        await _check_alternates(candidates, findings, str(card["icao"]), await _place(candidates, findings, card))


async def _place(candidates: Candidates, findings: Findings, card: Facts) -> Facts:
    rows = await candidates.rows(NEARBY, "airports", city=str(card["city"]), country=str(card["country"]))
    found = next((row for row in rows if row["icao"] == card["icao"]), {})
    findings.expect(found and agrees(card, found), NEARBY, f"{card['icao']} is not in its city like this")
    return found


async def _check_standing(candidates: Candidates, findings: Findings, card: Facts) -> None:
    standing = await candidates.facts(STANDING, code=str(card["icao"]))
    findings.expect(agrees(card, standing), STANDING, f"{card['icao']} is another on the board")
    height, country = cast("int", card["elevation_ft"]), str(card["country"])
    beside = await candidates.rows(
        LISTING, "airports", country=country, min_elevation=str(height), max_elevation=str(height), limit="50"
    )
    for neighbour in cast("list[Facts]", standing["higher"]):
        is_higher = cast("int", neighbour["elevation_ft"]) >= height
        findings.expect(is_higher, STANDING, f"{neighbour['icao']} is not higher than {card['icao']}")
    above = await candidates.facts(LISTING, country=country, min_elevation=str(height + 1), limit="50")
    higher = len(cast("list[Facts]", above["airports"]))
    if not above["more"]:
        is_in_its_place = higher < cast("int", standing["rank"]) <= higher + len(beside)
        findings.expect(is_in_its_place, STANDING, f"{card['icao']} has another number of airports above it")


async def _check_alternates(candidates: Candidates, findings: Findings, icao: str, place: Facts) -> None:
    alternates = await candidates.rows(ALTERNATES, "alternates", code=icao, within_km=str(_RADIUS_KM))
    for airport in alternates:
        expected = await kilometres(candidates, icao, str(airport["icao"]))
        is_right = is_near(airport["kilometres"], expected) and expected <= _RADIUS_KM
        findings.expect(is_right, ALTERNATES, f"{airport['icao']} is {airport['kilometres']} km from {icao}")
    points = [cast("int", airport["points"]) for airport in alternates]
    findings.expect(all(left >= right for left, right in pairwise(points)), ALTERNATES, f"{icao}: not the best first")
    position = {"lat": str(place["latitude"]), "lon": str(place["longitude"]), "radius_km": str(_RADIUS_KM)}
    near = {row["icao"]: row["distance_km"] for row in await candidates.rows(NEARBY, "airports", **position)}
    furthest = max(cast("float", away) for away in near.values())
    for airport in alternates:
        is_nearby = airport["icao"] in near or cast("float", airport["kilometres"]) >= round(furthest, 1)
        findings.expect(is_nearby, NEARBY, f"{airport['icao']} is not near {icao}")
