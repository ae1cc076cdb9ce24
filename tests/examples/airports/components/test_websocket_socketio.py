import json

import pytest

from examples.airports.answers import Answer
from examples.airports.component import Component
from examples.airports.components.websocket_socketio import acknowledge, answer_frame, build, differences
from examples.airports.directory import Directory

MESSAGES = [
    '{"n": 1, "code": "FRA"}',
    '{"code": "qqq9"}',
    '{"n": 1, "code": ""}',
    '{"n": 1, "code": "FRA\\u0000"}',
    '{"n": 1, "code": 17}',
    '{"n": 1, "code": "\\uff26\\uff32\\uff21"}',
    '{"n": 1}',
    "[]",
    '"FRA"',
    "null",
    "FRA",
    "[" * 5000,
]


@pytest.fixture
def component(directory: Directory) -> Component:
    return build(directory)


def test_a_frame_is_answered_with_its_number(directory: Directory) -> None:
    answer = json.loads(answer_frame('{"n": 17, "code": "fra"}', directory))
    assert (answer["n"], answer["ok"], answer["data"]["icao"]) == (17, True, "EDDF")


def test_an_event_is_acknowledged_with_the_airport(directory: Directory) -> None:
    assert acknowledge({"code": "KJFK"}, directory).body == {
        "airport": {
            "codes": {"icao": "KJFK", "iata": "JFK"},
            "name": "John F Kennedy International Airport",
            "place": {"city": "New York", "country": "US"},
            "position": [40.639928, -73.778692],
            "timeZone": "America/New_York",
        }
    }


@pytest.mark.parametrize("message", MESSAGES)
async def test_both_handlers_mean_the_same(component: Component, message: str) -> None:
    legacy, candidate = await component.legacy({"message": message}), await component.candidate({"message": message})
    assert component.differences(legacy, candidate) == []


async def test_every_field_of_the_airport_counts(component: Component, directory: Directory) -> None:
    legacy = await component.legacy({"message": '{"code": "FRA"}'})
    right = acknowledge({"code": "FRA"}, directory).body["airport"]
    assert isinstance(right, dict)
    wrong = {
        "codes": {"icao": "EDDF", "iata": "FRX"},
        "name": "Frankfort",
        "place": {"city": "Frankfurt", "country": "DE"},
        "position": [50.0, 8.5],
        "timeZone": "UTC",
    }
    for member, value in wrong.items():
        assert differences(legacy, Answer({"airport": {**right, member: value}})), member


async def test_another_refusal_is_a_difference(component: Component) -> None:
    malformed = await component.legacy({"message": '{"code": ""}'})
    no_message = await component.candidate({"message": "[]"})
    assert differences(malformed, no_message) == ["code"]
