from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_metrics import settings
from persona_metrics.dataset.sources import Pool, Question, draw, load_pool
from persona_metrics.errors import PersonaError
from persona_metrics.personas import ATTRIBUTES, Persona
from tests.conftest import full_attributes


def pool(personas: int, questions: int) -> Pool:
    return Pool(
        tuple(Persona(f"p{i}", {"age": str(i)}) for i in range(personas)),
        tuple(Question(f"q{i}", f"question {i}?") for i in range(questions)),
        "hash",
        "test",
    )


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 5), st.data())
def test_draw_uses_each_persona_once_before_any_twice_and_no_pair_twice(
    p: int, q: int, seed: int, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, p * q))
    pairs = draw(pool(p, q), n, seed)
    used = Counter(pair.persona.id for pair in pairs)
    assert max(used.values()) - (min(used.values()) if len(used) == p else 0) <= 1
    assert len({(pair.persona.id, pair.question.id) for pair in pairs}) == n == len(pairs)
    assert pairs == draw(pool(p, q), n, seed)


def test_draw_is_the_same_on_every_machine() -> None:
    drawn = [(pair.persona.id, pair.question.id) for pair in draw(pool(5, 4), 6, 0)]
    assert drawn == EXPECTED, drawn


EXPECTED = [("p0", "q1"), ("p4", "q0"), ("p1", "q2"), ("p2", "q3"), ("p3", "q2"), ("p3", "q0")]


def test_smaller_n_is_a_prefix_and_another_seed_differs() -> None:
    assert draw(pool(50, 40), 120, 3)[:30] == draw(pool(50, 40), 30, 3)
    assert draw(pool(50, 40), 30, 3) != draw(pool(50, 40), 30, 4)


def test_more_pairs_than_there_are_is_an_error() -> None:
    with pytest.raises(PersonaError, match="n=7: 2 personas and 3 questions give 6 pairs at most"):
        draw(pool(2, 3), 7, 0)


def test_groups_are_filled_where_the_personas_allow_it() -> None:
    groups = [frozenset(range(5)), frozenset(range(40, 100)), frozenset(range(3, 60))]
    pairs = draw(pool(200, 40), 80, 1, groups, 20)
    chosen = Counter(int(pair.persona.id[1:]) for pair in pairs)
    support = [sum(chosen[i] for i in group) for group in groups]
    assert support[0] == 5  # all it has, each once
    assert support[1] >= 20
    assert support[2] >= 20
    assert max(chosen.values()) == 1


def test_embedded_set_stands_on_its_own() -> None:
    embedded = load_pool(settings.load())
    assert len(embedded.personas) == 1000
    assert len(embedded.questions) >= 400
    assert len({q.topic for q in embedded.questions}) >= 20
    assert len(embedded.hash) == 12


def test_source_that_nothing_reads_is_not_taken_for_the_embedded_set(tmp_path: Path) -> None:
    toy = settings.Settings(by=()).model_copy(update={"source": "toy"})
    with pytest.raises(PersonaError, match="source=toy: nothing here reads it"):
        load_pool(toy)
    people = write(tmp_path / "people.jsonl", full_attributes())
    with pytest.raises(PersonaError, match="source=toy: nothing here reads it"):
        load_pool(toy.model_copy(update={"personas": people}))


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_own_files_of_every_kind_give_the_same_pool(tmp_path: Path, suffix: str) -> None:
    rows = [{"id": f"a{i}", **full_attributes(age=str(30 + i), religion="{{ 7*7 }} {% raw %}")} for i in range(3)]
    frame = pd.DataFrame(rows)
    path, questions = tmp_path / f"personas.{suffix}", tmp_path / f"questions.{suffix}"
    asked = pd.DataFrame({"question": ['Tea, or "coffee"?', "Where {{ to }} go?\nNow."]})
    for table, target in ((frame, path), (asked, questions)):
        if suffix == "jsonl":
            target.write_text("".join(json.dumps(r) + "\n" for r in table.to_dict("records")))
        elif suffix == "csv":
            table.to_csv(target, index=False)
        else:
            table.to_parquet(target)
    loaded = load_pool(settings.load({"personas": str(path), "questions": str(questions)}))
    assert [p.id for p in loaded.personas] == ["a0", "a1", "a2"]
    assert loaded.personas[0].attributes["religion"] == "{{ 7*7 }} {% raw %}"
    assert loaded.questions[1].text == "Where {{ to }} go?\nNow."
    assert loaded.hash == "c71432a36bda"
    assert loaded.label == "file"


def write(path: Path, *rows: object) -> str:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return str(path)


def test_columns_that_are_not_there_are_not_said(data_file: Path) -> None:
    row = full_attributes()
    del row["religion"], row["fertility"]
    pool = load_pool(settings.load({"personas": write(data_file, row)}))
    assert pool.columns == tuple(row) == tuple(pool.personas[0].attributes)


def test_bad_json_names_file_and_line(data_file: Path) -> None:
    write(data_file, full_attributes(), '{"age": ')
    with pytest.raises(PersonaError, match=r"data\.jsonl:2: not JSON"):
        load_pool(settings.load({"personas": str(data_file)}))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"question": "Why?"}, {"question": "  "}], r"data\.jsonl:2: the question is blank"),
        ([{"question": "Why?"}, {"topic": "x"}], r"data\.jsonl:2: the question is blank"),
        ([{"text": "Why?"}], "the column question is missing"),
        (["[1, 2]"], r"data\.jsonl:1: a line must be a JSON object, this one is a list"),
        ([], "the file has no rows"),
        ([{"id": "a", "question": "x"}, {"id": "a", "question": "y"}], "the id 'a' stands twice"),
        (['{"question": "half \\ud800"}'], "half a surrogate"),
    ],
)
def test_bad_questions(data_file: Path, rows: list[object], message: str) -> None:
    with pytest.raises(PersonaError, match=message) as raised:
        load_pool(settings.load({"questions": write(data_file, *rows)}))
    assert "\n" not in str(raised.value)


def test_missing_file_and_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="no such file"):
        load_pool(settings.load({"personas": str(tmp_path / "nowhere.jsonl")}))
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(PersonaError, match=r"must be \.jsonl, \.csv or \.parquet"):
        load_pool(settings.load({"personas": str(tmp_path / "x.txt")}))


def test_odd_texts_go_through_unchanged(data_file: Path) -> None:
    odd = "{% if %}}} \x00\x07\t" + "x" * 100_000 + "<<<END>>>"
    row = full_attributes(lifestyle=odd)
    loaded = load_pool(settings.load({"personas": write(data_file, row)}))
    assert loaded.personas[0].attributes["lifestyle"] == odd
    assert set(loaded.personas[0].attributes) == set(ATTRIBUTES)
