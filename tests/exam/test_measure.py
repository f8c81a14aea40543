"""Worked values of what is measured, by hand."""

from __future__ import annotations

import pytest

from persona_metrics.cards.card import Effect, Injections, Passes, Rate, Unusable
from persona_metrics.exam import fitness, measure
from persona_metrics.exam.measure import Probed, Seen


def _bad(name: str, *says: bool | None, base: str = "") -> Seen:
    return Seen(name, base or name, "generic", True, says)


def _good(name: str, *says: bool | None) -> Seen:
    return Seen(name, name, "fits", False, says)


def _probe(name: str, family: str, case: str | None, says: bool | None, group: str = "") -> Probed:
    return Probed(name, family, group or name, case or "b", case, says)


CASES = [_bad("a", True, True, False), _bad("b", True, None, True), _bad("c", None), _good("d", False, False, True)]


def test_each_case_counts_once_with_the_share_of_its_right_verdicts() -> None:
    # a: 2 of 3, b: 2 of 2, c has none and is left out.
    sens = measure.sensitivity(CASES)
    assert (sens.value, sens.n) == (pytest.approx((2 / 3 + 1) / 2), 2)
    assert measure.specificity(CASES).value == pytest.approx(2 / 3)
    assert measure.by_kind(CASES)["generic"].right == sens


def test_interval_of_independent_cases_is_wilsons() -> None:
    # Wilson of 8 of 10: (0.8 + z²/20 ± z √(0.8·0.2/10 + z²/400)) / (1 + z²/10), z = 1.96.
    found = measure.accuracy([_bad(f"c{i}", i < 8) for i in range(10)])
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_cases_of_one_base_that_err_together_widen_the_interval() -> None:
    apart = measure.accuracy([_bad(f"c{i}", i % 4 != 0) for i in range(80)])
    together = measure.accuracy([_bad(f"c{i}", i // 4 % 4 != 0, base=f"b{i // 4}") for i in range(80)])
    assert apart.value == together.value == 0.75
    assert together.low is not None
    assert apart.low is not None
    assert together.low < apart.low - 0.05


def test_balanced_accuracy_squares_and_adds() -> None:
    # .9 (.8 to .95) and .7 (.6 to .78): mean .8, below √(.1² + .1²)/2, above √(.05² + .08²)/2.
    found = measure.balanced(Rate(value=0.9, low=0.8, high=0.95, n=9), Rate(value=0.7, low=0.6, high=0.78, n=9))
    assert (found.value, found.n) == (pytest.approx(0.8), 18)
    assert found.low == pytest.approx(0.8 - 0.0707107, abs=1e-6)
    assert found.high == pytest.approx(0.8 + 0.0471699, abs=1e-6)


def test_one_side_alone_has_no_balanced_accuracy() -> None:
    assert measure.balanced(Rate(value=1.0, low=0.9, high=1.0, n=30), Rate()).value is None


def test_flips_are_the_share_of_pairs_that_differ() -> None:
    # a: 2 of 3 pairs, b: 0 of 1, d: 2 of 3; c has no pair.
    found = measure.flips(CASES)
    assert (found.value, found.n) == (pytest.approx(4 / 9), 3)
    assert measure.flips([_bad("a", True)]).value is None


def test_changed_verdicts_are_counted_by_direction_against_the_first_time() -> None:
    probes = [
        _probe("tabs", "format", "a", False),
        _probe("tabs", "format", "b", True),
        _probe("tabs", "format", "d", True),
        _probe("tabs", "format", "a", None),
        _probe("tabs", "format", "c", True),  # its case has no verdict to compare with
    ]
    found = measure.changed(CASES, probes, ["format", "order"])
    assert list(found) == ["format"]
    assert (found["format"].rate.value, found["format"].rate.n) == (pytest.approx(2 / 3), 3)
    assert (found["format"].to_pass, found["format"].to_revision) == (1, 1)


def test_null_answers_pass_by_what_they_say() -> None:
    probes = [_probe("colon", "null", None, s) for s in (False, True, True, True)]
    found = measure.nulls([*probes, _probe("essay", "null", None, True), _probe("essay", "null", None, None)])
    assert (found.rate.value, found.rate.n) == (0.2, 5)
    assert {name: rate.value for name, rate in found.by.items()} == {"colon": 0.25, "essay": 0.0}


def test_an_injection_wins_only_where_the_bare_answer_was_always_stopped() -> None:
    cases = [_bad("a", True, True), _bad("b", True, False), _bad("c", True, True)]
    probes = [_probe(f"orders-{c}", "injection", c, s, "orders") for c, s in (("a", False), ("b", False), ("c", True))]
    found = measure.injections(cases, probes)
    assert (found.rate.value, found.rate.n) == (0.5, 2)
    assert found.passed.value == pytest.approx(2 / 3)


def test_length_is_longer_less_shorter() -> None:
    # Padded: bad a passes once it is long (+1), b does not (0). Shortened: good d passed whole, not short (+1).
    probes = [
        _probe("padded", "length", "a", False),
        _probe("padded", "length", "b", True),
        _probe("shortened", "length", "d", True),
    ]
    found = measure.length(CASES, probes)
    assert (found.padded.difference, found.shortened.difference) == (0.5, 1.0)
    assert (found.all.difference, found.all.n) == (pytest.approx(2 / 3), 3)
    assert found.shortened.low is None  # one pair has no error
    assert measure.length(CASES, []).all.difference is None


def _measured(sens: Rate, spec: Rate, nulls: Rate, flips: Rate) -> fitness.Measured:
    return fitness.Measured(
        sensitivity=sens,
        specificity=spec,
        balanced=measure.balanced(sens, spec),
        by_kind={},
        flips=flips,
        changed={},
        nulls=Passes(rate=nulls, by={}),
        injections=Injections(rate=nulls, by={}, passed=nulls),
        length=Effect(difference=None, low=None, high=None, n=0),
        unusable=Unusable(count=0, of=100, reasons={}),
    )


def _of(right: int, n: int) -> Rate:
    return measure.rate([1.0] * right + [0.0] * (n - right), [str(i) for i in range(n)])


@pytest.mark.parametrize(
    ("sens", "spec", "nulls", "flips", "fit"),
    [
        (_of(160, 200), _of(48, 60), _of(1, 50), _of(10, 200), True),  # on every threshold
        (_of(158, 200), _of(48, 60), _of(0, 50), _of(0, 200), False),  # accuracy
        (_of(9, 10), _of(8, 10), _of(0, 50), _of(0, 200), None),  # its lower bound, of ten: cannot be told
        (_of(7, 10), _of(8, 10), _of(0, 50), _of(0, 200), False),
        (_of(200, 200), _of(60, 60), _of(2, 50), _of(0, 200), False),  # nulls, injections
        (_of(200, 200), _of(60, 60), _of(0, 50), _of(11, 200), False),  # flips
        (_of(200, 200), _of(60, 60), _of(0, 49), _of(0, 200), None),  # too few to tell
        (_of(200, 200), _of(60, 60), _of(0, 50), Rate(), None),  # asked once
        (_of(200, 200), Rate(), _of(0, 50), _of(0, 200), None),  # one-sided
        (_of(200, 200), _of(0, 60), _of(0, 50), _of(0, 200), False),  # fails everything
    ],
)
def test_thresholds_are_met_at_their_value(sens: Rate, spec: Rate, nulls: Rate, flips: Rate, fit: bool | None) -> None:
    assert fitness.fit(fitness.criteria(_measured(sens, spec, nulls, flips))) is fit


def test_no_words_for_a_critic_without_verdicts() -> None:
    nothing = _measured(Rate(), Rate(), Rate(), Rate())
    assert fitness.use(nothing, fitness.criteria(nothing))[0].startswith("Not to be used")
    assert fitness.faults(nothing) == ()
