"""The text of a plan to a plan, or everything that is wrong with it."""

from collections.abc import Iterator, Mapping

from crossfade.plan.components import Surroundings, resolve_component
from crossfade.plan.document import check_document, resolve_approvals, resolve_gate, source_types
from crossfade.plan.explaining import check_form
from crossfade.plan.findings import Findings
from crossfade.plan.merging import merge_component
from crossfade.plan.names import check_names, components
from crossfade.plan.nodes import Node, Path
from crossfade.plan.ramps import check_ramp_form
from crossfade.plan.reading import read
from crossfade.plan.resolved import ComponentPlan, PhasePlan, Plan, Policy
from crossfade.plan.variables import substitute
from crossfade.plan.written import MigrationPlan

# What every component may inherit from; while it is wrong, none can be resolved.
_SHARED: tuple[Path, ...] = tuple((key,) for key in ("defaults", "templates", "approvals", "sources", "environment"))


def load(text: bytes, *, environ: Mapping[str, str], file: str) -> Plan:
    """The plan in the text.

    Args:
        text: The file, as UTF-8.
        environ: What `${NAME}` may stand for.
        file: What the text is called in problems.

    Raises:
        InvalidPlan: With all problems that could be found at once, in the order of the text.
    """
    findings = Findings(file)
    root = read(text, findings)
    if root is not None and not isinstance(root.content, Mapping):
        findings.refuse_text(root.line, root.column, "a plan is a mapping of keys to values")
        root = None
    if root is None:
        raise findings.refused()
    root = substitute(root, environ, findings)
    check_form(root, MigrationPlan, findings)
    check_names(root, findings)
    check_document(root, findings)
    for layer in (root.child("defaults"), *(component for _, component in components(root))):
        check_ramp_form(layer.child("ramp") if layer else None, findings)
    resolved = dict(_resolve_components(root, findings))
    if findings.problems:
        raise findings.refused()
    return _plan(MigrationPlan.model_validate(root.plain()), resolved, findings)


def _resolve_components(root: Node, findings: Findings) -> Iterator[tuple[str, ComponentPlan]]:
    """Each component in which nothing was refused so far, by name."""
    if any(findings.touches_refused(path) for path in _SHARED):
        return
    sound = [node for _, node in components(root) if not findings.touches_refused(node.path)]
    around = Surroundings(
        environment=root.nearest("environment").text or "",
        sources=source_types(root),
        approvals=resolve_approvals(root),
    )
    templates = root.nearest("templates").entries if root.child("templates") else {}
    for node in sound:
        merged = merge_component(node, root.child("defaults"), templates)
        component = resolve_component(merged, around, findings)
        yield component.name, component


def _plan(written: MigrationPlan, resolved: Mapping[str, ComponentPlan], findings: Findings) -> Plan:
    return Plan(
        name=written.metadata.name,
        owner=written.metadata.owner,
        description=written.metadata.description,
        environment=written.environment,
        phases=tuple(
            PhasePlan(
                name=phase.name,
                depends_on=tuple(phase.depends_on),
                components=tuple(resolved[component.name] for component in phase.components),
                gate=resolve_gate(phase.gate),
            )
            for phase in written.phases
        ),
        policy=Policy(
            max_components_ramping=written.policy.max_components_ramping,
            on_component_rollback=written.policy.on_component_rollback,
        ),
        warnings=findings.warnings,
        without_effect=findings.without_effect,
    )
