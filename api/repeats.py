"""Orders with an Idempotency-Key that have one effect however often they are sent."""

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256

from api.auth import Caller
from api.bodies import Body
from api.names import effect_of
from store import answers
from store.documents import Document
from store.engine import AsyncConnection


async def once(
    connection: AsyncConnection,
    by: Caller,
    order: str,
    key: str | None,
    body: Body,
    act: Callable[[], Awaitable[Document]],
) -> Document:
    """Carry an order out, or give the answer that the same key has had.

    Raises:
        KeyReused: The key has had another body.
    """
    effect = effect_of(by.environment, order, key)
    if effect is None:
        return await act()
    digest = sha256(json.dumps(body.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
    found = await answers.find(connection, environment=by.environment, key=effect, digest=digest)
    if found is not None:
        return found
    answer = await act()
    await answers.keep(connection, environment=by.environment, key=effect, digest=digest, answer=answer)
    return answer
