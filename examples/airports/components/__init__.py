"""The five components, one module each, in the order of the phases that migrate them."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from examples.airports.component import Component
from examples.airports.components import (
    errors_problem_details,
    repository_direct_orm,
    search_fuzzy,
    utilities_query_builder,
    websocket_socketio,
)
from examples.airports.directory import Directory


def build(engine: AsyncEngine, directory: Directory, *, search: Component | None = None) -> Sequence[Component]:
    """All components over one database and one directory; a search's index can be shared, as it takes a second."""
    return (
        utilities_query_builder.build(engine, directory),
        search or search_fuzzy.build(directory),
        errors_problem_details.build(directory),
        repository_direct_orm.build(engine, directory),
        websocket_socketio.build(directory),
    )
