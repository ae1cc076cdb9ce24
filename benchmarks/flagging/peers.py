"""The peers in memory, without network and without events, each with an equivalent flag and called as its users do."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from benchmarks.flagging.question import ENVIRONMENT, GROUP, GROUPS, KEYS, PERCENTAGE, Contender, closure, flag_names

VERSIONS = (
    "openfeature-sdk",
    "unleashclient",
    "launchdarkly-server-sdk",
    "growthbook",
    "posthog",
    "flagsmith-flag-engine",
)
Document: TypeAlias = dict[str, Any]

OPENFEATURE = "openfeature-sdk in memory"
UNLEASH = "UnleashClient"
LAUNCHDARKLY = "launchdarkly-server-sdk"


@contextmanager
def peers(number: int) -> Iterator[list[Contender]]:
    """All of them, with so many flags."""
    with TemporaryDirectory() as folder:
        unleash, end_unleash = _unleash(number, folder)
        launchdarkly, end_launchdarkly = _launchdarkly(number)
        slow = 5 if number > 1 else 100
        yield [
            _openfeature(number),
            unleash,
            launchdarkly,
            _growthbook(number),
            _growthbook_per_request(number, calls=slow),
            _posthog(number),
            _flagsmith(number, calls=slow),
        ]
        end_unleash()
        end_launchdarkly()


def _openfeature(number: int) -> Contender:
    """The provider in memory decides nothing itself: it is given the closure."""
    api, memory = import_module("openfeature.api"), import_module("openfeature.provider.in_memory_provider")
    evaluation, context = import_module("openfeature.flag_evaluation"), import_module("openfeature.evaluation_context")

    def evaluator(name: str) -> Callable[[object, Any], object]:
        is_on = closure(name)

        def evaluate(_: object, asked: Any) -> object:
            value = is_on({"targetingKey": asked.targeting_key, **asked.attributes})
            return evaluation.FlagResolutionDetails(value=value, reason="SPLIT", variant="on" if value else "off")

        return evaluate

    flags = {
        name: memory.InMemoryFlag("off", {"on": True, "off": False}, context_evaluator=evaluator(name))
        for name in flag_names(number)
    }
    domain = f"bench-{number}"
    api.set_provider(memory.InMemoryProvider(flags), domain)
    client = api.get_client(domain)
    attributes = {"environment": ENVIRONMENT, "userGroups": [GROUP]}
    contexts = (context.EvaluationContext(key, attributes) for key in KEYS)
    return Contender.of(OPENFEATURE, lambda name, asked: client.get_boolean_value(name, False, asked), contexts)  # noqa: FBT003


def _unleash(number: int, folder: str) -> tuple[Contender, Callable[[], None]]:
    unleash, cache = import_module("UnleashClient"), import_module("UnleashClient.cache")
    constraint = {"contextName": "group", "operator": "IN", "values": list(GROUPS)}

    def strategy(name: str) -> Document:
        parameters = {"rollout": str(PERCENTAGE), "stickiness": "userId", "groupId": name}
        return {"name": "flexibleRollout", "parameters": parameters, "constraints": [constraint]}

    features = [{"name": name, "enabled": True, "strategies": [strategy(name)]} for name in flag_names(number)]
    file = cache.FileCache(f"bench-{number}", directory=folder)
    file.bootstrap_from_dict({"version": 2, "features": features})
    client = unleash.UnleashClient(
        url="http://127.0.0.1:1",
        app_name=f"bench-{number}",
        environment=ENVIRONMENT,
        disable_metrics=True,
        disable_registration=True,
        cache=file,
    )
    client.initialize_client(fetch_toggles=False)
    contexts = ({"userId": key, "properties": {"group": GROUP}} for key in KEYS)
    return Contender.of(UNLEASH, client.is_enabled, contexts), client.destroy


class _Loaded:
    """What brings LaunchDarkly's client its flags: at once, from memory."""

    def __init__(self, store: Any, ready: Any, flags: Mapping[str, Document]) -> None:
        self._store, self._ready, self._flags = store, ready, flags

    def start(self) -> None:
        self._store.init({import_module("ldclient.versioned_data_kind").FEATURES: self._flags})
        self._ready.set()

    def stop(self) -> None:
        """Nothing runs."""

    def is_alive(self) -> bool:
        return True

    def initialized(self) -> bool:
        return True


def _launchdarkly(number: int) -> tuple[Contender, Callable[[], None]]:
    ldclient, config = import_module("ldclient"), import_module("ldclient.config")
    split = [{"variation": 0, "weight": PERCENTAGE * 1000}, {"variation": 1, "weight": (100 - PERCENTAGE) * 1000}]
    clause = {"contextKind": "user", "attribute": "groups", "op": "in", "values": list(GROUPS), "negate": False}
    rule = {"id": "r", "clauses": [clause], "rollout": {"contextKind": "user", "variations": split}}
    flags = {
        name: {
            "key": name,
            "version": 1,
            "on": True,
            "variations": [True, False],
            "offVariation": 1,
            "fallthrough": {"variation": 1},
            "salt": name,
            "rules": [rule],
        }
        for name in flag_names(number)
    }
    settings = config.Config(
        "sdk-key",
        send_events=False,
        diagnostic_opt_out=True,
        update_processor_class=lambda _, store, ready: _Loaded(store, ready, flags),
    )
    client = ldclient.LDClient(settings)
    contexts = (ldclient.Context.builder(key).set("groups", [GROUP]).build() for key in KEYS)
    return Contender.of(
        LAUNCHDARKLY,
        lambda name, context: client.variation(name, context, False),  # noqa: FBT003
        contexts,
    ), client.close


def _growthbook_features(number: int) -> Document:
    def rule(name: str) -> Document:
        condition = {"group": {"$in": list(GROUPS)}}
        return {
            "condition": condition,
            "force": True,
            "coverage": PERCENTAGE / 100,
            "hashAttribute": "id",
            "seed": name,
        }

    return {name: {"defaultValue": False, "rules": [rule(name)]} for name in flag_names(number)}


def _growthbook(number: int) -> Contender:
    """One instance for all requests, which a single thread can have."""
    shared = import_module("growthbook").GrowthBook(features=_growthbook_features(number))

    def is_on(name: str, attributes: Document) -> bool:
        shared.set_attributes(attributes)
        return bool(shared.is_on(name))

    return Contender.of("growthbook, shared instance", is_on, ({"id": key, "group": GROUP} for key in KEYS))


def _growthbook_per_request(number: int, *, calls: int) -> Contender:
    """An instance for each request, as its documentation has it."""
    make, features = import_module("growthbook").GrowthBook, _growthbook_features(number)
    contexts = ({"id": key, "group": GROUP} for key in KEYS)
    return Contender.of(
        "growthbook, instance per request",
        lambda name, attributes: bool(make(attributes=attributes, features=features).is_on(name)),
        contexts,
        calls=calls,
    )


def _posthog(number: int) -> Contender:
    logging.getLogger("posthog").setLevel(logging.CRITICAL)
    client = import_module("posthog").Posthog("phc_bench", sync_mode=True, send=False)
    group = {"key": "group", "value": list(GROUPS), "operator": "exact", "type": "person"}
    filters = {"groups": [{"properties": [group], "rollout_percentage": PERCENTAGE}]}
    client.feature_flags = [
        {"id": index, "key": name, "active": True, "filters": filters} for index, name in enumerate(flag_names(number))
    ]

    def is_on(name: str, asked: tuple[str, Document]) -> bool:
        return bool(
            client.feature_enabled(
                name,
                asked[0],
                person_properties=asked[1],
                only_evaluate_locally=True,
                send_feature_flag_events=False,
            )
        )

    return Contender.of("posthog, local evaluation", is_on, ((key, {"group": GROUP}) for key in KEYS))


def _flagsmith(number: int, *, calls: int) -> Contender:
    """The engine knows one question only: all flags."""
    evaluate = import_module("flag_engine.engine").get_evaluation_result
    member = {"property": "group", "operator": "IN", "value": json.dumps(GROUPS)}
    split = {"property": "$.identity.key", "operator": "PERCENTAGE_SPLIT", "value": str(PERCENTAGE)}
    rules = [{"type": "ALL", "conditions": [member, split]}]
    features = {name: _flagsmith_feature(name, enabled=False) for name in flag_names(number)}
    segments = {
        name: {"key": name, "name": name, "rules": rules, "overrides": [_flagsmith_feature(name, enabled=True)]}
        for name in flag_names(number)
    }
    environment = {"key": ENVIRONMENT, "name": ENVIRONMENT}

    def is_on(name: str, identity: Document) -> bool:
        context = {"environment": environment, "identity": identity, "features": features, "segments": segments}
        return bool(evaluate(context)["flags"][name]["enabled"])

    contexts = ({"identifier": key, "key": key, "traits": {"group": GROUP}} for key in KEYS)
    return Contender.of("flagsmith-flag-engine", is_on, contexts, calls=calls)


def _flagsmith_feature(name: str, *, enabled: bool) -> Document:
    return {"key": name, "name": name, "enabled": enabled, "value": None}
