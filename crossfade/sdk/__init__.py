"""The part of Crossfade that a client application imports: the standard library, mmh3 and httpx."""

from crossfade.flags import Evaluation, Reason
from crossfade.sdk.async_client import AsyncClient
from crossfade.sdk.client import Client
from crossfade.sdk.comparison import Comparison
from crossfade.sdk.connection import Connection
from crossfade.sdk.status import FlagStatus, Status
from crossfade.states import Variant

__all__ = [
    "AsyncClient",
    "Client",
    "Comparison",
    "Connection",
    "Evaluation",
    "FlagStatus",
    "Reason",
    "Status",
    "Variant",
]
