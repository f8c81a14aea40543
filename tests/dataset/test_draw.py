"""The draw of pairs that fit: nobody is asked what is not theirs, all questions alike often, the same everywhere."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_metrics import settings
from persona_metrics.dataset.conditions import ALWAYS, Condition, holds, parse
from persona_metrics.dataset.draw import Pair, Pool, _fitting, draw
from persona_metrics.dataset.questions import Question
from persona_metrics.dataset.sources import load_pool
from persona_metrics.errors import PersonaError
from persona_metrics.personas import Persona

SEEDS = range(5)
FIRST_EDITION = "14e11b860bc6923e416c9159504bf98ac76701ea47a4802136986232ec66e497"
"""The first 200 pairs of seed 0 as they were drawn when there was one edition."""


def pool(**chosen: Any) -> Pool:
    return load_pool(settings.load({"data": 2, **chosen}))


def named(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [(pair.persona.id, pair.question.id) for pair in pairs]


def made(personas: list[dict[str, str]], *askers: Any, **more: Any) -> Pool:
    return Pool(
        [Persona(f"p{i}", attributes) for i, attributes in enumerate(personas)],
        [Question(f"q{i}", f"Question {i}?", asker=parse(a, "asker"), **more) for i, a in enumerate(askers)],
        "hash",
        "test",
    )


OLD = [{"attribute": "age", "values": ["65+"]}]
YOUNG = {"not": OLD}


# -- the embedded questions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_no_pair_contradicts_itself(seed: int) -> None:
    for pair in draw(pool(), 1000, seed):
        assert holds(pair.question.asker, pair.persona.attributes) is not False, (pair.question, pair.persona)


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_comes_once_before_anybody_twice_and_no_pair_comes_twice(seed: int) -> None:
    pairs = draw(pool(), 2500, seed)
    for start in (0, 1000):
        assert len({pair.persona.id for pair in pairs[start : start + 1000]}) == 1000
    assert len(set(named(pairs))) == 2500


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [300, 1000, 3000])
def test_questions_are_used_alike_often_within_each_topic_and_over_all(seed: int, n: int) -> None:
    found = pool()
    used = Counter(pair.question.id for pair in draw(found, n, seed))
    counts = [used[q.id] for q in found.questions]
    assert max(counts) - min(counts) <= 2
    for topic in {q.topic for q in found.questions}:
        counts = [used[q.id] for q in found.questions if q.topic == topic]
        assert max(counts) - min(counts) <= 2, topic


def test_a_larger_draw_begins_with_the_smaller_one() -> None:
    found = pool()
    largest = named(draw(found, 1500, 3))
    for n in (1, 30, 300, 664, 1000, 1001):
        assert named(draw(found, n, 3)) == largest[:n]


def test_a_question_that_few_may_be_asked_is_not_left_behind() -> None:
    found = pool()
    rare = [q.id for q in found.questions if sum(_fitting([q.asker], found.personas)) < 150]
    assert rare
    used = Counter(pair.question.id for pair in draw(found, 1000, 0))
    assert min(used[one] for one in rare) >= 1


def test_the_first_edition_is_drawn_as_it_always_was() -> None:
    pairs = draw(pool(data=1), 200, 0)
    text = "\n".join(f"{p.id}/{p.persona.id}/{p.question.id}" for p in pairs)
    assert hashlib.sha256(text.encode()).hexdigest() == FIRST_EDITION
    assert pool(data=1).hash == "d33de11afb57"


def test_the_draw_is_the_same_under_every_hash_seed() -> None:
    code = (
        "from persona_metrics import settings; from persona_metrics.dataset import sources;"
        "p = sources.load_pool(settings.load({'data': 2, 'language': 'all'}));"
        "print([(x.persona.id, x.question.id) for x in sources.draw(p, 400, 1)])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(said) == 1


# -- languages, kinds, places --------------------------------------------------------------------------------------


def test_plain_questions_and_other_languages_are_asked_on_request_alone() -> None:
    usual, plain = pool().questions, pool(kind="plain").questions
    assert {q.language for q in usual} == {"en"}
    assert "plain" not in {q.kind for q in usual}
    assert {q.kind for q in plain} == {"plain"}
    assert len(plain) == 31
    assert {q.kind for q in pool(kind="advice+value").questions} == {"advice", "value"}
    assert len(pool(language="all").questions) == len(usual) + 100


def test_another_language_is_asked_of_its_speakers_alone() -> None:
    for pair in draw(pool(language="es"), 200, 0):
        assert pair.question.language == "es"
        assert pair.persona.attributes["household language"] == "Spanish"
    pairs = draw(pool(language="all"), 1000, 0)
    assert {p.question.language for p in pairs} > {"en", "es", "zh"}
    for pair in pairs:
        assert holds(pair.question.asker, pair.persona.attributes) is not False


def test_who_speaks_no_english_gets_another_language_where_one_fits() -> None:
    silent = {"ability to speak english": "Not at all", "household language": "Spanish"}
    table = [*(Question(f"e{i}", "Why?") for i in range(3)), Question("s", "¿Por qué?", language="es")]
    both = Pool([Persona("p", silent)], table, "h", "l")
    assert draw(both, 4, 0)[0].question.id == "s"
    assert {p.question.language for p in draw(Pool(both.personas, table[:3], "h", "l"), 3, 0)} == {"en"}
    fluent = Pool([Persona("p", {**silent, "ability to speak english": "Very well"})], table, "h", "l")
    assert "e" in {draw(fluent, 1, seed)[0].question.id[0] for seed in range(10)}


def test_a_users_question_in_another_language_finds_its_speakers_without_a_condition(data_file: Path) -> None:
    rows = [{"question": "Wann?", "language": "de"}, {"question": "When?"}]
    data_file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    for pair in draw(pool(questions=str(data_file), language="de", personas=None), 20, 0):
        assert pair.persona.attributes["household language"] == "Other Indo-European language"


def test_locale_any_leaves_out_what_one_country_takes_for_granted() -> None:
    everywhere, usual = pool(locale="any").questions, pool().questions
    assert {q.locale for q in everywhere} == {""}
    assert len(usual) - len(everywhere) == 20
    assert pool(locale="US").questions == usual
    assert pool(locale="GB").questions == everywhere


def test_bears_asks_only_where_the_attribute_bears() -> None:
    hearing = pool(bears="hearing").questions
    assert len(hearing) == 50
    assert all(q.bears is not None and "hearing difficulty" in q.bears.names for q in hearing)
    both = {q.id for q in pool(bears="hearing,vision").questions}
    assert both > {q.id for q in hearing}


def test_a_counterpart_follows_its_question_and_asks_the_same_person() -> None:
    found = pool()
    pairs = draw(found, 600, 0, counterparts=True)
    assert len(set(named(pairs))) == 600
    sided = [i for i, pair in enumerate(pairs) if pair.question.counterpart]
    assert len(sided) == 18
    for first, second in zip(sided[::2], sided[1::2], strict=True):
        assert second == first + 1
        assert pairs[second].question.id == pairs[first].question.counterpart
        assert pairs[second].persona == pairs[first].persona
    assert named(draw(found, 300, 0, counterparts=True)) == named(pairs)[:300]


# -- conditions ----------------------------------------------------------------------------------------------------


def test_nobody_is_asked_what_fits_nobody_and_unknown_is_possible() -> None:
    people = [{"age": "70"}, {"age": "30"}, {"sex": "Male"}]
    pairs = draw(made(people, OLD, OLD), 4, 0)
    assert Counter(p.persona.id for p in pairs) == {"p0": 2, "p2": 2}
    with pytest.raises(PersonaError, match="n=5: 3 personas and 2 questions give 4 pairs at most that fit each other"):
        draw(made(people, OLD, OLD), 5, 0)


def test_who_has_no_question_left_is_passed_over_and_the_others_fill_the_draw() -> None:
    people = [{"age": "70"}, {"age": "30"}]
    pairs = draw(made(people, OLD, YOUNG, YOUNG, YOUNG), 4, 2)
    assert Counter(p.persona.id for p in pairs) == {"p0": 1, "p1": 3}


def test_groups_are_filled_with_people_whom_some_question_fits() -> None:
    people = [{"age": str(60 + i)} for i in range(10)]
    pairs = draw(made(people, *[OLD] * 6), 8, 0, [frozenset(range(7))], 2)
    assert all(int(p.persona.attributes["age"]) >= 65 for p in pairs)
    assert sum(p.persona.id in ("p5", "p6") for p in pairs) >= 2


AGES = st.sampled_from([None, "17", "18", "40", "64", "65", "90", "unsaid"])
SEXES = st.sampled_from([None, "Female", "Male"])
LEAVES = st.one_of(
    st.sampled_from(["65+", "18-34", "under 40", "35-49"]).map(lambda v: {"attribute": "age", "values": [v]}),
    st.lists(st.sampled_from(["Female", "Male", "fem*"]), min_size=1, max_size=2).map(
        lambda v: {"attribute": "sex", "values": v}
    ),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda c: {"not": c}),
        st.lists(inner, max_size=3).map(lambda c: {"any": c}),
        st.lists(inner, max_size=3).map(lambda c: {"all": c}),
        st.lists(inner, max_size=2),
    ),
    max_leaves=6,
)
PEOPLE = st.lists(
    st.tuples(AGES, SEXES).map(lambda p: {k: v for k, v in zip(("age", "sex"), p, strict=True) if v is not None}),
    min_size=1,
    max_size=6,
)


@given(PEOPLE, st.lists(CONDITIONS, min_size=1, max_size=5))
def test_what_many_are_held_against_at_once_is_what_holds_says_of_each(
    people: list[dict[str, str]], written: list[Any]
) -> None:
    conditions: list[Condition] = [parse(c, "asker") for c in written]
    found = _fitting(conditions, [Persona(str(i), a) for i, a in enumerate(people)])
    assert found.tolist() == [[holds(c, a) is not False for c in conditions] for a in people]


@given(CONDITIONS, CONDITIONS, PEOPLE)
def test_not_and_or_are_those_of_three_values(one: Any, other: Any, people: list[dict[str, str]]) -> None:
    def said(data: Any) -> list[bool | None]:
        return [holds(parse(data, "asker"), a) for a in people]

    neither, either = {"not": {"any": [one, other]}}, {"all": [{"not": one}, {"not": other}]}
    assert said(neither) == said(either)
    assert said({"not": {"not": one}}) == said(one)
    assert said([]) == [True] * len(people)
    for both, a, b in zip(said({"all": [one, other]}), said(one), said(other), strict=True):
        assert both is (False if False in (a, b) else None if None in (a, b) else True)


@given(PEOPLE, st.lists(CONDITIONS, min_size=1, max_size=5), st.integers(0, 3), st.data())
def test_the_draw_keeps_its_promises_under_any_conditions(
    people: list[dict[str, str]], askers: list[Any], seed: int, data: st.DataObject
) -> None:
    found = made(people, *askers)
    fits = _fitting([q.asker for q in found.questions], found.personas)
    possible = int(fits.sum())
    if not possible:
        with pytest.raises(PersonaError, match="0 pairs at most"):
            draw(found, 1, seed)
        return
    n = data.draw(st.integers(1, possible))
    pairs = draw(found, n, seed)
    assert len(set(named(pairs))) == n == len(pairs)
    assert all(fits[int(p.persona.id[1:]), int(p.question.id[1:])] for p in pairs)
    assert named(draw(found, possible, seed))[:n] == named(pairs)
    turns = Counter(int(p.persona.id[1:]) for p in pairs)
    for one in range(len(people)):
        for other in range(len(people)):
            assert turns[one] >= min(turns[other] - 1, int(fits[one].sum()))


# -- questions of one's own ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_users_questions_may_say_who_asks_and_what_bears(tmp_path: Path, suffix: str) -> None:
    rows: list[dict[str, Any]] = [
        {
            "question": "Is 60 old?",
            "asker": [{"attribute": "age", "values": ["under 60"]}],
            "bears": {"decides": ["age"]},
        },
        {
            "question": "Shall I retire?",
            "asker": OLD[0],
            "bears": {"colours": ["income"]},
            "kind": "advice",
            "region": "N",
        },
        {"question": "Tea?", "asker": "", "locale": "GB", "topic": "food"},
    ]
    path = tmp_path / f"q.{suffix}"
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    else:
        import pandas as pd

        nested = [{k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in r.items()} for r in rows]
        pd.DataFrame(nested).to_csv(path, index=False)
    first, second, third = load_pool(settings.load({"questions": str(path)})).questions
    assert holds(first.asker, {"age": "60"}) is False
    assert holds(second.asker, {"age": "60"}) is False
    assert third.asker == ALWAYS
    assert first.bears is not None
    assert first.bears.decides == ("age",)
    assert (second.bears and second.bears.colours, second.kind, dict(second.columns)) == (
        ("income",),
        "advice",
        {"region": "N"},
    )
    assert (third.bears, third.locale, third.topic, third.kind) == (None, "GB", "food", None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"asker": {"attribute": "agee", "values": ["65+"]}},
            r"data\.jsonl:2: asker: 'agee' is not an attribute \(did you",
        ),
        (
            {"asker": [{"attribute": "age", "values": ["old"]}]},
            r"data\.jsonl:2: asker\[0\]: age = 'old' is no number.*\"old\"",
        ),
        ({"asker": {"both": []}}, r"data\.jsonl:2: asker: a condition has .* found both \(in \{\"both\": \[\]\}\)"),
        ({"asker": "age 65+"}, r"data\.jsonl:2: asker: expected a condition such as .* \(in age 65\+\)"),
        ({"asker": '[{"attribute": '}, r"data\.jsonl:2: asker '.*' is not JSON"),
        ({"asker": 7}, r"data\.jsonl:2: asker: expected a condition"),
        ({"bears": ["agee"]}, r"data\.jsonl:2: bears: 'agee' is not an attribute"),
        ({"bears": {"matters": ["age"]}}, r"data\.jsonl:2: bears has \"decides\" and \"colours\", found matters"),
        ({"bears": {"decides": "age"}}, r"data\.jsonl:2: bears: expected a list of attributes, found age"),
        ({"language": ["es"]}, r"data\.jsonl:2: language is a list and not a word"),
    ],
)
def test_a_wrong_condition_is_one_line_with_row_and_text(data_file: Path, row: dict[str, Any], message: str) -> None:
    data_file.write_text(json.dumps({"question": "Why?"}) + "\n" + json.dumps({"question": "When?", **row}) + "\n")
    with pytest.raises(PersonaError, match=message) as raised:
        load_pool(settings.load({"questions": str(data_file)}))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"kind": "plan"},
            "kind=plan: no question of data=2 is of that kind; they have advice, contested, open, plain",
        ),
        ({"language": "xx"}, "language=xx: no question of data=2 is of that language; they have ar, en, es"),
        ({"bears": "hearing,wealth"}, "bears: 'wealth' is not an attribute"),
        ({"kind": "plain", "bears": "age"}, "bears=age: no question of data=2 says in its column bears that it does"),
        ({"data": 3}, "data: '3' is none of 1, 2"),
        ({"by": "topics"}, "by: 'topics' is not an attribute"),
    ],
)
def test_a_choice_that_leaves_nothing_is_one_line(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(PersonaError, match=message) as raised:
        pool(**chosen)
    assert "\n" not in str(raised.value)


def test_by_takes_topic_kind_and_the_columns_of_ones_own_questions(data_file: Path) -> None:
    data_file.write_text(json.dumps({"question": "Why?", "region": "North"}) + "\n")
    assert pool(by="topic,kind,age").questions
    assert pool(by="region", questions=str(data_file)).questions
    with pytest.raises(
        PersonaError, match=r"by: 'regoin' is no column of personas or questions \(did you mean 'region'"
    ):
        pool(by="regoin", questions=str(data_file))
