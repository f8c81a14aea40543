"""Tables as the page shows them: shares in per cent, differences of shares in points."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from persona_metrics.report.glossary import Linker
from persona_metrics.report.shown import Shown, shown


def _texts(table: Shown) -> list[list[str]]:
    return [list(table.columns), *([cell.text for cell in row] for row in table.rows)]


def test_a_column_of_differences_says_points_once() -> None:
    frame = pd.DataFrame({"row": ["a", "b"], "difference": [-0.149, 0.0], "low": [-0.2, -0.1], "high": [-0.05, 0.1]})
    frame["stderr"] = [0.03, 0.1]
    assert _texts(shown("differences", frame)) == [
        ["row", "difference, points", "interval, points", "stderr, points"],
        ["a", "-14.9", "-20.0 to -5.0", "3.0"],
        ["b", "0.0", "-10.0 to +10.0", "10.0"],
    ]


def test_a_column_of_several_units_says_each_beside_its_number() -> None:
    frame = pd.DataFrame(
        {
            "row": ["contrast", "personalized", "attempts", "between_group_sd"],
            "value": [0.256, 0.538, 1.0, 0.081],
            "stderr": [0.069, 0.05, 0.5, math.nan],
        }
    )
    said = shown("rows", frame, frozenset({"attempts"}), frozenset({"contrast"}))
    assert [texts[1:] for texts in _texts(said)[1:]] == [
        ["+25.6 points", "6.9 points"],
        ["53.8%", "5.0%"],
        ["1", "0.5"],
        ["8.1 points", ""],
    ]


@pytest.mark.parametrize("rows", [1, 2])
def test_cells_sort_by_their_number_whatever_they_say(rows: int) -> None:
    cells = {"difference": [0.256] * rows, "gap": [-0.256] * rows, "rate": [0.256] * rows}
    table = shown("t", pd.DataFrame(cells))
    assert [cell.sort for cell in table.rows[0]] == [0.256, -0.256, 0.256]
    assert [cell.key for cell in table.rows[0]] == ["0.256", "-0.256", None]


def test_what_is_no_share_has_no_points_beside_a_difference_of_shares() -> None:
    frame = pd.DataFrame(
        {"row": ["skill", "personalized"], "difference": [0.2, 0.2], "low": [0.1, 0.1], "high": [0.3, 0.3]}
    )
    said = shown("differences", frame, frozenset({"skill"}))
    assert [texts[1:] for texts in _texts(said)[1:]] == [
        ["0.2", "0.1 to 0.3"],
        ["+20.0 points", "+10.0 to +30.0 points"],
    ]


def test_the_orders_bias_and_how_much_kinder_a_critic_is_are_points() -> None:
    frame = pd.DataFrame([{"row": "order_bias", "order_bias": 0.02, "low": -0.01, "high": 0.05}])
    (cells,) = shown("order", frame, frozenset(), frozenset({"order_bias"})).rows
    assert [cell.text for cell in cells[1:]] == ["+2.0", "-1.0 to +5.0"]
    assert shown("people", pd.DataFrame({"apart": [0.1]})).columns == ("apart, points",)


def test_a_table_of_one_row_stands_upright_with_its_units() -> None:
    frame = pd.DataFrame([{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "difference": 0.1, "low": 0.0, "high": 0.2}])
    said = dict(_texts(shown("t", frame))[1:])
    assert said["difference"] == "+10.0 points"
    assert said["interval"] == "0.0 to +20.0 points"


def test_what_p_is_stands_on_the_line_of_its_p_and_a_heading_is_linked_whatever_its_unit() -> None:
    link = Linker()
    assert "p\u00a0=\u00a00.02; map = 3" in link("lift +3.0 points, p = 0.02; map = 3")
    assert 'href="#word-bounds"' in link.columns(["bounds, points"])


def test_tables_have_readable_intervals_and_p_values() -> None:
    table = pd.DataFrame({"row": ["a", "b"], "low": [0.1, 0.2], "high": [0.3, 0.4], "homogeneity_p": [0.0001, 0.5]})
    found = shown("x", table)
    assert found.columns == ("row", "interval", "homogeneity p")
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["a", "10.0 to 30.0%", "<\u00a00.001"],
        ["b", "20.0 to 40.0%", "0.5"],
    ]
