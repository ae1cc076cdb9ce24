"""The JSON Schema of a written plan, for editors and for tools without Python."""

from typing import Any

from crossfade.plan.written import MigrationPlan

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema, made from the models that check plans; names and references are checked by `check` alone."""
    schema: dict[str, Any] = _tidy(MigrationPlan.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, **schema, "title": "Crossfade migration plan"}


def _tidy(schema: Any) -> Any:
    """Without null, which no plan may contain, and without the titles that repeat the keys."""
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _tidy(part) for key, part in schema.items() if not _is_noise(key, part)}
    if "patternProperties" in kept:
        kept["additionalProperties"] = False  # a key that is no name is refused, not ignored
    if "anyOf" not in kept:
        return kept
    real = [option for option in kept.pop("anyOf") if option != {"type": "null"}]
    return {**kept, **real[0]} if len(real) == 1 else {**kept, "anyOf": real}


def _is_noise(key: str, part: object) -> bool:
    if key == "title":
        return isinstance(part, str)
    return key == "default" and (part is None or isinstance(part, dict))
