"""THE table: which error becomes which answer. Everything that goes wrong in a request ends here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from inspect import getdoc

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from api.bodies import shown
from api.problems import Problem, Refused, plain
from api.strict_json import InvalidJson
from crossfade import errors


@dataclass(frozen=True, slots=True)
class Answer:
    """What an error of the domain becomes: its status, and what the caller can do.

    `names` is the extension member that carries the error's detail; only details that are names and ids of what the
    server holds have one, since an answer never repeats what was sent.
    """

    status: int
    advice: str
    names: str = ""


TABLE: Mapping[type[errors.CrossfadeError], Answer] = {
    errors.InvalidPlan: Answer(
        422, "Nothing was created. Correct the fields named in `errors` and send the plan again."
    ),
    errors.InvalidPercentage: Answer(422, "Send a number from 0 to 100 in steps of 0.001."),
    errors.InvalidContext: Answer(400, "Correct the context and ask again."),
    errors.InvalidFlag: Answer(422, "Correct the definition and send it again."),
    errors.InvalidBatch: Answer(422, "The whole batch was refused; nothing was counted."),
    errors.UnknownFlag: Answer(404, "GET /api/migration/feature-flags lists the flags."),
    errors.UnknownMigration: Answer(404, "GET /api/migration/migrations lists the migrations."),
    errors.UnknownComponent: Answer(404, "GET /api/migration/components lists the components."),
    errors.UnknownRollback: Answer(404, "GET /api/migration/rollbacks lists the rollbacks."),
    errors.UnknownValidation: Answer(404, "GET /api/migration/validations lists the validations."),
    errors.FlagExists: Answer(409, "PUT changes it; an archived flag's name is free again."),
    errors.MigrationIsLive: Answer(409, "Wait for it to end, or abort it.", names="migrationId"),
    errors.ComponentIsLive: Answer(409, "Wait for its run to end, or roll it back.", names="component"),
    errors.NothingToRollBack: Answer(409, "It serves legacy to everybody already."),
    errors.KeyReused: Answer(422, "It has had another body; draw a new key for another order."),
    errors.NotComplete: Answer(409, "Wait until its rollout is complete at 100 % of everybody."),
    errors.Retired: Answer(409, "There is nothing to go back to; PUT its flag if you know better.", names="component"),
    errors.Stopped: Answer(
        409,
        "Lowering is still allowed. To raise or start anything, release the stop first: "
        "POST /api/migration/emergency-stop/release with a reason.",
    ),
    errors.NotStopped: Answer(409, "There is nothing to release; the dashboard shows what is served."),
    errors.Fenced: Answer(409, "Something newer has happened. Read the component again and decide anew."),
    errors.StaleReading: Answer(409, "Wait for a fresh passing reading of the current step."),
    errors.BatchConflict: Answer(422, "A batch id names one content for ever; draw a new id."),
    errors.PreconditionFailed: Answer(412, "Read the object again and repeat the change with its new ETag."),
    errors.RaisesPercentage: Answer(409, "Read the flag again and decide anew."),
    errors.UnknownRun: Answer(404, "GET /api/migration/components lists the components with their runs."),
    errors.CrossfadeError: Answer(409, "The state does not allow it."),
}


def problem_of(error: errors.CrossfadeError) -> Problem:
    """The problem that this error of the domain becomes."""
    kind, answer = next((kind, TABLE[kind]) for kind in type(error).__mro__ if kind in TABLE)
    more: dict[str, object] = {}
    if answer.names and error.detail:
        more[answer.names] = error.detail
    if isinstance(error, errors.InvalidPlan):
        more["errors"] = [_plan_problem(problem) for problem in error.problems]
    title = (getdoc(kind) or "").split("\n", 1)[0]
    return Problem(status=answer.status, kind=_kebab(kind.__name__), title=title, detail=answer.advice, more=more)


def register(app: FastAPI) -> None:
    """Make every error of `app` end as a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(errors.CrossfadeError, _domain)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(InvalidJson, _not_json)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.problem.response()


def _domain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CrossfadeError)
    return problem_of(error).response()


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return Problem(
        status=422,
        kind="invalid-request",
        title="A value is not valid.",
        detail="Correct the fields named in `errors` and send the request again.",
        more={"errors": shown(error.errors())},
    ).response()


def _not_json(_request: Request, error: Exception) -> Response:
    return Problem(
        status=400, kind="invalid-json", title="The body is not JSON that is accepted here.", detail=str(error)
    ).response()


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_allowed(request)))
    return plain(error.status_code, headers).response()


def _allowed(request: Request) -> set[str]:
    """The methods of the path; Starlette names those of the first route that has it."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in matching for method in route.methods or ()}


def _defect(_request: Request, _error: Exception) -> Response:
    return plain(500).response()


def _plan_problem(problem: errors.Problem) -> dict[str, object]:
    return {"field": problem.field, "message": problem.message, "line": problem.line, "column": problem.column}


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
