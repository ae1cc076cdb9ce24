"""`${NAME}` in a plan, replaced from a given mapping; the values may be secrets and are never shown.

`$${NAME}` stands for the text `${NAME}` itself.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from crossfade.plan.findings import Findings
from crossfade.plan.nodes import Node, Path

_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_UNCLOSED = re.compile(r"\$\{[^}]*\Z")

# Nothing of these is ever printed, stored with the plan's values, or a name.
_ALLOWED: tuple[Path, ...] = (("sources",), ("channels",), ("environment",))
_WHERE = "is replaced in sources, channels and environment only; write the value here"


def substitute(node: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    """The tree with every reference replaced; what is missing or misplaced is refused."""
    if node.entries:
        return node.within({key: substitute(child, environ, findings) for key, child in node.entries.items()})
    if node.items:
        return node.within(tuple(substitute(child, environ, findings) for child in node.items))
    if node.text is None or "${" not in node.text:
        return node
    return replace(node, content=_replaced(node, node.text, environ, findings))


def _replaced(node: Node, text: str, environ: Mapping[str, str], findings: Findings) -> str:
    def value(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        if not any(node.path[: len(allowed)] == allowed for allowed in _ALLOWED):
            findings.refuse(node, f"${{NAME}} {_WHERE}")
        elif not _NAME.fullmatch(match[1]):
            findings.refuse(node, "write ${NAME} with letters, digits and underscores")
        elif match[1] not in environ:
            findings.refuse(node, f"the environment variable {match[1]} is not set; set it or write the value here")
        return environ.get(match[1], "")

    if _UNCLOSED.search(text):
        findings.refuse(node, "${ is not closed; write ${NAME}, or $${ for the two characters")
    return _REFERENCE.sub(value, text)
