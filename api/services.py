"""What every request of one API process shares."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from api.auth import Authenticator, Caller
from api.confirmations import Confirmations
from api.database import AWAY, Database
from api.evaluator import Evaluator
from api.hub import Hub
from api.problems import Problem, Refused
from api.push import Push
from api.replica import Replica
from api.settings import Settings
from api.temporal import Temporal

READY_SECONDS = 1.0


@dataclass(slots=True)
class Services:
    """One of each thing that a process has one of."""

    settings: Settings
    database: Database
    authenticator: Authenticator
    replica: Replica
    push: Push
    confirmations: Confirmations
    evaluator: Evaluator
    temporal: Temporal
    hub: Hub
    tokens_ensured: asyncio.Event = field(default_factory=asyncio.Event)

    async def ready(self) -> None:
        """Wait a moment for the first start against Postgres.

        Raises:
            Refused: 503, Postgres has not answered since the process started.
        """
        if self.tokens_ensured.is_set() and self.replica.has_read:
            return
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self.tokens_ensured.wait()
                await self.replica.reached(0)
        except TimeoutError:
            raise Refused(AWAY) from None

    def require_own(self, caller: Caller) -> None:
        """Refuse a token of another environment where the answer comes from this process's own replica.

        Raises:
            Refused: 403.
        """
        if caller.environment != self.settings.environment:
            raise Refused(_OTHER_ENVIRONMENT)


_OTHER_ENVIRONMENT = Problem(
    status=403,
    kind="other-environment",
    title="The token belongs to another environment.",
    detail="Ask the server of that environment.",
)


def services_of(request: Request) -> Services:
    """The services of the process that answers."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def caller_of(request: Request) -> Caller:
    """The caller, whom the route has let in."""
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


The = Annotated[Services, Depends(services_of)]
By = Annotated[Caller, Depends(caller_of)]
