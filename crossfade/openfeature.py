"""The OpenFeature provider: `crossfade.sdk` behind the API that every feature-flag product shares.

    from openfeature import api
    from crossfade.openfeature import CrossfadeProvider

    api.set_provider(CrossfadeProvider("https://crossfade.example", token))
    api.get_client().get_boolean_value("search-fuzzy", False, EvaluationContext("user-17"))

Every flag is a boolean one, true for candidate. It is an adapter: ask `crossfade.sdk.Client` on a hot path.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import (
    FlagNotFoundError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.flag_evaluation import Reason as TheirReason
from openfeature.provider import AbstractProvider, Metadata

from crossfade.flags import TARGETING_KEY, Context, Evaluation, Reason
from crossfade.sdk import Client

_REASONS: Final[Mapping[Reason, str]] = {
    Reason.STATIC: TheirReason.STATIC,
    Reason.TARGETING_MATCH: TheirReason.TARGETING_MATCH,
    Reason.SPLIT: TheirReason.SPLIT,
    Reason.DISABLED: TheirReason.DISABLED,
    Reason.STALE: TheirReason.STALE,
}


class CrossfadeProvider(AbstractProvider):
    """Answers from a `crossfade.sdk.Client`, which it makes, starts with the provider and closes with it.

    A client that is handed over is started likewise, and closed by whoever made it.
    """

    def __init__(self, url: str = "", token: str = "", *, client: Client | None = None, **options: Any) -> None:
        """Take the address and token of the server, and further arguments of `Client`; or a client."""
        super().__init__()
        self.client = client or Client(url, token, **options)
        self._is_own = client is None
        self._has_flags = True

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata(name="Crossfade")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Start the client and tell of every change.

        Raises:
            ProviderNotReadyError: There are no flags yet, neither from the server nor from a file; they are served
                once they come.
        """
        del evaluation_context  # each evaluation has its own
        self.client.on_change(self._tell)
        self.client.start()
        self._has_flags = self.client.status().source != "none"
        if not self._has_flags:
            raise ProviderNotReadyError("no flags were reached yet")

    def shutdown(self) -> None:
        """Tell nobody any more; close the client that was made here."""
        self.client.on_change(None)
        if self._is_own:
            self.client.close()

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - OpenFeature's shape
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Whether candidate serves; legacy where a condition makes no sense of the context.

        Raises:
            FlagNotFoundError: There is no such flag.
            TargetingKeyMissingError: The flag is split, and the context has no targeting key.
        """
        del default_value
        evaluation = self.client.evaluate(flag_key, context_of(evaluation_context))
        _refuse(evaluation)
        metadata: dict[str, bool | int | float | str] = {"revision": evaluation.revision}
        if evaluation.cohort is not None:
            metadata["cohort"] = evaluation.cohort
        if evaluation.reason not in _REASONS:
            metadata["reason"] = evaluation.reason.value
        return FlagResolutionDetails(
            value=evaluation.is_candidate,
            variant=evaluation.variant.value,
            reason=_REASONS.get(evaluation.reason, TheirReason.UNKNOWN),
            flag_metadata=metadata,
        )

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Raise TypeMismatchError: every flag is a boolean one."""
        del default_value, evaluation_context
        _mismatch(flag_key)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Raise TypeMismatchError: every flag is a boolean one."""
        del default_value, evaluation_context
        _mismatch(flag_key)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Raise TypeMismatchError: every flag is a boolean one."""
        del default_value, evaluation_context
        _mismatch(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[Any] | Mapping[str, Any],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[Any] | Mapping[str, Any]]:
        """Raise TypeMismatchError: every flag is a boolean one."""
        del default_value, evaluation_context
        _mismatch(flag_key)

    def _tell(self, names: Sequence[str]) -> None:
        details = ProviderEventDetails(flags_changed=list(names))
        if not self._has_flags:
            self._has_flags = True
            self.emit_provider_ready(details)
        self.emit(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, details)


def context_of(context: EvaluationContext | None) -> Context:
    """OpenFeature's context as ours: the attributes, and the targeting key among them."""
    if context is None:
        return {}
    attributes = dict(context.attributes)
    if context.targeting_key is not None:
        attributes[TARGETING_KEY] = context.targeting_key
    return attributes


def _refuse(evaluation: Evaluation) -> None:
    if evaluation.reason is Reason.FLAG_NOT_FOUND:
        raise FlagNotFoundError
    if evaluation.reason is Reason.TARGETING_KEY_MISSING:
        raise TargetingKeyMissingError


def _mismatch(key: str) -> NoReturn:
    raise TypeMismatchError(f"{key} is a boolean flag")
