"""Layers to one: defaults, then the template, then the component.

Mappings merge key by key, metrics and checks by name, other lists and values replace. A later layer's role replaces
the inherited action, and its bound the inherited bound.
"""

from collections.abc import Mapping

from crossfade.plan.nodes import Node

_BOUND = frozenset({"max", "min", "operator", "threshold", "value"})
_DUTY = frozenset({"action", "role"})
_WINDOW = frozenset({"window", "windowMinutes"})
_STEPS = ("template", "steps", "percentages")


def merge_component(component: Node, defaults: Node | None, templates: Mapping[str, Node]) -> Node:
    """The component with everything that it inherits; names of templates must be known."""
    inherited = defaults.entries if defaults else {}
    merged = {**inherited, **component.entries}
    for key in ("flag", "rollback", "experiment", "validation"):
        if (both := _overlay(inherited.get(key), component.child(key))) is not None:
            merged[key] = both
    for key, merge in (("ramp", _ramp), ("thresholds", _thresholds)):
        if key in merged:
            merged[key] = merge(inherited.get(key), component.child(key), _entries(templates, key))
    return component.within(merged)


def metric_name(metric: Node) -> str | None:
    """The name that a metric is merged by: its own, else that of what it reads."""
    named = metric.child("name") or metric.child("metric")
    return named.text if named else None


def _entries(templates: Mapping[str, Node], key: str) -> Mapping[str, Node]:
    kind = templates.get({"ramp": "ramps"}.get(key, key))
    return kind.entries if kind else {}


def _overlay(base: Node | None, top: Node | None) -> Node | None:
    """The top over the base, mapping by mapping."""
    if base is None or top is None or not isinstance(base.content, Mapping) or not isinstance(top.content, Mapping):
        return top or base
    merged = dict(base.entries)
    for key, child in top.entries.items():
        merged[key] = _overlay(merged.get(key), child) or child
    return top.within(merged)


def _ramp(base: Node | None, top: Node | None, templates: Mapping[str, Node]) -> Node:
    """The last layer that says which steps; the steps of its template in place of the template's name."""
    layer = top if top is not None and any(key in top.entries for key in _STEPS) else base
    ramp = layer or top
    assert ramp is not None
    template = ramp.child("template")
    if template is None or template.text is None or template.text not in templates:
        return ramp
    kept = {key: child for key, child in ramp.entries.items() if key != "template"}
    return ramp.within({**kept, "steps": templates[template.text]})


def _thresholds(base: Node | None, top: Node | None, templates: Mapping[str, Node]) -> Node:
    merged = _overlay(base, top)
    assert merged is not None
    template = merged.child("template")
    layers = (
        base.child("metrics") if base else None,
        templates.get(template.text or "") if template else None,
        top.child("metrics") if top else None,
    )
    present = [layer for layer in layers if layer is not None]
    kept = {key: child for key, child in merged.entries.items() if key not in {"metrics", "template"}}
    if present:
        kept["metrics"] = present[-1].within(_by_name(present))
    return merged.within(kept)


def _by_name(layers: list[Node]) -> tuple[Node, ...]:
    """Metrics in the order of their first appearance; a later layer goes over an earlier one."""
    merged: dict[object, Node] = {}
    for layer in layers:
        for metric in layer.items:
            # One without a name is kept apart, under its own place.
            key = metric_name(metric) or metric.path
            merged[key] = _metric(merged[key], metric) if key in merged else metric
    return tuple(merged.values())


def _metric(base: Node, top: Node) -> Node:
    dropped: set[str] = set()
    for alternatives in (_BOUND, _DUTY, _WINDOW):
        if alternatives & top.entries.keys():
            dropped |= alternatives
    kept = {key: child for key, child in base.entries.items() if key not in dropped}
    return top.within({**kept, **top.entries})
