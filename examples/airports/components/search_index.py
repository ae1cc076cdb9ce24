"""What both searches look through: the short forms of names and cities, found by their trigrams."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from examples.airports.directory import Airport, Directory
from examples.airports.text import essence

_MOST_POSTINGS = 3000
_FEWEST_TRIGRAMS = 4


class SearchIndex:
    """Keys (short names and cities in one spelling) with their airports, the most important first."""

    def __init__(self, directory: Directory, spelling: Callable[[str], str]) -> None:
        grouped: dict[str, list[Airport]] = defaultdict(list)
        for airport in directory.airports:
            for key in forms(airport.name, airport.city, spelling):
                grouped[key].append(airport)
        self.keys: Sequence[str] = sorted(grouped)
        self.airports: Sequence[Sequence[Airport]] = [
            sorted(grouped[key], key=lambda airport: (-airport.importance, airport.icao)) for key in self.keys
        ]
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, key in enumerate(self.keys):
            for trigram in trigrams(key):
                self._places[trigram].append(place)

    def sharing(self, text: str, *, most: int, keep: Callable[[str], bool] | None = None) -> Iterable[int]:
        """The places of the keys that share most trigrams with text, at most so many that are to be kept.

        A key must share a quarter of the trigrams that were looked at: the rarest, as a common one tells little.
        """
        postings = self._postings(text)
        shared: Counter[int] = Counter()
        for posting in postings:
            shared.update(posting)
        least = max(1, len(postings) // 4)
        kept = [(-count, place) for place, count in shared.items() if count >= least]
        if keep is not None:
            kept = [entry for entry in kept if keep(self.keys[entry[1]])]
        return [place for _, place in sorted(kept)[:most]]

    def _postings(self, text: str) -> Sequence[Sequence[int]]:
        rarest = sorted((self._places.get(trigram, ()) for trigram in trigrams(text)), key=len)
        total, taken = 0, 0
        for taken, posting in enumerate(rarest):
            total += len(posting)
            if total > _MOST_POSTINGS and taken >= _FEWEST_TRIGRAMS:
                return rarest[:taken]
        return rarest


def forms(name: str, city: str, spelling: Callable[[str], str]) -> set[str]:
    """What people call an airport: its short name, its city, and its short name without the city ("heathrow")."""
    whole, place = essence(spelling(name)), essence(spelling(city))
    within = set(place.split())
    rest = " ".join(word for word in whole.split() if word not in within)
    return {whole, place, rest} - {""}


def trigrams(text: str) -> set[str]:
    """All runs of three characters, with the beginning and the end marked."""
    padded = f"  {text} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}
