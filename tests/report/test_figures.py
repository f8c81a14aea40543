"""Figures: what they show and leave out, that their texts stay apart and readable, on a desk and on a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from persona_metrics.report import words
from persona_metrics.report.figures.draw import draw
from persona_metrics.report.figures.style import Drawn, phone, styled
from persona_metrics.report.tables import comparisons
from tests.fakes.runs import Planted, Texts, write_run
from tests.report.test_report import ALL, loaded


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return the texts of a figure that lie over one another."""
    with styled():
        figure.canvas.draw()
        texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
        boxes = [(t.get_text(), t.get_window_extent()) for t in texts]
    ink = [(name, box.shrunk(0.96, 0.8)) for name, box in boxes if box.width > 1]
    return [(a, b) for i, (a, x) in enumerate(ink) for b, y in ink[i + 1 :] if x.overlaps(y)]


def drawn(path: Path) -> list[Drawn]:
    _, tables = loaded(path)
    return [figure for _, figure in draw(tables, comparisons(tables)[0])]


def narrow(path: Path) -> list[Drawn]:
    with phone():
        return drawn(path)


def _long_names(pair: Any, persona: dict[str, Any]) -> dict[str, Any]:
    number = int(pair.id) % 9
    name = f"$Very_long^name {number} of a group that goes on and on, {{{{ 数 }}}} \x00 <b>"
    return {**persona, "race": name, "income": "$52,000"}


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("persona_main", {"by": "race,income,age,topic"}),
        ("persona_loo", {"attributes": "all"}),
        ("persona_intersection", {"cross": "race,age", "min_support": 5}),
        ("persona_intersection", {"cross": "sex,age,education", "min_support": 2}),
        ("persona_pass_at_k", {"k": 1}),
        ("persona_pass_at_k", {"k": 33}),
    ],
)
def test_no_label_lies_over_another(tmp_path: Path, task: str, given: dict[str, Any]) -> None:
    path = write_run(tmp_path, (task,), n=60, planted=Planted(missing=0.05, texts=Texts(persona=_long_names)), **given)
    for figure in (*drawn(path), *narrow(path)):
        assert overlapping(figure.figure) == []


def test_phones_figures_have_no_text_below_11_pixels(tmp_path: Path) -> None:
    tasks = (*ALL, "persona_contrast")
    write_run(tmp_path, tasks, n=60, k=3, attributes="age,sex", cross="sex,age", min_support=2, by="sex,age")
    write_run(tmp_path, tasks[:2], model="model-b", n=60)
    found = narrow(tmp_path)
    assert len(found) > 8
    for one in found:
        with styled():
            wide = one.figure.get_tightbbox(one.figure.canvas.get_renderer()).width + 0.12  # type: ignore[attr-defined]
            sizes = [t.get_fontsize() for t in one.figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
        # 390 px less the page's margins and the figure's own.
        assert min(sizes) / 72 * (390 - 2 * 14.4 - 2 * 8 - 2) / wide >= 11, one.name


def test_long_forest_has_scale_and_legend_at_both_ends(tmp_path: Path) -> None:
    given = {"cross": "sex,age,education", "min_support": 1, "n": 60}
    (forest,) = [d for d in drawn(write_run(tmp_path, ("persona_intersection",), **given)) if "forest" in d.name]
    (ax,) = forest.figure.axes
    assert ax.xaxis.get_tick_params()["labeltop"]
    assert len(ax.findobj(Legend)) == 2


@pytest.mark.parametrize(("support", "shown"), [(2, True), (50, False)])
def test_long_forest_leaves_groups_with_too_few_pairs_to_the_table(tmp_path: Path, support: int, shown: bool) -> None:
    run = write_run(tmp_path, ("persona_intersection",), cross="sex,age,education", min_support=support, n=150)
    forests = [d for d in drawn(run) if "forest" in d.name]
    assert len(forests) == shown
    for forest in forests:
        texts = [t.get_text() for t in forest.figure.findobj(Text)]
        assert not any("too few" in text for text in texts)
        assert "have fewer than 2 pairs and stand in the table alone" in " ".join(" ".join(texts).split())


def test_dark_heat_map_runs_the_same_way_as_the_light_one(tmp_path: Path) -> None:
    run = write_run(tmp_path, ("persona_intersection",), cross="sex,age", min_support=2, n=60)
    (heat,) = [d for d in drawn(run) if "heat" in d.name]
    assert heat.dark is not None
    light, dark = (
        figure.axes[0].collections[0].get_cmap()(np.array([0.05, 0.95]))[:, :3] for figure in (heat.figure, heat.dark)
    )
    rotate = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])
    # What the style sheet's filter makes of it on the page.
    seen = np.clip((0.895 - 0.79 * dark) @ rotate.T, 0, 1)
    grey = np.array([0.2126, 0.7152, 0.0722])
    for figure, turned in ((heat.figure, False), (heat.dark, True)):
        for text in figure.axes[0].texts:
            rate = float(text.get_text().partition("%")[0]) / 100
            # Dark letters on a light cell, and the other way round.
            assert abs(rate - 0.5) < 0.01 or (text.get_color() != "white") == ((rate > 0.5) is not turned)
    assert np.abs(seen @ grey - light @ grey).max() < 0.1


def test_figure_of_main_shows_what_was_asked_for_and_what_differs(tmp_path: Path) -> None:
    (even,) = drawn(write_run(tmp_path / "even", n=120, by="sex"))
    named = {t.get_text() for t in even.figure.findobj(Text)}
    assert "sex" in named
    assert not {"age", "race", "income"} & named
    apart = Planted(lambda pair, _: 0.2 if pair.persona.attributes["sex"] == "Male" else 0.8)
    path = write_run(tmp_path / "apart", n=120, planted=apart, by="age")
    (figure,) = drawn(path)
    texts = {t.get_text() for t in figure.figure.findobj(Text)}
    assert {"sex", "age", "Male", "Female"} <= texts
    assert "race" not in texts
    assert "The rate differs beyond chance by sex (from Male" in words.finding(loaded(path)[1][0])
    (same,) = loaded(tmp_path / "even")[1]
    assert words.finding(same).startswith("No attribute's groups differ beyond chance (")


def test_axis_of_differences_leaves_no_room_for_what_is_not_there(tmp_path: Path) -> None:
    planted = Planted(lambda _, v: 0.9 if "income" not in v.dropped else 0.1)
    path = write_run(tmp_path, ("persona_loo",), n=80, attributes="income", planted=planted)
    (figure,) = drawn(path)
    low, high = figure.figure.axes[0].get_xlim()
    assert low > -0.3 * high


def test_modes_that_are_not_told_apart_are_hollow(tmp_path: Path) -> None:
    tasks = ("persona_main_baseline", "persona_main", "persona_main_chain_of_thought")
    rates = {"persona_main_chain_of_thought": 0.95}
    for task in tasks:
        rate = rates.get(task, 0.4)
        write_run(
            tmp_path,
            (task,),
            n=80,
            stamp=f"2026-03-01T10-00-00.{len(task):06d}",
            planted=Planted(lambda *_, rate=rate: rate),
        )
    (figure,) = [d for d in drawn(tmp_path) if d.name == "modes"]
    points = [line for line in figure.figure.axes[1].lines if line.get_marker() == "s" and np.size(line.get_xdata())]
    faces = {line.get_markerfacecolor(): np.size(line.get_xdata()) for line in points}
    assert faces["white"] == 1
    assert [t.get_text() for t in figure.figure.axes[0].get_yticklabels()] == [
        "baseline",
        "output only",
        "chain of thought",
    ]


def test_many_models_with_long_names_stay_apart(tmp_path: Path) -> None:
    tasks = ("persona_main", "persona_main_baseline")
    for i in range(7):
        write_run(
            tmp_path, tasks, n=40, model=f"organisation-with-a-name/model-{i}-instruct-with-a-very-long-name-v{i}"
        )
    for figure in drawn(tmp_path):
        assert overlapping(figure.figure) == []


def test_small_groups_are_drawn_hollow(tmp_path: Path) -> None:
    (figure,) = (d.figure for d in drawn(write_run(tmp_path, n=120, by="sex,education")))
    points = [line for ax in figure.axes for line in ax.lines if line.get_marker() == "o" and np.size(line.get_xdata())]
    faces = {line.get_markerfacecolor() for line in points}
    assert "white" in faces
    assert len(faces) == 2


def test_figure_of_attempts_says_which_test_compared_them(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_run(tmp_path, ("persona_pass_at_k", "persona_main"), model=name, n=30, k=4)
    captions = {figure.name: figure for figure in drawn(tmp_path)}
    texts = {name: " ".join(t.get_text() for t in d.figure.findobj(Text)) for name, d in captions.items()}
    attempts = " ".join(texts["models-persona_pass_at_k"].split())
    assert "paired permutation test on the means of shared pairs, at each k" in attempts
    assert "(pass@4)" in attempts
    assert "McNemar" not in attempts
    assert "McNemar's exact test over shared pairs" in " ".join(texts["models-persona_main"].split())


def test_figure_of_models_says_what_its_shares_are_of(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_run(tmp_path, ("persona_contrast", "persona_main"), model=name, n=30)
    texts = {d.name: {t.get_text() for t in d.figure.findobj(Text)} for d in drawn(tmp_path)}
    assert {
        "Models · Contrast",
        "persona_contrast · share of answers judged personalised for their own person",
    } <= texts["models-persona_contrast"]
    assert "persona_main · share of answers judged personalised" in texts["models-persona_main"]


@pytest.mark.parametrize(
    ("support", "n", "said"), [(1, 3, "Hatched: no pair."), (4, 20, "Hatched: fewer than 4 pairs.")]
)
def test_heat_map_says_what_a_hatch_is(tmp_path: Path, support: int, n: int, said: str) -> None:
    run = write_run(tmp_path, ("persona_intersection",), cross="sex,age", min_support=support, n=n)
    (desk,), (hand,) = ([d for d in found if "heat" in d.name] for found in (drawn(run), narrow(run)))
    texts = [" ".join(" ".join(t.get_text() for t in d.figure.findobj(Text)).split()) for d in (desk, hand)]
    assert all(said in text for text in texts)
    # A phone's cells have no room for an interval, and nothing says that they hold one.
    assert ["95% interval, pairs" in text for text in texts] == [True, False]


def test_phone_breaks_no_line_between_p_and_its_number(tmp_path: Path) -> None:
    tasks = ("persona_main_baseline", "persona_main")
    for name in ("one", "two"):
        write_run(tmp_path, tasks, model=name, n=30)
    said = "".join(t.get_text() for d in narrow(tmp_path) for t in d.figure.findobj(Text))
    assert "p\u00a0≤\u00a00.05" in said
    assert not re.search(r"\bp\s*\n?[≤<=>]\n|\bp\n[≤<=>]", said)


def test_figure_names_no_lowest_group_by_chance(tmp_path: Path) -> None:
    given = {"cross": "sex", "min_support": 5, "n": 200}
    same = write_run(tmp_path / "a", ("persona_intersection",), **given)
    apart = Planted(lambda pair, _: 0.2 if pair.persona.attributes["sex"] == "Male" else 0.8)
    odd = write_run(tmp_path / "b", ("persona_intersection",), planted=apart, **given)
    assert "that they differ is not shown" in drawn(same)[0].alt
    assert "lowest: Male" in drawn(odd)[0].alt
