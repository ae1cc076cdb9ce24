"""What a component is asked, what it answers, and how it refuses."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeAlias

Params: TypeAlias = Mapping[str, str]
Body: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes out: a refusal (4xx) is an answer too."""

    body: Body
    status: int = 200
    media_type: str = "application/json"


Side: TypeAlias = Callable[[Params], Awaitable[Answer]]


class Malformed(Exception):
    """The question cannot be understood; the client has to change it."""

    def __init__(self, code: str, parameter: str, detail: str) -> None:
        self.code = code
        self.parameter = parameter
        self.detail = detail
        super().__init__(f"{code}: {detail}")

    def answer(self) -> Answer:
        """Say it as problem details; what was sent is never echoed."""
        return problem(400, code=self.code, detail=self.detail, parameter=self.parameter)


def problem(status: int, *, code: str, detail: str, **extra: object) -> Answer:
    """An RFC 9457 answer."""
    title = code.replace("-", " ").capitalize()
    body = {"type": f"urn:airports:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    return Answer({**body, **extra}, status=status, media_type="application/problem+json")


def in_threads(answer: Callable[[Params], Answer], threads: Executor) -> Side:
    """A side that computes in a thread, off the event loop."""

    async def side(params: Params) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(threads, answer, params)

    return side
