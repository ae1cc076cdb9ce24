import numpy as np
import pytest

from crossfade.errors import InvalidArgument
from crossfade.statistics.accumulators import Counts
from crossfade.statistics.evidence import peak, rejects
from crossfade.statistics.priors import ANY_HARM, SMALL_HARM, STEPS, HarmPrior
from crossfade.statistics.rates import RateDesign, RateEvidence, sequential_rates

RUNS = 400


def harm_found(prior: HarmPrior, *, ratio: float, rate: float, requests: int) -> float:
    """In how many of 400 ramps 1/5/25/50 % harm is shown at any of 40 looks; the rate halves in both arms."""
    rng, highest = np.random.default_rng(31), np.zeros(RUNS)
    folded: RateEvidence | None = None
    for look, share in enumerate(np.repeat([0.01, 0.05, 0.25, 0.5], 10)):
        n_t, now = round(requests * share), rate * (1 - look / 80)
        control = Counts.of(requests - n_t, rng.binomial(requests - n_t, now, RUNS))
        treatment = Counts.of(n_t, rng.binomial(n_t, now * ratio, RUNS))
        bucket = RateEvidence.of(control, treatment, design=RateDesign.of())
        folded = bucket if folded is None else folded + bucket
        highest = peak(highest, sequential_rates(folded, prior=prior).log_e_harm)
    return float(rejects(highest, alpha=0.05).mean())


@pytest.mark.parametrize("prior", [ANY_HARM, SMALL_HARM])
def test_whatever_is_expected_false_alarms_stay_below_the_promise(prior: HarmPrior) -> None:
    assert np.exp(prior.log_weights).sum() == pytest.approx(1)
    assert harm_found(prior, ratio=1.0, rate=0.01, requests=2500) <= 0.05


def test_who_expects_small_harm_finds_it_more_often_and_large_harm_as_well_given_events() -> None:
    narrow, wide = (harm_found(prior, ratio=1.3, rate=0.01, requests=2500) for prior in (SMALL_HARM, ANY_HARM))
    assert narrow > wide + 0.02
    assert harm_found(SMALL_HARM, ratio=3.0, rate=0.01, requests=2500) == 1


def test_with_few_events_who_expects_any_harm_finds_a_large_one_more_often() -> None:
    narrow, wide = (harm_found(prior, ratio=4.0, rate=0.01, requests=100) for prior in (SMALL_HARM, ANY_HARM))
    assert wide > narrow + 0.02


def test_small_harm_expects_a_third_more_errors_most() -> None:
    assert np.exp(STEPS[SMALL_HARM.log_weights.argmax()]) == pytest.approx(1.35, abs=0.05)


@pytest.mark.parametrize(("argument", "values"), [("spread", (0.0, 0)), ("spread", (np.nan, 0)), ("order", (1.0, -1))])
def test_a_prior_without_a_shape_is_refused(argument: str, values: tuple[float, int]) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        HarmPrior(*values)
    assert refusal.value.argument == argument
