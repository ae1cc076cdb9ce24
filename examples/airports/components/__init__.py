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
    search_fuzzy,
    utilities_query_builder,
    websocket_socketio,
)
from examples.airports.directory import Directory

Builder: TypeAlias = Callable[[AsyncEngine, Directory], Component]

_BUILDERS: tuple[tuple[str, Builder], ...] = (
    (utilities_query_builder.NAME, utilities_query_builder.build),
    (search_fuzzy.NAME, lambda _, directory: search_fuzzy.build(directory)),
    (errors_problem_details.NAME, lambda _, directory: errors_problem_details.build(directory)),
    (errors_result_types.NAME, lambda _, directory: errors_result_types.build(directory)),
    (errors_middleware.NAME, lambda _, directory: errors_middleware.build(directory)),
    (repository_direct_orm.NAME, repository_direct_orm.build),
    (repository_pattern_removal.NAME, repository_pattern_removal.build),
    (repository_service_layer.NAME, repository_service_layer.build),
    (websocket_socketio.NAME, lambda _, directory: websocket_socketio.build(directory)),
)


def build(engine: AsyncEngine, directory: Directory, *, ready: Iterable[Component] = ()) -> Sequence[Component]:
    """All components over one database and one directory; those that are ready (an index takes a second) are kept."""
    known = {component.name: component for component in ready}
    return tuple(known.get(name) or builder(engine, directory) for name, builder in _BUILDERS)
