"""The names of a plan: each once, each reference to something that exists, no dependency in a circle."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from itertools import islice

from crossfade.plan.findings import Findings
from crossfade.plan.merging import metric_name
from crossfade.plan.nodes import Node, shown

EVENTS_SOURCE = "app"
MOST_COMPARED = 100
LONGEST_CIRCLE = 12


def check_names(root: Node, findings: Findings) -> None:
    """Refuse what is named twice, unknown, or depends on itself; works on parts whose form is wrong, too."""
    _check_phases(root, findings)
    _check_references(root, findings)
    for metrics in (*_all(root, "metrics"), *_entries(root, "templates", "thresholds").values()):
        _once(_named(metrics.items, metric_name), "metric", findings)
    for listing in (*_all(root, "validate"), *_all(root, "dependsOn"), *_all(root, "steps")):
        _once(((item, item.text) for item in listing.items), "entry", findings)
    for phase in _items(root, "phases"):
        _once(_named(_items(phase, "gate", "validate"), _name), "check", findings)


def components(root: Node) -> Iterator[tuple[Node, Node]]:
    """Each phase with each of its components."""
    for phase in _items(root, "phases"):
        for component in _items(phase, "components"):
            yield phase, component


def validations_somewhere(root: Node) -> set[str]:
    """The names of all validations that the plan defines."""
    layers = (root.child("defaults"), *(component for _, component in components(root)))
    return {name for layer in layers if layer for name in _entries(layer, "validation")}


def _check_phases(root: Node, findings: Findings) -> None:
    phases = _items(root, "phases")
    _once(_named(phases, _name), "phase", findings)
    _once(_named((component for _, component in components(root)), _name), "component", findings)
    _check_dependencies(phases, "phase", {}, findings)
    home = {_name(component): _name(phase) for phase, component in components(root)}
    for phase in phases:
        _check_dependencies(_items(phase, "components"), "component", home, findings)


def _check_dependencies(
    nodes: tuple[Node, ...], kind: str, home: Mapping[str | None, str | None], findings: Findings
) -> None:
    """Dependencies among the nodes; `home` names the phase of components elsewhere in the plan."""
    named = {name: node for node in reversed(nodes) if (name := _name(node))}
    known = [name for node in nodes if (name := _name(node)) and named[name] is node]
    graph: dict[str, set[str]] = {name: set() for name in known}
    for node in nodes:
        for needed in _items(node, "dependsOn"):
            name, own = needed.text, _name(node)
            if name in graph and own in graph:
                # Of two with one name only the first is meant.
                graph[own].update({name} if named[own] is node else ())
            elif name in home:
                findings.refuse(needed, f"is in the phase {home[name]}; let this phase depend on that one instead")
            elif name is not None:
                findings.refuse(needed, _unknown(kind, name, known[:MOST_COMPARED]))
    _refuse_circle(graph, nodes, findings)


def _refuse_circle(graph: Mapping[str, set[str]], nodes: tuple[Node, ...], findings: Findings) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        node = next(node for node in nodes if _name(node) in circle)
        names = [shown(name) for name in reversed(circle)]
        way = " needs ".join(
            names if len(names) <= LONGEST_CIRCLE else [*names[: LONGEST_CIRCLE - 2], "...", names[-1]]
        )
        findings.refuse(node.nearest("dependsOn"), f"a circle: {way}; remove one of these dependencies")


def _check_references(root: Node, findings: Findings) -> None:
    ramps, thresholds = _entries(root, "templates", "ramps"), _entries(root, "templates", "thresholds")
    approvals, channels = _entries(root, "approvals"), _entries(root, "channels")
    sources = _entries(root, "sources") or {EVENTS_SOURCE: root}
    checks = validations_somewhere(root)
    for node in root.walk():
        match node.path:
            case (*_, "ramp", "template"):
                _known(node, "ramp template", ramps, findings)
            case (*_, "thresholds", "template"):
                _known(node, "thresholds template", thresholds, findings)
            case (*_, "approval"):
                _known(node, "approval", approvals, findings)
            case (*_, "notify", int()):
                _known(node, "channel", channels, findings)
            case (*_, int(), "source"):
                _known(node, "source", sources, findings)
            case (*above, "validate", int()) if "gate" not in above:
                _known(node, "validation", checks, findings)
    _check_events_source(root, findings)


def _check_events_source(root: Node, findings: Findings) -> None:
    sources = root.child("sources")
    if sources is None or not sources.entries:
        return
    app = sources.child(EVENTS_SOURCE)
    if app is None or app.nearest("type").text == "prometheus":
        findings.refuse(app or sources, f"the source {EVENTS_SOURCE} is what the SDK reports: {{type: events}}")


def _known(node: Node, kind: str, known: Collection[str], findings: Findings) -> None:
    if node.text is not None and node.text not in known:
        findings.refuse(node, _unknown(kind, node.text, list(islice(known, MOST_COMPARED))))


def _unknown(kind: str, name: str, known: list[str]) -> str:
    """What to write instead; only a sensible number of names is compared."""
    if close := get_close_matches(name, known, n=1):
        return f"unknown {kind}; did you mean {shown(close[0])}?"
    listed = ", ".join(shown(one) for one in known[:10])
    return f"unknown {kind}; known are: {listed}" if listed else f"unknown {kind}; none is defined here"


def _once(named: Iterable[tuple[Node, str | None]], kind: str, findings: Findings) -> None:
    first: dict[str, Node] = {}
    for node, name in named:
        if name is not None and first.setdefault(name, node) is not node:
            findings.refuse(node, f"the same {kind} as in line {first[name].line}; keep one or give it another name")


def _named(nodes: Iterable[Node], name: Callable[[Node], str | None]) -> Iterator[tuple[Node, str | None]]:
    return ((node.nearest("name"), name(node)) for node in nodes)


def _name(node: Node) -> str | None:
    name = node.child("name")
    return name.text if name else None


def _entries(node: Node, *path: str) -> Mapping[str, Node]:
    found = node.nearest(*path)
    return found.entries if found.path == (*node.path, *path) else {}


def _items(node: Node, *path: str) -> tuple[Node, ...]:
    found = node.nearest(*path)
    return found.items if found.path == (*node.path, *path) else ()


def _all(root: Node, key: str) -> Iterator[Node]:
    return (node for node in root.walk() if node.path and node.path[-1] == key)
