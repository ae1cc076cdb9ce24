"""The components, one module each, in the order of the phases that migrate them."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.component import Component
from examples.airports.components import (
    errors_middleware,
    errors_problem_details,
    errors_result_types,
    repository_direct_orm,
    repository_pattern_removal,
    repository_service_layer,
    search_full_text,
    search_fuzzy,
    search_simple_matching,
    utilities_concurrency_adapter,
    utilities_ml_service,
    utilities_query_builder,
    websocket_connection_migration,
    websocket_provider_sdk,
    websocket_socketio,
)
from examples.airports.components.boards import Boards
from examples.airports.components.changes import Stream
from examples.airports.directory import Directory

Builder: TypeAlias = Callable[[AsyncEngine, Directory], Component]

_BUILDERS: tuple[tuple[str, Builder], ...] = (
    (utilities_concurrency_adapter.NAME, utilities_concurrency_adapter.build),
    (utilities_query_builder.NAME, utilities_query_builder.build),
    (utilities_ml_service.NAME, lambda _, directory: utilities_ml_service.build(directory)),
    (search_fuzzy.NAME, lambda _, directory: search_fuzzy.build(directory)),
    (search_full_text.NAME, search_full_text.build),
    (search_simple_matching.NAME, lambda _, directory: search_simple_matching.build(directory)),
    (errors_problem_details.NAME, lambda _, directory: errors_problem_details.build(directory)),
    (errors_result_types.NAME, lambda _, directory: errors_result_types.build(directory)),
    (errors_middleware.NAME, lambda _, directory: errors_middleware.build(directory)),
    (repository_direct_orm.NAME, repository_direct_orm.build),
    (repository_pattern_removal.NAME, repository_pattern_removal.build),
    (repository_service_layer.NAME, repository_service_layer.build),
    (websocket_socketio.NAME, lambda _, directory: websocket_socketio.build(directory)),
    (websocket_provider_sdk.NAME, lambda _, directory: websocket_provider_sdk.build(Boards(directory))),
    (websocket_connection_migration.NAME, lambda _, directory: websocket_connection_migration.build(Stream(directory))),
)


def build(engine: AsyncEngine, directory: Directory, *, ready: Iterable[Component] = ()) -> Sequence[Component]:
    """All components over one database and one directory; those that are ready (an index takes a second) are kept."""
    known = {component.name: component for component in ready}
    return tuple(known.get(name) or builder(engine, directory) for name, builder in _BUILDERS)
