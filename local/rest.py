"""What the demonstration asks the API, as a person would with curl."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import httpx

from local import view
from local.errors import Refused, StopInForce
from local.view import ComponentView, Json, MigrationView, RollbackView

_PATIENCE_SECONDS = 20.0
_AGAIN_SECONDS = 0.25
_STOPPED = "urn:crossfade:problem:stopped"
_HOW_TO_RELEASE = "while make up runs: .venv/bin/python -m crossfade.control release --reason TEXT"


@dataclass(frozen=True, slots=True)
class FlagView:
    """A flag's served percentage and revision; both are 0 where there is no flag."""

    percentage: float = 0
    revision: int = 0


class Rest:
    """The routes that the demonstration uses.

    A process of the stack may be killed and come back meanwhile: a call is tried again for some seconds, and `check` is
    called before each new try.
    """

    def __init__(self, url: str, token: str, check: Callable[[], None]) -> None:
        self._check = check
        self._client = httpx.Client(
            base_url=f"{url}/api/migration/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Open the connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._client.close()

    def migrations(self) -> tuple[MigrationView, ...]:
        """The latest migrations, newest first, without their parts."""
        return tuple(view.migration(found) for found in self._call("GET", "migrations")["migrations"])

    def migration(self, migration_id: str) -> MigrationView:
        """One migration with its phases and components."""
        found = self._call("GET", f"migrations/{migration_id}")
        parts = self._call("GET", "components", query={"migrationId": migration_id})
        return view.migration(found, parts["components"])

    def start(self, shipped: str) -> tuple[str, list[str]]:
        """Start a plan that ships; the migration's id and the plan's warnings."""
        started = self._call("POST", "migrations", {"shipped": shipped})
        return started["id"], started["warnings"]

    def resume(self, migration_id: str, reason: str) -> None:
        """Let a paused migration go on."""
        self._call("POST", f"migrations/{migration_id}/resume", {"reason": reason})

    def abort(self, migration_id: str, reason: str) -> None:
        """Let a migration roll back what is live and end."""
        self._call("POST", f"migrations/{migration_id}/abort", {"reason": reason})

    def approve(self, component: str, reason: str) -> None:
        """Consent to the step that waits."""
        self._call("POST", f"components/{component}/approve", {"reason": reason})

    def component(self, name: str) -> ComponentView | None:
        """A component in its newest migration."""
        found = self._call("GET", f"components/{name}", may_be_missing=True)
        return view.component(found) if found else None

    def flag(self, name: str) -> FlagView:
        """A flag as it is served."""
        found = self._call("GET", f"feature-flags/{name}", may_be_missing=True)
        return FlagView(found["servedPercentage"], found["revision"]) if found else FlagView()

    def reset(self, flag: str, reason: str) -> None:
        """Set a flag to 0 %."""
        self._call("PUT", f"feature-flags/{flag}", {"enabled": True, "rolloutPercentage": 0, "reason": reason})

    def rollbacks(self) -> tuple[RollbackView, ...]:
        """The latest rollbacks, newest first."""
        return tuple(view.rollback(found) for found in self._call("GET", "rollbacks")["rollbacks"])

    def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Mapping[str, str] | None = None,
        may_be_missing: bool = False,
    ) -> Any:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = self._try(method, path, body, query)
            if answer is not None and answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            if time.monotonic() > deadline:
                raise Refused(f"{method} {path} was not answered for {_PATIENCE_SECONDS:.0f} s")
            self._check()
            time.sleep(_AGAIN_SECONDS)
        if may_be_missing and answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        if answer.is_error and answer.json().get("type") == _STOPPED:
            raise StopInForce(_HOW_TO_RELEASE)
        if answer.is_error:
            raise Refused(f"{method} {path} answered {answer.status_code}: {answer.text[:2000]}")
        return answer.json()

    def _try(self, method: str, path: str, body: Json | None, query: Mapping[str, str] | None) -> httpx.Response | None:
        try:
            return self._client.request(method, path, json=body, params=query)
        except httpx.TransportError:
            return None
