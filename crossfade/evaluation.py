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
    evaluate = _static(flag) if flag.served_percentage in {0, HUNDRED} else _by_hash(flag)
    return _after_overrides(flag, evaluate) if flag.overrides else evaluate


def compile_enabled(flag: Flag) -> Enabled:
    """A function that says whether a context gets candidate: the short way to what `compile_flag` says."""
    if flag.is_stopped:
        return lambda _: False
    is_split = flag.served_percentage not in {0, HUNDRED}
    if not is_split and not flag.conditions and not flag.overrides:
        is_on = bool(flag.served_percentage)
        return lambda _: is_on
    if flag.overrides or flag.targeting_key != TARGETING_KEY or not is_split:
        evaluate, candidate = compile_flag(flag), Variant.CANDIDATE
        return lambda context: evaluate(context).variant is candidate
    return _split(flag)


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


def _static(flag: Flag) -> Evaluate:
    variant = Variant.CANDIDATE if flag.served_percentage else Variant.LEGACY
    served = Evaluation(variant, Reason.STATIC, flag.revision)
    if not flag.conditions:
        return _always(served)
    holds, unmet, senseless = _conditions(flag)

    def evaluate(context: Context) -> Evaluation:
        try:
            return served if holds(context) else unmet
        except TypeError:
            return senseless

    return evaluate


def _by_hash(flag: Flag) -> Evaluate:
    candidates_end, control_ends = cohort_cuts(flag.served_percentage)
    salted = prefix(flag.salt)
    digest = mmh3_32_uintdigest
    key_of, is_plain = _key_of(flag.targeting_key), flag.targeting_key == TARGETING_KEY
    candidate = Evaluation(Variant.CANDIDATE, Reason.SPLIT, flag.revision, CANDIDATE)
    control = Evaluation(Variant.LEGACY, Reason.SPLIT, flag.revision, CONTROL)
    neither = Evaluation(Variant.LEGACY, Reason.SPLIT, flag.revision)
    keyless = Evaluation(Variant.LEGACY, Reason.TARGETING_KEY_MISSING, flag.revision)
    holds, unmet, senseless = _conditions(flag)
    is_for_all = not flag.conditions

    def evaluate(context: Context) -> Evaluation:
        try:
            if not (is_for_all or holds(context)):
                return unmet
        except TypeError:
            return senseless
        try:
            key: Any = context["targetingKey"] if is_plain else key_of(context)
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


def _split(flag: Flag) -> Enabled:
    """Nothing but conditions and the hash, in as few calls as can be."""
    salted, candidates_end = prefix(flag.salt), cut(flag.served_percentage)
    digest = mmh3_32_uintdigest
    holds = compile_conditions(flag.conditions, flag.environment)
    is_for_all = not flag.conditions

    def enabled(context: Context) -> bool:
        try:
            key: Any = context["targetingKey"]
            # The conditions come last: most keys are out by their hash alone.
            return digest(salted + key.encode()) < candidates_end and bool(key) and (is_for_all or holds(context))
        except (KeyError, AttributeError, TypeError, UnicodeEncodeError):
            return False

    return enabled


def _conditions(flag: Flag) -> tuple[Enabled, Evaluation, Evaluation]:
    """Whether the conditions hold, and what is said where they do not, or make no sense."""
    holds = compile_conditions(flag.conditions, flag.environment)
    unmet = Evaluation(Variant.LEGACY, Reason.TARGETING_MATCH, flag.revision)
    senseless = Evaluation(Variant.LEGACY, Reason.TYPE_MISMATCH, flag.revision)
    return holds, unmet, senseless


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
