"""Boards and recommendations show airports as the listing has them."""

from examples.airports.crosschecks.candidates import BOARD, Candidates, Findings, agrees, codes

SIMILAR = "utilities-ml-service"
_KNOWN = ("FRA", "KJFK", "ZRH", "GRU", "SYD")


async def check(candidates: Candidates, findings: Findings) -> None:
    """Board, listing and recommendations agree."""
    cards = await candidates.cards(*_KNOWN)
    findings.expect(len(cards) == len(_KNOWN), BOARD, "an airport is missing on the board")
    for card in cards:
        findings.expect(await candidates.is_listed(card), BOARD, f"{card['icao']} is not listed like this")
    for code in _KNOWN[:3]:
        similar = await candidates.rows(SIMILAR, "similar", like=code)
        shown = {card["icao"]: card for card in await candidates.cards(*codes(similar))}
        for airport in similar:
            card = shown.get(airport["icao"], {})
            findings.expect(card and agrees(airport, card), SIMILAR, f"{airport['icao']} is another on the board")
