"""Evaluating a flag: compiled once per revision into a closure that allocates nothing.

The order: stopped or disabled, override, conditions, 0 % or 100 %, targeting key, hash.
(That a flag is unknown is known to whoever looks it up.)
"""

from collections.abc import Callable
from decimal import Decimal
from operator import itemgetter
from typing import Any, TypeAlias

from mmh3 import mmh3_32_uintdigest

from crossfade.bucketing import cut, prefix
from crossfade.conditions import compile_conditions
from crossfade.flags import TARGETING_KEY, Context, Evaluation, Flag, Reason
from crossfade.percentages import HUNDRED
from crossfade.states import Variant

Evaluate: TypeAlias = Callable[[Context], Evaluation]
Enabled: TypeAlias = Callable[[Context], bool]

CANDIDATE = "candidate"
CONTROL = "control"
HALF = Decimal(50)


def compile_flag(flag: Flag) -> Evaluate:
    """A function from a context to its evaluation; the results are shared and immutable."""
    if flag.is_stopped:
        return _always(Evaluation(Variant.LEGACY, Reason.DISABLED, flag.revision))
    evaluate = _by_percentage(flag)
    if flag.conditions:
        evaluate = _on_conditions(flag, evaluate)
    return _after_overrides(flag, evaluate) if flag.overrides else evaluate


def compile_enabled(flag: Flag) -> Enabled:
    """A function that says whether a context gets candidate: the short way to what `compile_flag` says."""
    if flag.is_stopped:
        return lambda _: False
    if flag.conditions or flag.overrides or flag.targeting_key != TARGETING_KEY:
        evaluate = compile_flag(flag)
        return lambda context: evaluate(context).variant is Variant.CANDIDATE
    if flag.served_percentage in {0, HUNDRED}:
        is_on = bool(flag.served_percentage)
        return lambda _: is_on
    return _split_only(prefix(flag.salt), cut(flag.served_percentage))


def unknown_flag() -> Evaluation:
    """What is said of a flag that does not exist."""
    return _UNKNOWN


def cohort_cuts(percentage: Decimal) -> tuple[int, int]:
    """Where candidates end and where the concurrent control ends, on the scale of the hash.

    The control is the next slice of the same width; above 50 % it is what is left.
    """
    control = percentage * 2 if percentage <= HALF else HUNDRED
    return cut(percentage), cut(control)


def _always(evaluation: Evaluation) -> Evaluate:
    return lambda _: evaluation


def _by_percentage(flag: Flag) -> Evaluate:
    served = flag.served_percentage
    if served in {0, HUNDRED}:
        variant = Variant.CANDIDATE if served else Variant.LEGACY
        return _always(Evaluation(variant, Reason.STATIC, flag.revision))
    return _by_hash(flag)


def _by_hash(flag: Flag) -> Evaluate:
    candidates_end, control_ends = cohort_cuts(flag.served_percentage)
    salted = prefix(flag.salt)
    digest = mmh3_32_uintdigest
    key_of = _key_of(flag.targeting_key)
    candidate = Evaluation(Variant.CANDIDATE, Reason.SPLIT, flag.revision, CANDIDATE)
    control = Evaluation(Variant.LEGACY, Reason.SPLIT, flag.revision, CONTROL)
    neither = Evaluation(Variant.LEGACY, Reason.SPLIT, flag.revision)
    keyless = Evaluation(Variant.LEGACY, Reason.TARGETING_KEY_MISSING, flag.revision)

    def evaluate(context: Context) -> Evaluation:
        try:
            key = key_of(context)
            place = digest(salted + key.encode())
        # Missing, not text, or a lone surrogate: in each case there is no key that could be hashed.
        except (KeyError, AttributeError, TypeError, UnicodeEncodeError):
            return keyless
        if not key:
            return keyless
        if place < candidates_end:
            return candidate
        return control if place < control_ends else neither

    return evaluate


def _split_only(salted: bytes, candidates_end: int) -> Enabled:
    digest = mmh3_32_uintdigest
    key_of = _key_of(TARGETING_KEY)

    def enabled(context: Context) -> bool:
        try:
            key = key_of(context)
            return digest(salted + key.encode()) < candidates_end and bool(key)
        except (KeyError, AttributeError, TypeError, UnicodeEncodeError):
            return False

    return enabled


def _on_conditions(flag: Flag, evaluate: Evaluate) -> Evaluate:
    holds = compile_conditions(flag.conditions, flag.environment)
    unmet = Evaluation(Variant.LEGACY, Reason.TARGETING_MATCH, flag.revision)
    senseless = Evaluation(Variant.LEGACY, Reason.TYPE_MISMATCH, flag.revision)

    def conditioned(context: Context) -> Evaluation:
        try:
            met = holds(context)
        except TypeError:
            return senseless
        return evaluate(context) if met else unmet

    return conditioned


def _after_overrides(flag: Flag, evaluate: Evaluate) -> Evaluate:
    key_of = _key_of(flag.targeting_key)
    chosen = {
        key: Evaluation(variant, Reason.TARGETING_MATCH, flag.revision) for key, variant in flag.overrides.items()
    }

    def overridden(context: Context) -> Evaluation:
        try:
            return chosen[key_of(context)]
        except (KeyError, TypeError):
            return evaluate(context)

    return overridden


def _key_of(attribute: str) -> Callable[[Context], Any]:
    """A reader of what is hashed; it may well return something that is not text."""
    plain = itemgetter(TARGETING_KEY)  # runs in C, on the request's path
    if attribute == TARGETING_KEY:
        return plain

    def named(context: Context) -> object:
        key = context.get(attribute)
        return plain(context) if key is None else key

    return named


_UNKNOWN = Evaluation(Variant.LEGACY, Reason.FLAG_NOT_FOUND, 0)
