from __future__ import annotations

import pytest

from persona_metrics.evaluations.letters import letter_of

SHOWN = ("Take the train.", "Take the bus.", "Walk home.")


@pytest.mark.parametrize(
    ("reply", "position"),
    [
        ("B", 1),
        (" b.\n", 1),
        ("(C)", 2),
        ("**A**", 0),
        ("B. Take the bus.", 1),
        ("C) because of the rain", 2),
        ("The answer is B.", 1),
        ("Answer: **C**", 2),
        ("The right option would be A", 0),
        ("I would go for B, since A bus is cheap.", 1),
        ("<think>A or B? A.</think>C", 2),
        ("Take the bus.", 1),
        ("They should walk home", 2),
        ("First I thought A.\nThe answer is B", 1),
    ],
)
def test_letter_is_found_where_one_is_meant(reply: str, position: int) -> None:
    assert letter_of(reply, SHOWN) == position


@pytest.mark.parametrize(
    "reply",
    ["", "D", "A or B", "A good question!", "I cannot say.", "<think>B", "lol", "Take the train or take the bus."],
)
def test_no_letter_is_guessed(reply: str) -> None:
    assert letter_of(reply, SHOWN) is None
