"""What the three searches find is listed, and where only one airport is meant they find the same."""

from examples.airports.crosschecks.candidates import Candidates, Findings

PARAMETERS = {"search-fuzzy": "q", "search-full-text": "words", "search-simple-matching": "begins"}
_SEVERAL = ("Frankfurt", "Zurich", "San Francisco", "Sao Paulo")
_ONE = {
    "Frankfurt am Main International Airport": "EDDF",
    "John F Kennedy International Airport": "KJFK",
    "Zürich Airport": "LSZH",
}


async def check(candidates: Candidates, findings: Findings) -> None:
    """Fuzzy search, full text and simple matching agree with the listing and with each other."""
    for component, parameter in PARAMETERS.items():
        for query in _SEVERAL:
            hits = await candidates.rows(component, "hits", **{parameter: query})
            findings.expect(hits, component, f"nothing is found for {query}")
            for hit in hits:
                findings.expect(await candidates.is_listed(hit), component, f"{hit['icao']} is not listed like this")
        for name, icao in _ONE.items():
            hits = await candidates.rows(component, "hits", **{parameter: name})
            findings.expect(hits and hits[0]["icao"] == icao, component, f"{icao} is not the first for its name")
