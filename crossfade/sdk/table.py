"""All flags of one revision, compiled: what a client swaps in with one assignment."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from crossfade.evaluation import Enabled, Evaluate, compile_enabled, compile_flag
from crossfade.flags import Context, Evaluation, Flag, Reason, from_definition
from crossfade.sdk.clocks import boottime
from crossfade.sdk.snapshot import Snapshot
from crossfade.sdk.validity import Validity
from crossfade.states import Variant

log = logging.getLogger("crossfade.sdk")

Lookup: TypeAlias = Callable[[str], Enabled | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One flag, ready to be asked."""

    flag: Flag
    evaluate: Evaluate
    enabled: Enabled
    shadow_share: float
    broken: Evaluation
    """The answer when the evaluation itself failed."""


@dataclass(frozen=True, slots=True)
class Table:
    """The flags of one environment at one revision, and where they came from."""

    environment: str = ""
    revision: int = 0
    epoch: int = 0
    source: str = "none"
    entries: Mapping[str, Entry] = field(default_factory=dict)
    enabled: Mapping[str, Enabled] = field(default_factory=dict)


def build(snapshot: Snapshot, *, source: str, validity: Validity, previous: Table) -> Table:
    """The table of a snapshot; a flag that cannot be read keeps its previous definition, or is legacy if stopped."""
    entries = dict(_entries(snapshot, validity, previous.entries))
    return Table(
        environment=snapshot.environment,
        revision=snapshot.revision,
        epoch=snapshot.epoch,
        source=source,
        entries=entries,
        enabled={name: entry.enabled for name, entry in entries.items()},
    )


def forced(table: Table, *, source: str, reason: Reason) -> Table:
    """The same flags, all on legacy, and unknown ones too, whatever default the caller names."""
    entries = {name: _legacy(entry, reason) for name, entry in table.entries.items()}
    return replace(table, source=source, entries=entries, enabled=_Never())


def _entries(snapshot: Snapshot, validity: Validity, previous: Mapping[str, Entry]) -> Iterable[tuple[str, Entry]]:
    for definition in snapshot.flags:
        name = definition.get("name") if isinstance(definition, Mapping) else None
        before = previous.get(name) if isinstance(name, str) else None
        entry = before
        try:
            flag = from_definition(definition)
            entry = before if before is not None and before.flag == flag else _entry(flag, validity)
        except Exception as error:  # noqa: BLE001 - the others are taken whatever is wrong with one: a stop may be among them
            log.warning("flag %r keeps its previous definition: %s", name, error)
            # Unless it was stopped: this client is about to confirm that it obeys.
            if before is not None and _is_stopped(definition):
                entry = _legacy(before, Reason.DISABLED)
        if entry is not None:
            yield entry.flag.name, entry


def _is_stopped(definition: object) -> bool:
    return isinstance(definition, Mapping) and (definition.get("enabled") is False or definition.get("ceiling") == 0)


def _entry(flag: Flag, validity: Validity) -> Entry:
    evaluate, enabled = compile_flag(flag), compile_enabled(flag)
    # A person who disables a flag wants candidate to run nowhere, not beside requests either.
    shadow_share = float(flag.shadow_share) if flag.enabled else 0.0
    if flag.is_live and (shadow_share or not flag.is_stopped):
        stale = Evaluation(Variant.LEGACY, Reason.STALE, flag.revision)
        evaluate, enabled = _valid_evaluate(evaluate, validity, stale), _valid_enabled(enabled, validity)
    broken = Evaluation(Variant.LEGACY, Reason.ERROR, flag.revision)
    return Entry(flag, evaluate, enabled, shadow_share, broken)


def _valid_evaluate(evaluate: Evaluate, validity: Validity, stale: Evaluation) -> Evaluate:
    def guarded(context: Context) -> Evaluation:
        return evaluate(context) if boottime() <= validity.until else stale

    return guarded


def _valid_enabled(enabled: Enabled, validity: Validity) -> Enabled:
    clock = boottime

    def guarded(context: Context) -> bool:
        return clock() <= validity.until and enabled(context)

    return guarded


def _legacy(entry: Entry, reason: Reason) -> Entry:
    evaluation = Evaluation(Variant.LEGACY, reason, entry.flag.revision)
    return replace(entry, evaluate=lambda _: evaluation, enabled=_no, shadow_share=0.0)


def _no(_: Context) -> bool:
    return False


class _Never(dict[str, Enabled]):
    """Says no for every name."""

    def get(self, _key: str, _default: object = None) -> Enabled:
        return _no
