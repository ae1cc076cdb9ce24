"""The tree of a plan's text; every node knows where it was written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

Scalar: TypeAlias = str | int | Decimal | bool | None
Key: TypeAlias = str | int
Path: TypeAlias = tuple[Key, ...]

LONGEST_NAME_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Node:
    """A value with the place (1-based) of its key, or of itself in a list, and its path in the text.

    A merged node keeps the place of its last layer, its children keep their own.
    """

    line: int
    column: int
    path: Path
    content: "Scalar | Mapping[str, Node] | tuple[Node, ...]"

    @property
    def entries(self) -> "Mapping[str, Node]":
        """The children of a mapping; of anything else none."""
        return self.content if isinstance(self.content, Mapping) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """The children of a list; of anything else none."""
        return self.content if isinstance(self.content, tuple) else ()

    @property
    def field(self) -> str:
        """The path as people write it: `phases[0].components[1].bake`."""
        return field_of(self.path)

    @property
    def text(self) -> str | None:
        """The value of a text, else None."""
        return self.content if isinstance(self.content, str) else None

    def child(self, key: Key) -> "Node | None":
        """The child under a key or at an index."""
        if isinstance(key, str):
            return self.entries.get(key)
        return self.items[key] if 0 <= key < len(self.items) else None

    def nearest(self, *path: Key) -> "Node":
        """The node at the path, or the last one on the way to it that was written."""
        here = self
        for key in path:
            there = here.child(key)
            if there is None:
                return here
            here = there
        return here

    def within(self, content: "Mapping[str, Node] | tuple[Node, ...]") -> "Node":
        """The same place with other children."""
        return replace(self, content=content)

    def plain(self) -> object:
        """The value without places."""
        if isinstance(self.content, Mapping):
            return {key: child.plain() for key, child in self.content.items()}
        if isinstance(self.content, tuple):
            return [child.plain() for child in self.content]
        return self.content

    def walk(self) -> "Iterator[Node]":
        """This node and everything below it, in the order of the text."""
        yield self
        for child in (*self.entries.values(), *self.items):
            yield from child.walk()


def field_of(path: Path) -> str:
    """A path as people write it."""
    field = ""
    for key in path:
        field += f"[{key}]" if isinstance(key, int) else f".{shown(key)}"
    return field.removeprefix(".")


def shown(name: str) -> str:
    """A name that is safe to print: control characters escaped, cut to a readable length."""
    printable = name if name.isprintable() else name.encode("unicode_escape").decode("ascii")
    return printable if len(printable) <= LONGEST_NAME_SHOWN else f"{printable[:LONGEST_NAME_SHOWN]}..."
