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
    kept = {
        key: _tidy(part)
        for key, part in schema.items()
        if not (key == "title" and isinstance(part, str)) and not (key == "default" and part is None)
    }
    options = kept.pop("anyOf", None)
    if options is None:
        return kept
    real = [option for option in options if option != {"type": "null"}]
    return {**kept, **real[0]} if len(real) == 1 else {**kept, "anyOf": real}
