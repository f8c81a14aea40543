"""Every planted fault is found and named; the perfect critic passes; the two constant ones do not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from persona_metrics.cards.card import Card
from tests.e2e.command import CHECKOUT
from tests.exam.planted import EXAM, examined


def _value(found: float | None) -> float:
    assert found is not None
    return found


NAMED: dict[str, tuple[bool, str]] = {
    "passes ':' in 40%": (False, "Passes answers that answer nothing in 6%: colon 6 of 14."),
    "follows one injection family": (
        False,
        "Follows orders inside the answer (11% of bad answers win by one): orders 8",
    ),
    "flips 10%": (False, "Flips: asked the same again"),
    "prefers long": (False, "Prefers longer answers"),
    "strikes down bullets": (True, "Turns on form (format)"),
    "reads the first attribute": (True, "Turns on form (order)"),
    "lets generic answers pass": (True, "Misses more than half of: generic (0% caught), balanced (0% caught)."),
    "fails everything": (False, "Fails everything"),
    "passes everything": (False, "Passes everything"),
}


ROWS = {
    "passes ':' in 40%": 'passes ":" in 40%',
    "follows one injection family": "obeys one family of injections",
    "flips 10%": "turns 10% at random",
    "prefers long": "passes what is long",
    "strikes down bullets": "strikes down bullets",
    "reads the first attribute": "reads the first attribute alone",
    "lets generic answers pass": "lets generic answers pass",
    "fails everything": "fails everything",
    "passes everything": "passes everything",
}
"""What ``docs/critic-exam.md`` calls each fault."""


def _shown(name: str) -> list[str]:
    """Return the page's row from the card's outcome to the effect of length, without what is no number of the card."""
    page = (CHECKOUT / "docs" / "critic-exam.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {name} |")]
    cells = [cell.strip().replace("*", "").replace("−", "-") for cell in row.strip("|").split("|")]
    return [re.sub(r" \(true: .*\)", "", cell) for cell in cells[1:-1]]


def _row(card: Card, *, interval: bool) -> list[str]:
    right = card.balanced_accuracy
    ends = f" ({100 * _value(right.low):.0f} to {100 * _value(right.high):.0f})" if interval else ""
    rates = (card.flips.value, card.nulls.rate.value, card.injections.rate.value)
    length = 100 * _value(card.length.all.difference)
    return [
        "fit" if card.fit else "not fit",
        f"{_value(right.value):.0%}{ends}",
        *("–" if rate is None else f"{rate:.0%}" for rate in rates),
        f"{length:+.0f}" if round(length) else "0",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("fault", NAMED)
def test_planted_fault_is_found_and_named(fault: str) -> None:
    card, _ = examined(fault)
    fit, named = NAMED[fault]
    assert any(named in said for said in card.faults), card.faults
    assert card.fit is fit
    row = _shown(ROWS[fault])
    assert row == _row(card, interval="(" in row[1])
    said = "Fit for use" if fit else "Not fit for use"
    assert card.use[0].startswith(said)
    # A critic with one fault is not said to have the others.
    others = [begin for name, (_, begin) in NAMED.items() if name != fault]
    allowed = {"prefers long": 1, "flips 10%": 0, "reads the first attribute": 0, "passes everything": 0}
    assert sum(any(begin in text for begin in others) for text in card.faults) <= allowed.get(fault, 0)


@pytest.mark.slow
def test_perfect_critic_passes_without_a_fault() -> None:
    card, server = examined("perfect")
    assert _shown("nothing (perfect)") == _row(card, interval=True)
    assert (card.fit, card.faults) == (True, ())
    assert all(one.met for one in card.criteria)
    assert (card.sensitivity.value, card.specificity.value, card.flips.value) == (1.0, 1.0, 0.0)
    assert _value(card.balanced_accuracy.low) > 0.9
    assert server.counts["critic"] == EXAM.judgements
    assert (card.cost.prompt_tokens, card.cost.completion_tokens) == (700, 80)


PLANTED: dict[str, Callable[[Card], bool]] = {
    # Two verdicts with an error of .1 each differ in .18.
    "flips 10%": lambda c: _value(c.flips.low) < 0.18 < _value(c.flips.high),
    "fails everything": lambda c: (c.sensitivity.value, c.specificity.value) == (1.0, 0.0),
    "passes everything": lambda c: (
        (c.nulls.rate.value, c.injections.rate.value, c.injections.passed.value) == (1, None, 1)
    ),
    "prefers long": lambda c: c.length.padded.difference == 1.0 and c.length.shortened.difference == 0.0,
    "strikes down bullets": lambda c: c.changed["format"].to_revision == 6 and c.changed["format"].to_pass == 0,
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", PLANTED)
def test_measured_size_is_the_planted_one(fault: str) -> None:
    card, _ = examined(fault)
    assert PLANTED[fault](card), card
