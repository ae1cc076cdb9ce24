"""Say in words and figures why a reading is bad, so that a person can check it."""

from typing import Any

from crossfade.measures import metric_named
from crossfade.readings import Reading, ThresholdResult, result_json

NO_DATA = "no-data"
"""The rule by which silence is alerted and rolled back."""

_BEYOND = {">": "above", ">=": "at or above", "<": "below", "<=": "at or below"}


def of_result(reading: Reading, result: ThresholdResult) -> dict[str, Any]:
    """Give what a threshold was judged by: rule, window, counts, estimate, bound, and a sentence."""
    document = result_json(result)
    del document["name"]
    return {
        "rule": result.name,
        "sentence": sentence(result),
        **document,
        "step": reading.step,
        "judged_at": reading.judged_at.isoformat() if reading.judged_at else None,
    }


def of_silence(reading: Reading) -> dict[str, Any]:
    """Give what is missing, and since when."""
    since = reading.no_data_since
    missing = ", ".join(reading.missing)
    return {
        "rule": NO_DATA,
        "sentence": f"no fresh sample of {missing}" + (f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""),
        "missing": list(reading.missing),
        "no_data_since": since.isoformat() if since else None,
        "step": reading.step,
        "judged_at": reading.judged_at.isoformat() if reading.judged_at else None,
    }


def sentence(result: ThresholdResult) -> str:
    """Tell a bad result to a person: what was seen, how sure that is, and what is allowed."""
    if result.bound is not None and result.alpha is not None:
        text = f"{_seen(result)}; {_proof(result)}"
    elif result.events is not None and not result.relative:
        text = f"{_seen(result)}; allowed is {_limit(result)}"
    else:
        whose = f" of {result.instance}" if result.instance else ""
        legacy = f" while legacy's was {_number(result, result.legacy_value)}" if result.relative else ""
        text = (
            f"{result.metric}{whose} was {_number(result, result.value)} over {result.window_seconds} s{legacy}, "
            f"{_BEYOND[result.operator]} the limit of {_number(result, result.limit)}"
        )
    repeated = f" ({result.failures_in_a_row} bad readings in a row)" if result.failures_in_a_row > 1 else ""
    return f"{result.name}: {text}{repeated}"


def _seen(result: ThresholdResult) -> str:
    """Say how many of how many counted against it."""
    counts = f"{result.events} of {result.trials}"
    share = _percent(result.events / result.trials if result.trials and result.events is not None else None)
    if metric_named(result.metric).share is not None:
        value = _number(result, result.value)
        took = f"{counts} responses took more than {_number(result, result.limit)}"
        return f"{took} within {result.window_seconds} s ({share}; {result.metric} was {value})"
    return f"{result.metric} of candidate was {share} within {result.window_seconds} s ({counts})"


def _proof(result: ThresholdResult) -> str:
    side = "above" if result.operator.startswith(">") else "below"
    confidence = _percent(1 - (result.alpha or 0.0))
    return (
        f"with {confidence} confidence the true share is {side} {_percent(result.bound)}, allowed is {_limit(result)}"
    )


def _limit(result: ThresholdResult) -> str:
    return f"{'at most' if result.operator.startswith('>') else 'at least'} {_percent(result.rate_limit)}"


def _number(result: ThresholdResult, value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}{' ' + result.unit if result.unit else ''}"


def _percent(share: float | None) -> str:
    """Write a share with as many digits as tell it from 0 and from 1."""
    if share is None:
        return "unknown"
    percent = share * 100
    if 99 < percent < 100:  # noqa: PLR2004 - a confidence: count the nines
        return f"{percent:.6f}".rstrip("0").rstrip(".") + " %"
    return f"{percent:.3g} %"
