"""Bytes of YAML to nodes, strictly: one document, no aliases, no tags, no surprises.

Plain scalars are read as YAML 1.2 reads them: `on`, `yes`, `22:30` and `2026-01-01` are texts.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

import yaml

from crossfade.plan.findings import Findings
from crossfade.plan.nodes import Node, Path, Scalar

MOST_BYTES = 5 * 1024 * 1024
MOST_NODES = 100_000
DEEPEST = 24
LONGEST_TEXT = 4096
LONGEST_NUMBER = 24

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)
_NOT_A_NUMBER = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

# The same events from both; the one in C is 10 times as fast and not in every wheel.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Unreadable(Exception):
    """Nothing after this place can be trusted."""

    def __init__(self, event: yaml.Event, message: str) -> None:
        self.place = _start(event)
        self.message = message
        super().__init__(message)


def read(text: bytes, findings: Findings) -> Node | None:
    """The tree of the text, or None when it cannot be read; what is wrong is in the findings."""
    decoded = _decode(text, findings)
    if decoded is None:
        return None
    try:
        return _Reader(decoded, findings).document()
    except _Unreadable as refused:
        findings.refuse_text(*refused.place, refused.message)
    except yaml.MarkedYAMLError as error:
        _refuse_yaml(error, findings)
    except yaml.YAMLError:
        findings.refuse_text(1, 1, "control characters are not allowed; save the file as plain UTF-8 text")
    return None


def _refuse_yaml(error: yaml.MarkedYAMLError, findings: Findings) -> None:
    """Where the parser gave up, and where what it was reading began; its own words may repeat the text."""
    at, began = error.problem_mark or error.context_mark, error.context_mark
    place = (at.line + 1, at.column + 1) if at else (1, 1)
    elsewhere = f", and what begins in line {began.line + 1}" if at and began and began.line != at.line else ""
    findings.refuse_text(*place, f"not valid YAML; check indentation, brackets and quotes here{elsewhere}")


def _decode(text: bytes, findings: Findings) -> str | None:
    if len(text) > MOST_BYTES:
        findings.refuse_text(1, 1, "the plan is larger than 5 MiB; split it into several plans")
        return None
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _place(text[: error.start])
        findings.refuse_text(line, column, "not UTF-8; save the file as UTF-8 without a byte order mark")
        return None
    for character, message in (
        ("\ufeff", "a byte order mark is not allowed; save the file as UTF-8 without it"),
        ("\0", "NUL characters are not allowed; save the file as plain UTF-8 text"),
    ):
        if (at := decoded.find(character)) >= 0:
            findings.refuse_text(*_place(decoded[:at].encode()), message)
            return None
    return decoded


def _start(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _place(before: bytes) -> tuple[int, int]:
    return before.count(b"\n") + 1, len(before) - before.rfind(b"\n")


class _Reader:
    """Builds nodes from parser events; the depth is bounded, so that recursion is."""

    def __init__(self, text: str, findings: Findings) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._findings = findings
        self._nodes = 0

    def document(self) -> Node | None:
        """The only document of the stream."""
        next(self._events)
        start = next(self._events)
        if not isinstance(start, yaml.DocumentStartEvent):
            raise _Unreadable(start, "the plan is empty")
        if start.version or start.tags:
            raise _Unreadable(start, "directives are not allowed; remove the line that begins with %")
        root = self._node(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if isinstance(after, yaml.DocumentStartEvent):
            raise _Unreadable(after, "one plan in one file; remove what follows the ---")
        return root

    def _node(self, event: yaml.Event, path: Path, key: yaml.Event | None = None) -> Node:
        self._count(event, path)
        line, column = _start(key or event)
        content: Scalar | dict[str, Node] | tuple[Node, ...]
        if isinstance(event, yaml.MappingStartEvent):
            content = self._mapping(path)
        elif isinstance(event, yaml.SequenceStartEvent):
            content = tuple(self._sequence(path))
        else:
            assert isinstance(event, yaml.ScalarEvent)
            content = _resolve(event.value) if event.implicit[0] else event.value
        node = Node(line, column, path, content)
        if (problem := _problem(content)) is not None:
            self._findings.refuse(node, problem)
        return node

    def _count(self, event: yaml.Event, path: Path) -> None:
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _Unreadable(event, "anchors and aliases are not allowed; use templates or defaults")
        if getattr(event, "tag", None) is not None:
            raise _Unreadable(event, "tags are not allowed; remove what begins with !")
        if len(path) > DEEPEST:
            raise _Unreadable(event, f"nested more than {DEEPEST} levels deep")
        if self._nodes > MOST_NODES:
            raise _Unreadable(event, f"more than {MOST_NODES} values; split it into several plans")

    def _sequence(self, path: Path) -> Iterator[Node]:
        index = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, (*path, index))
            index += 1

    def _mapping(self, path: Path) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            node = self._node(next(self._events), (*path, key), event)
            if key in entries:
                self._findings.refuse(node, "the same key twice; keep one of them")
                continue
            entries[key] = node
        return entries

    def _key(self, event: yaml.Event, path: Path) -> str:
        self._count(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            raise _Unreadable(event, "a key must be a text")
        if event.value == "<<" and event.implicit[0]:
            raise _Unreadable(event, "merge keys are not allowed; use templates or defaults")
        if event.implicit[0] and not isinstance(_resolve(event.value), str):
            raise _Unreadable(event, "a key must be a text; put it in quotes")
        if (problem := _problem(event.value)) is not None:
            raise _Unreadable(event, f"this key is not allowed: {problem}")
        return str(event.value)


def _problem(value: object) -> str | None:
    """Why a scalar is no value of a plan."""
    if value is None:
        return "has no value; give it one or remove the key"
    if isinstance(value, Decimal) and not value.is_finite():
        return "must be a finite number"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"longer than {LONGEST_TEXT} characters"
    if isinstance(value, str) and _FORBIDDEN.search(value):
        return "control characters are not allowed"
    return None


def _resolve(plain: str) -> Scalar:
    """What an unquoted scalar means."""
    if plain in _NULLS:
        return None
    if plain in _BOOLEANS:
        return _BOOLEANS[plain]
    if _NOT_A_NUMBER.fullmatch(plain):
        return Decimal("NaN")
    if len(plain) > LONGEST_NUMBER:
        return plain
    if _INTEGER.fullmatch(plain):
        return int(plain)
    return Decimal(plain) if _NUMBER.fullmatch(plain) else plain
