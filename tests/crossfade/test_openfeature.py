"""The provider under OpenFeature's own client."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from crossfade.bucketing import serves_candidate
from crossfade.flags import AttributeCondition, Conditions
from crossfade.openfeature import CrossfadeProvider
from crossfade.sdk import Client
from tests.crossfade.sdk.protocol import ProtocolServer, flag
from tests.crossfade.sdk.waiting import until

ADA = EvaluationContext("ada", {"country": "DE"})
SPLIT = flag("split", 25)
CONDITIONED = replace(
    flag("conditioned", 100), conditions=Conditions(attributes={"age": AttributeCondition("gt", (17,))})
)


@pytest.fixture
def server() -> Iterator[ProtocolServer]:
    with ProtocolServer() as server:
        server.publish(SPLIT, CONDITIONED, flag("done", 100), flag("off", 100, enabled=False))
        yield server


@pytest.fixture
def client(server: ProtocolServer) -> Iterator[OpenFeatureClient]:
    api.set_provider_and_wait(CrossfadeProvider(server.url, "secret", refresh=0.05))
    yield api.get_client()
    api.shutdown()


def test_a_split_is_that_of_every_other_evaluator(client: OpenFeatureClient) -> None:
    keys = [f"user-{number}" for number in range(300)]

    served = [client.get_boolean_value("split", False, EvaluationContext(key)) for key in keys]

    assert served == [serves_candidate("split", key, 25) for key in keys]
    assert client.get_provider_status() is ProviderStatus.READY


@pytest.mark.parametrize(
    ("name", "value", "variant", "reason"),
    [
        ("done", True, "candidate", Reason.STATIC),
        ("off", False, "legacy", Reason.DISABLED),
        ("split", serves_candidate("split", "ada", 25), None, Reason.SPLIT),
        ("conditioned", False, "legacy", Reason.TARGETING_MATCH),
    ],
)
def test_the_details_say_why(
    client: OpenFeatureClient, name: str, value: bool, variant: str | None, reason: Reason
) -> None:
    details = client.get_boolean_details(name, not value, ADA)

    assert (details.value, details.reason, details.error_code) == (value, reason, None)
    assert variant in {None, details.variant}
    assert details.flag_metadata["revision"] in range(1, 10)


def test_where_a_condition_makes_no_sense_of_the_context_it_is_legacy(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("conditioned", True, EvaluationContext("ada", {"age": "old"}))

    assert (details.value, details.reason, details.flag_metadata["reason"]) == (False, Reason.UNKNOWN, "TYPE_MISMATCH")


@pytest.mark.parametrize(
    ("name", "context", "code"),
    [
        ("nowhere", ADA, ErrorCode.FLAG_NOT_FOUND),
        ("split", EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        ("split", None, ErrorCode.TARGETING_KEY_MISSING),
    ],
)
@pytest.mark.parametrize("default", [True, False])
def test_an_error_gives_the_callers_default(
    client: OpenFeatureClient, name: str, context: EvaluationContext | None, code: ErrorCode, default: bool
) -> None:
    details = client.get_boolean_details(name, default, context)

    assert (details.value, details.reason, details.error_code) == (default, Reason.ERROR, code)


def test_every_other_type_is_a_mismatch(client: OpenFeatureClient) -> None:
    details = [
        client.get_string_details("done", "x", ADA),
        client.get_integer_details("done", 1, ADA),
        client.get_float_details("done", 1.5, ADA),
        client.get_object_details("done", {}, ADA),
    ]

    assert {detail.error_code for detail in details} == {ErrorCode.TYPE_MISMATCH}
    assert [detail.value for detail in details] == ["x", 1, 1.5, {}]


async def test_it_is_asked_in_coroutines_likewise(client: OpenFeatureClient) -> None:
    assert await client.get_boolean_value_async("done", False, ADA) is True


def test_a_change_is_an_event_that_names_its_flags(client: OpenFeatureClient, server: ProtocolServer) -> None:
    heard: list[EventDetails] = []
    client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, heard.append)

    server.publish(SPLIT, CONDITIONED, flag("done", 0), flag("off", 100, enabled=False))
    until(lambda: heard)

    assert heard[0].flags_changed == ["done"]
    assert client.get_boolean_value("done", True, ADA) is False


def test_without_any_flags_it_is_in_error_until_they_come(server: ProtocolServer) -> None:
    server.is_down = True
    with pytest.raises(ProviderNotReadyError):
        api.set_provider_and_wait(CrossfadeProvider(server.url, "secret", refresh=0.05))
    client = api.get_client()

    early = client.get_boolean_details("done", False, ADA)
    status = client.get_provider_status()
    server.is_down = False
    until(lambda: client.get_provider_status() is ProviderStatus.READY)
    late = client.get_boolean_details("done", False, ADA)
    api.shutdown()

    assert (early.value, early.error_code, status) == (False, ErrorCode.FLAG_NOT_FOUND, ProviderStatus.ERROR)
    assert (late.value, late.error_code) == (True, None)


def test_a_client_that_was_handed_over_outlives_the_provider(server: ProtocolServer) -> None:
    with Client(server.url, "secret", refresh=0.05) as own:
        api.set_provider_and_wait(CrossfadeProvider(client=own))
        api.shutdown()

        assert own.is_enabled("done", {})


def test_a_provider_that_was_shut_down_serves_again(server: ProtocolServer) -> None:
    provider = CrossfadeProvider(server.url, "secret", refresh=0.05)
    for _ in range(2):
        api.set_provider_and_wait(provider)
        assert api.get_client().get_boolean_details("done", False, ADA).reason == Reason.STATIC
        assert api.get_client().get_provider_status() is ProviderStatus.READY
        api.shutdown()
