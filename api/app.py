"""The application: its services, its routers, its documentation page."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline

from api import errors
from api.auth import Authenticator
from api.confirmations import Confirmations
from api.cors import OfrepCors
from api.dashboard import Sources, TemporalWatch
from api.database import Database
from api.evaluator import Evaluator
from api.guard import BodyGuard
from api.hub import Hub
from api.problems import SCHEMA, Refused
from api.push import Push
from api.replica import Replica
from api.routers import (
    alerts,
    components,
    dashboard,
    exports,
    flag_history,
    flags,
    health,
    metrics,
    migrations,
    ofrep,
    phases,
    rollbacks,
    sdk,
    sdk_stream,
    stops,
    validations,
)
from api.services import Services
from api.settings import Settings
from api.temporal import Temporal
from store import tokens
from store.engine import create_engine
from store.tokens import Role
from workflows import outbox

RETRY_SECONDS = 0.5
RELAY_SECONDS = 0.5  # that the relay gets to finish what it delivers; what is cut off is delivered again
END_SECONDS = 0.5
CLOSE_SECONDS = 2.5
ROUTERS = tuple(
    module.router
    for module in (
        dashboard,
        flags,
        flag_history,
        exports,
        rollbacks,
        validations,
        stops,
        migrations,
        phases,
        components,
        metrics,
        alerts,
        sdk,
        sdk_stream,
        ofrep,
        health,
    )
)
DOCUMENTED = tuple(route for router in ROUTERS for route in router.routes)
BUSIEST = (ofrep.router, sdk.router, metrics.router)
"""They come first: the routes are tried one after the other, and there are fifty."""

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings; its services start with its lifespan, and wait for Postgres by themselves."""
    app = FastAPIOffline(
        title="Crossfade",
        version="0.1.0",
        summary="Moves a running system from an old implementation to a new one, and takes it back when it hurts.",
        lifespan=_lifespan,
        redoc_url=None,
        # `curl` follows no redirect and prints nothing: a stop that was sent to it would look like one that was obeyed.
        redirect_slashes=False,
        strict_content_type=False,
        swagger_ui_parameters={"persistAuthorization": False},
    )
    app.state.settings = settings
    app.add_middleware(BodyGuard)
    app.add_middleware(OfrepCors)
    errors.register(app)
    for router in sorted(ROUTERS, key=lambda each: each not in BUSIEST):
        # Flat, not include_router(): `app.routes` then holds every route, for the 405 answer and the test of access.
        app.router.routes.extend(router.routes)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # the way that FastAPI documents
    return app


def _openapi(app: FastAPI) -> dict[str, object]:
    if not app.openapi_schema:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=DOCUMENTED)
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {}).update({**metrics.SCHEMAS, "Problem": SCHEMA})
        parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = document
    return app.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services = _services(app.state.settings)
    app.state.services = services
    client = await services.temporal.client()  # it connects later; a profile that makes no client ends the process now
    ending = asyncio.Event()
    relay = asyncio.create_task(outbox.relay(services.database.engine, client, ending))
    follow = (_ensure_tokens(services), services.replica.run(), services.push.run())
    tasks = (relay, *(asyncio.create_task(each) for each in follow))
    try:
        yield
    finally:
        ending.set()
        await asyncio.wait([relay], timeout=RELAY_SECONDS)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await _close(services, tasks)
        except TimeoutError:
            log.warning("not everything could be closed within %s s; the lease ends by itself", CLOSE_SECONDS)


async def _close(services: Services, tasks: Sequence[asyncio.Task[None]]) -> None:
    """End what follows Postgres and Temporal, then give the lease back; a server that hangs must not hold it up."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=END_SECONDS)
    await services.hub.close()
    await services.replica.leave()
    await services.database.engine.dispose()


def _services(settings: Settings) -> Services:
    database = Database(create_engine(settings.database_url))
    replica = Replica(database, url=settings.database_url, environment=settings.environment, name=settings.replica)
    temporal = Temporal(settings.environ)
    return Services(
        settings=settings,
        database=database,
        authenticator=Authenticator(database, settings.environment),
        replica=replica,
        push=Push(replica),
        confirmations=Confirmations(database, environment=settings.environment, replica=replica.name),
        evaluator=Evaluator(replica),
        temporal=temporal,
        hub=Hub(Sources(database, replica, TemporalWatch(temporal), settings.environment)),
    )


async def _ensure_tokens(services: Services) -> None:
    """Write the hashes of the configured tokens, as soon as Postgres lets us."""
    settings = services.settings
    wanted: list[tuple[str | None, Role]] = [(settings.admin_token, "admin"), (settings.sdk_token, "sdk")]
    while not services.tokens_ensured.is_set():
        try:
            async with services.database.transaction() as connection:
                for token, role in wanted:
                    if token:
                        await tokens.ensure(connection, token, role=role, environment=settings.environment)
            services.tokens_ensured.set()
        except Refused as refused:
            cause = refused.__cause__
            # Not all of an error of SQLAlchemy's: it repeats the parameters.
            log.warning("requests get 503 until Postgres answers: %r", getattr(cause, "orig", cause))
            await asyncio.sleep(RETRY_SECONDS)
