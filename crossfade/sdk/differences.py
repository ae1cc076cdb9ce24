"""The field paths at which two results differ."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

DEEPEST = 50
ROOT = "$"


def differences(legacy: object, candidate: object, *, ignore: Sequence[str] = ()) -> Iterator[str]:
    """The paths at which the results differ, each once: `airports[].city`, `total`, `$` for the whole.

    Places of a list are one path, so that a thousand rows cluster. Numbers are compared by
    value, NaN equals NaN, a boolean is no number; tuples are lists, dataclasses are objects.
    """
    yield from dict.fromkeys(_walk(legacy, candidate, "", tuple(ignore), 0))


def is_ignored(path: str, ignore: Iterable[str]) -> bool:
    """Whether the path, or one above it, may differ."""
    return any(path == wanted or path.startswith((f"{wanted}.", f"{wanted}[")) for wanted in ignore)


def _walk(legacy: object, candidate: object, path: str, ignore: tuple[str, ...], depth: int) -> Iterator[str]:
    if is_ignored(path, ignore) or legacy is candidate:
        return
    one, other = _members(legacy), _members(candidate)
    if depth < DEEPEST and one is not None and other is not None:
        yield from _of_objects(one, other, path, ignore, depth)
    elif depth < DEEPEST and isinstance(legacy, list | tuple) and isinstance(candidate, list | tuple):
        yield from _of_lists(legacy, candidate, path, ignore, depth)
    elif not _same(legacy, candidate):
        yield path or ROOT


def _of_objects(
    legacy: Mapping[object, object], candidate: Mapping[object, object], path: str, ignore: tuple[str, ...], depth: int
) -> Iterator[str]:
    for name in dict.fromkeys((*legacy, *candidate)):
        below = f"{path}.{name}" if path else str(name)
        if name in legacy and name in candidate:
            yield from _walk(legacy[name], candidate[name], below, ignore, depth + 1)
        elif not is_ignored(below, ignore):
            yield below


def _of_lists(
    legacy: Sequence[object], candidate: Sequence[object], path: str, ignore: tuple[str, ...], depth: int
) -> Iterator[str]:
    below = f"{path}[]"
    if len(legacy) != len(candidate) and not is_ignored(f"{below}.length", ignore):
        yield f"{below}.length"
    for one, other in zip(legacy, candidate, strict=False):
        yield from _walk(one, other, below, ignore, depth + 1)


def _members(value: object) -> Mapping[object, object] | None:
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return None


def _same(legacy: object, candidate: object) -> bool:
    if isinstance(legacy, bool) is not isinstance(candidate, bool):
        return False
    if isinstance(legacy, float) and isinstance(candidate, float) and legacy != legacy:  # noqa: PLR0124 - NaN
        return candidate != candidate  # noqa: PLR0124 - NaN
    return bool(legacy == candidate)
