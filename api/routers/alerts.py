"""Alerts: what the monitor has raised."""

from api.auth import Scope
from api.names import Limit
from api.route import needs, resource
from api.services import By, The
from api.shown import shown
from store import alerts

router = resource("alerts")


@router.get("/alerts", summary="List alerts", openapi_extra=needs(Scope.READ))
async def list_alerts(the: The, by: By, limit: Limit = 100) -> dict[str, object]:
    """The latest alerts, newest first, with the evidence that raised them."""
    async with the.database.transaction() as connection:
        found = await alerts.list(connection, environment=by.environment, limit=limit)
    return {"alerts": shown(found)}
