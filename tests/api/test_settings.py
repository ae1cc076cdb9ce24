import pytest

from api.settings import InvalidSettings, Settings
from tests.api.conftest import ADMIN, SDK


def test_the_environment_gives_everything() -> None:
    settings = Settings.from_environ(
        {
            "DATABASE_URL": "postgresql:///x",
            "CROSSFADE_ENVIRONMENT": "staging",
            "CROSSFADE_ADMIN_TOKEN": ADMIN,
            "CROSSFADE_SDK_TOKEN": SDK,
            "CROSSFADE_PLANS": "/srv/plans",
            "CROSSFADE_REPLICA": "api-0",
        }
    )

    assert (settings.environment, settings.admin_token, settings.sdk_token) == ("staging", ADMIN, SDK)
    assert (str(settings.plans), settings.replica) == ("/srv/plans", "api-0")


def test_the_environment_is_production_unless_it_says_otherwise() -> None:
    assert (
        Settings.from_environ({"DATABASE_URL": "postgresql:///x", "CROSSFADE_ADMIN_TOKEN": ""}).environment
        == "production"
    )


@pytest.mark.parametrize(
    "token",
    ["hunter2", "cf_admin_x", "cf_admin_x_short", "cf_admin__" + "a" * 43, "cf_ADMIN_x_" + "a" * 43, "x" + ADMIN],
)
def test_a_token_of_another_form_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings(database_url="postgresql:///x", admin_token=token)

    assert "CROSSFADE_ADMIN_TOKEN" in str(caught.value)
    assert token not in str(caught.value)


def test_two_tokens_with_one_selector_are_refused() -> None:
    with pytest.raises(InvalidSettings, match="same selector"):
        Settings(database_url="x", admin_token="cf_admin_one_" + "a" * 43, sdk_token="cf_sdk_one_" + "b" * 43)


@pytest.mark.parametrize("environment", ["Production", "", "a b", "a/b", "x" * 64])
def test_an_environment_is_a_plain_name(environment: str) -> None:
    with pytest.raises(InvalidSettings):
        Settings(database_url="x", environment=environment)


@pytest.mark.parametrize("replica", ["", "-a", "a b", "a/b", "x" * 129])
def test_a_replica_has_a_plain_name(replica: str) -> None:
    with pytest.raises(InvalidSettings, match="CROSSFADE_REPLICA"):
        Settings(database_url="x", replica=replica)


def test_without_a_database_the_process_does_not_start() -> None:
    with pytest.raises(InvalidSettings, match="DATABASE_URL"):
        Settings.from_environ({})


def test_a_token_is_not_in_the_text_of_the_settings() -> None:
    settings = Settings(database_url="x", admin_token=ADMIN, sdk_token=SDK, environ={"CROSSFADE_ADMIN_TOKEN": ADMIN})

    assert ADMIN not in repr(settings)
    assert SDK not in repr(settings)
