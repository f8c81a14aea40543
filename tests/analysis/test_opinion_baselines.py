"""What simple models score on the embedded tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from persona_metrics.dataset.opinion_groups import group_of, personas_for
from persona_metrics.dataset.opinion_tables import OpinionTables, opinion_tables
from persona_metrics.dataset.sources import load_pool
from persona_metrics.settings import Settings
from persona_metrics.statistics.opinion import OpinionScore, score, skill, steer
from tools.opinion_baselines import baselines, beside, by_group, by_grouping, party_alone, rows

ROOT = Path(__file__).parents[2]
CARD = "persona_metrics/dataset/embedded/opinion.md"


@pytest.fixture(scope="module")
def tables() -> OpinionTables:
    return opinion_tables()


@pytest.fixture(scope="module")
def found(tables: OpinionTables) -> dict[str, OpinionScore]:
    return baselines(tables, load_pool(Settings()).personas)


def test_card_and_page_show_these(found: dict[str, OpinionScore]) -> None:
    card, page = ((ROOT / name).read_text(encoding="utf-8").splitlines() for name in (CARD, "docs/judge-free.md"))
    made = rows(found)
    assert [row for row in made if row not in card] == []
    # The page leaves some of the intervals out.
    for row in made:
        (shown,) = [line for line in page if line.split("|")[1:2] == row.split("|")[1:2]]
        cells = zip(row.split("|"), shown.split("|"), strict=True)
        assert all(full.strip().startswith(part.strip()) for full, part in cells), shown


def test_card_shows_these_groupings_and_how_many_people_have_no_party(tables: OpinionTables) -> None:
    card, pool = (ROOT / CARD).read_text(encoding="utf-8"), load_pool(Settings()).personas
    assert [row for row in by_grouping(tables, pool) if row not in card.splitlines()] == []
    without = sum(group_of(persona.attributes, "party") is None for persona in pool)
    assert f"Of the {len(pool):,} embedded personas, {without} name another party" in card


def test_the_table_itself_is_perfect_and_everybody_knows_nothing(found: dict[str, OpinionScore]) -> None:
    assert found["group table"].skill.value == pytest.approx(1)
    assert found["group table"].steer.value == pytest.approx(1)
    assert found["everybody"].skill.value == pytest.approx(0)
    assert found["everybody"].steer.value == pytest.approx(0)
    assert found["uniform"].skill.value < -0.5
    assert all(s.missing == 0 and s.items == len(opinion_tables().items) for s in found.values())


def test_party_alone_knows_a_part(found: dict[str, OpinionScore]) -> None:
    party = found["party alone"]
    assert 0.2 < party.skill.low < party.skill.high < party.ceiling
    assert 0.4 < party.steer.value < 1


def test_party_alone_is_the_table_where_people_are_grouped_by_party(tables: OpinionTables) -> None:
    modelled = party_alone(tables, load_pool(Settings()).personas)
    by_party = [a for a in beside(tables, modelled) if a.grouping == "party"]
    assert skill(by_party).value == pytest.approx(1)
    by_sex = [a for a in beside(tables, modelled) if a.grouping == "sex"]
    assert abs(skill(by_sex).value) < 0.35


def test_group_answers_are_the_means_of_its_personas_and_nobodys_is_missing(tables: OpinionTables) -> None:
    draw = personas_for(load_pool(Settings()).personas, "sex", 4, seed=0)
    item = "gss_abnomore"
    men, women = ([p.id for p in draw.personas[sex]] for sex in ("Male", "Female"))
    answers = {(item, men[0]): (1.0, 0.0), (item, men[1]): (0.5, 0.5), (item, men[2]): (0.3, 0.7)}
    modelled = by_group(tables, [draw], answers)
    assert modelled == {(item, "sex", "Male"): pytest.approx([0.6, 0.4])}
    scored = score([a for a in beside(tables, modelled) if a.item == item and a.grouping == "sex"])
    assert (scored.cells, scored.missing) == (1, 1)
    answers[item, women[0]] = (0.2, 0.8)
    assert by_group(tables, [draw], answers)[item, "sex", "Female"] == pytest.approx([0.2, 0.8])


def test_personas_that_answer_as_their_group_did_have_skill_1_in_it(tables: OpinionTables) -> None:
    draw = personas_for(load_pool(Settings()).personas, "party+sex", 6, seed=0)
    answers = {
        (item.id, persona.id): cell.shares
        for item in tables.items.values()
        if "party+sex" in item.signal
        for cell in tables.groups(item.id, "party+sex")
        for persona in draw.personas[cell.group]
    }
    scored = score([a for a in beside(tables, by_group(tables, [draw], answers)) if a.grouping == "party+sex"])
    assert (scored.skill.value, scored.steer.value, scored.missing) == (pytest.approx(1), pytest.approx(1), 0)


def test_cells_without_an_answer_are_missing(tables: OpinionTables) -> None:
    cells = tables.scored()
    half = {(c.item, c.grouping, c.group): c.shares for c in cells[::2]}
    scored = score(beside(tables, half))
    assert scored.missing == len(cells) - len(half)
    assert scored.skill.value == pytest.approx(1)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0])
def test_a_part_of_the_differences_is_found_again_on_the_real_tables(tables: OpinionTables, factor: float) -> None:
    modelled = {
        (c.item, c.grouping, c.group): [
            m + factor * (q - m) for q, m in zip(c.shares, tables.everybody(c.item).shares, strict=True)
        ]
        for c in tables.scored()
    }
    answers = beside(tables, modelled)
    assert skill(answers).value == pytest.approx(factor)
    assert steer(answers).value == pytest.approx(factor)


def test_doubled_differences_are_found_again_where_they_are_shares(tables: OpinionTables) -> None:
    modelled = {}
    for c in tables.scored():
        doubled = [2 * q - m for q, m in zip(c.shares, tables.everybody(c.item).shares, strict=True)]
        modelled[c.item, c.grouping, c.group] = doubled if min(doubled) >= 0 else ()
    answers = beside(tables, modelled)
    scored = score(answers)
    assert scored.cells > 0.7 * len(answers)
    assert scored.skill.value == pytest.approx(0, abs=1e-9)
    assert scored.steer.value == pytest.approx(2)
