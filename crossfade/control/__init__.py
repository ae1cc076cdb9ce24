"""For operators and their scripts: start, watch and steer migrations. Standard library and httpx only.

with Client("http://127.0.0.1:8080", token="cf_admin_...") as client:
    client.start_migration(shipped="demo")
    unsubscribe = client.subscribe(lambda dashboard: print(dashboard.system_health))
"""

from crossfade.control.async_client import AsyncClient
from crossfade.control.client import Client
from crossfade.control.errors import (
    AccessDenied,
    Conflict,
    ControlError,
    Invalid,
    NotFound,
    Refused,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    Unusable,
)
from crossfade.control.views import (
    Alert,
    Alerts,
    Component,
    Dashboard,
    Flag,
    Health,
    Held,
    MayStillServe,
    Migration,
    Phase,
    Progress,
    Receipt,
    Rehearsal,
    Released,
    Retirement,
    Rollback,
    RollbackStep,
    Side,
    Started,
    Stopped,
    SystemHealth,
)

__all__ = [
    "AccessDenied",
    "Alert",
    "Alerts",
    "AsyncClient",
    "Client",
    "Component",
    "Conflict",
    "ControlError",
    "Dashboard",
    "Flag",
    "Health",
    "Held",
    "Invalid",
    "MayStillServe",
    "Migration",
    "NotFound",
    "Phase",
    "Progress",
    "Receipt",
    "Refused",
    "Rehearsal",
    "Released",
    "Retirement",
    "Rollback",
    "RollbackStep",
    "Side",
    "Started",
    "Stopped",
    "SystemHealth",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "Unusable",
]
