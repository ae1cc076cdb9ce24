"""Resolved plans as plain JSON values and back."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from crossfade.plan.resolved import ComponentPlan, Plan

_PLAN = TypeAdapter(Plan)
_COMPONENT = TypeAdapter(ComponentPlan)


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values: percentages as exact texts, durations as ISO 8601."""
    document: dict[str, Any] = _PLAN.dump_python(plan, mode="json")
    return document


def from_json(document: Mapping[str, object]) -> Plan:
    """The plan that `to_json` wrote."""
    return _PLAN.validate_python(document)


def component_to_json(component: ComponentPlan) -> dict[str, Any]:
    """The plan of one component as JSON values."""
    document: dict[str, Any] = _COMPONENT.dump_python(component, mode="json")
    return document


def component_from_json(document: Mapping[str, object]) -> ComponentPlan:
    """The component that `component_to_json` wrote."""
    return _COMPONENT.validate_python(document)
