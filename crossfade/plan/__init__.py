"""Plans: what is migrated, in which order, and under which rules."""

from crossfade.plan.codec import component_from_json, component_to_json, from_json, to_json
from crossfade.plan.loading import load

__all__ = ["component_from_json", "component_to_json", "from_json", "load", "to_json"]
