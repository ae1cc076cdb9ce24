"""How a flag is read from and written to its row."""

from decimal import Decimal

from sqlalchemy import RowMapping

from crossfade.flags import Flag, from_conditions, to_conditions
from crossfade.percentages import canonical
from crossfade.states import Variant
from store.documents import Document


def columns(flag: Flag) -> Document:
    """Gives a flag as the columns of its row."""
    return {
        "environment": flag.environment,
        "name": flag.name,
        "enabled": flag.enabled,
        "percentage": flag.percentage,
        "ceiling": flag.ceiling,
        "conditions": to_conditions(flag.conditions),
        "overrides": {key: variant.value for key, variant in flag.overrides.items()},
        "fallback_enabled": flag.fallback_enabled,
        "salt": flag.salt,
        "targeting_key": flag.targeting_key,
        "shadow_share": float(flag.shadow_share),
        "is_live": flag.is_live,
        "revision": flag.revision,
        "epoch": flag.epoch,
    }


def from_row(row: RowMapping) -> Flag:
    """Reads a row."""
    return Flag(
        name=row["name"],
        environment=row["environment"],
        enabled=row["enabled"],
        percentage=row["percentage"],
        ceiling=row["ceiling"],
        conditions=from_conditions(row["conditions"]),
        overrides={key: Variant(variant) for key, variant in row["overrides"].items()},
        fallback_enabled=row["fallback_enabled"],
        salt=row["salt"],
        targeting_key=row["targeting_key"],
        revision=row["revision"],
        epoch=row["epoch"],
        is_live=row["is_live"],
        shadow_share=canonical(Decimal(str(row["shadow_share"]))),
    )
