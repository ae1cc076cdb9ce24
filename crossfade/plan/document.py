"""What stands beside the phases: sources, approvals, gates, and sections whose function comes later."""

from collections.abc import Mapping
from datetime import timedelta

from crossfade.plan.findings import Findings
from crossfade.plan.nodes import Node
from crossfade.plan.quantities import duration
from crossfade.plan.resolved import Approval, GateCheck
from crossfade.plan.written import Approval as WrittenApproval
from crossfade.plan.written import Gate

APPROVAL_EXPIRES = timedelta(hours=72)
CHECK_TIMEOUT = timedelta(seconds=10)
LONGEST_CHECK = timedelta(minutes=5)

_LATER = {
    "channels": "notices are not sent yet; alerts are stored and shown",
    "escalation": "alerts are not escalated yet; they are stored and shown",
    "calendar": "percentages rise at any hour; the calendar is not looked at yet",
}


def check_document(root: Node, findings: Findings) -> None:
    """Refuse sources that cannot work, and tell which sections have no effect yet."""
    for source in _entries(root, "sources").values():
        _check_source(source, findings)
    for key, message in _LATER.items():
        if (section := root.child(key)) is not None:
            findings.lacks_effect(section, message)
    for approval in _entries(root, "approvals").values():
        if (roles := approval.child("from")) is not None:
            findings.lacks_effect(roles, "roles are not told apart yet; every admin token approves")
    for window in root.nearest("calendar", "allow").items:
        ends = window.child("to")
        if ends is not None and ends.content == window.nearest("from").content:
            findings.refuse(ends, "ends when it begins; write a later time")
    for phase in root.nearest("phases").items:
        for check in phase.nearest("gate", "validate").items:
            _check_gate(check, findings)


def resolve_approvals(root: Node) -> dict[str, Approval]:
    """The approvals of a plan whose section is well formed."""
    return {name: _approval(name, node) for name, node in _entries(root, "approvals").items()}


def source_types(root: Node) -> Mapping[str, str]:
    """The type of each source that is named."""
    return {name: source.nearest("type").text or "" for name, source in _entries(root, "sources").items()}


def resolve_gate(gate: Gate | None) -> tuple[GateCheck, ...]:
    """The checks of a phase."""
    checks = gate.checks if gate else []
    return tuple(
        GateCheck(
            name=check.name,
            type=check.type,
            target=check.target,
            expect_status=check.expect_status,
            timeout=check.timeout or CHECK_TIMEOUT,
        )
        for check in checks
    )


def _check_source(source: Node, findings: Findings) -> None:
    kind = source.nearest("type").text
    if kind == "prometheus":
        findings.lacks_effect(source, "metrics from Prometheus are not read yet")
        if source.child("url") is None:
            findings.refuse(source, "is required: the address of the Prometheus server", "url")
    if kind == "events":
        for key in ("url", "timeout"):
            if (given := source.child(key)) is not None:
                findings.refuse(given, "goes with prometheus; what the SDK reports has no address")


def _approval(name: str, node: Node) -> Approval:
    written = WrittenApproval.model_validate(node.plain())
    return Approval(
        name=name,
        required=written.required,
        roles=tuple(written.roles or ("operator",)),
        reason_required=written.reason_required,
        expires_after=written.expires_after or APPROVAL_EXPIRES,
        on_expire=written.on_expire,
    )


def _check_gate(check: Node, findings: Findings) -> None:
    timeout = check.child("timeout")
    if timeout is None or findings.is_refused(timeout.path):
        return
    if duration(timeout.content) > LONGEST_CHECK:
        findings.refuse(timeout, "longer than 5m; a check answers soon or not at all")


def _entries(root: Node, key: str) -> Mapping[str, Node]:
    section = root.child(key)
    return section.entries if section else {}
