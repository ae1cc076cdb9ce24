"""A cache of rendered pages that knows how much of its memory it uses."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

BUDGET_BYTES = 1 << 20
_EVICT_ABOVE = 0.6


class PageCache:
    """The pages used last, as JSON; the oldest leave when more than 60 % of the budget is in use."""

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._pages: OrderedDict[object, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: object) -> Mapping[str, object] | None:
        """The page of this key, made fresh, so that nobody can alter the stored one."""
        page = self._pages.get(key)
        if page is None:
            return None
        self._pages.move_to_end(key)
        return cast("dict[str, object]", json.loads(page))

    def put(self, key: object, body: Mapping[str, object]) -> None:
        """Keep a page."""
        page = json.dumps(body).encode()
        self._bytes += len(page) - len(self._pages.pop(key, b""))
        self._pages[key] = page
        while self._bytes > self._budget_bytes * _EVICT_ABOVE:
            _, oldest = self._pages.popitem(last=False)
            self._bytes -= len(oldest)

    def kept_bytes(self) -> int:
        """The bytes of the stored pages."""
        return self._bytes
