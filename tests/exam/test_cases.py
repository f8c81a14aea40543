"""The exam's cases: what the file holds, and what the reader refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from persona_metrics.errors import PersonaError
from persona_metrics.exam.cases import BAD, FILE, GOOD, SHORT, Base, Case, cases, choose, counts, digest, load
from persona_metrics.personas import ATTRIBUTES

BASES = load()
CASES = cases(BASES)
ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def words(case: Case) -> int:
    return len(case.answer.split())


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    found = re.findall(r"[a-z0-9']+", text.lower().replace("’", "'"))
    return {tuple(found[i : i + length]) for i in range(len(found) - length + 1)}


def test_there_are_as_many_bases_topics_attributes_and_kinds_as_an_exam_needs() -> None:
    held = counts(BASES)
    assert held.bases >= 64
    assert len(held.topics) >= 20
    assert len(held.attributes) >= 20
    for kind in {*GOOD, *BAD}:
        assert held.kinds[kind] >= 12, kind
    assert held.kinds["wrong"] + held.kinds["unsafe"] >= 14
    assert held.kinds[SHORT] >= 20
    assert sum(not base.bears for base in BASES) >= 10
    assert sum(base.answer("balanced") is not None for base in BASES) >= 10
    assert sum(base.paraphrase is not None for base in BASES) >= 24


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.id)
def test_each_base_has_one_good_answer_and_three_bad_ones_with_reasons(base: Base) -> None:
    assert base.good.kind == ("fits" if base.bears else "plain")
    assert sum(case.needs_revision for case in base.answers) >= 3
    assert all(len(case.reason.split()) >= 4 for case in base.answers)
    assert [name for name in ATTRIBUTES if name in base.persona] == list(base.persona)


def test_most_personas_are_complete_and_some_are_not() -> None:
    sizes = [len(base.persona) for base in BASES]
    assert sum(size == len(ATTRIBUTES) for size in sizes) >= 0.8 * len(BASES)
    assert any(size < len(ATTRIBUTES) for size in sizes)
    assert all(set(base.bears) <= set(base.persona) for base in BASES)


def test_personas_use_the_vocabulary_of_the_census_attributes() -> None:
    from importlib.resources import files

    pack = next(path for path in Path(str(files("persona_metrics"))).rglob("personas.jsonl"))
    known = [json.loads(line) for line in pack.read_text(encoding="utf-8").splitlines()]
    for name in ("education", "class of worker", "household type", "health insurance", "veteran status", "religion"):
        values = {row[name] for row in known if name in row}
        assert {base.persona[name] for base in BASES if name in base.persona} <= values, name


def test_ids_questions_and_answers_are_all_different() -> None:
    every = [case for base in BASES for case in base.answers]
    assert len({case.id for case in every}) == len(every)
    assert len({case.answer for case in every}) == len(every)
    assert len({base.question for base in BASES}) == len(BASES)
    assert all(base.paraphrase != base.question for base in BASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_answers_have_40_to_140_words(case: Case) -> None:
    assert 40 <= words(case) <= 140


def test_length_tells_nothing_about_the_outcome() -> None:
    good = [words(case) for case in CASES if not case.needs_revision]
    bad = [words(case) for case in CASES if case.needs_revision]
    assert abs(mean(good) / mean(bad) - 1) < 0.05
    # The share of pairs in which the good answer is the longer one: .5 where length is of no use to a critic.
    longer = mean((g > b) + 0.5 * (g == b) for g in good for b in bad)
    assert 0.45 < longer < 0.55


def test_markdown_tells_nothing_about_the_outcome() -> None:
    share = {due: mean("**" in case.answer for case in CASES if case.needs_revision is due) for due in (True, False)}
    assert 0 < share[True] < 0.2
    assert 0 < share[False] < 0.2


@pytest.mark.parametrize("base", [base for base in BASES if base.answer(SHORT)], ids=lambda base: base.id)
def test_short_answers_are_about_half_as_long_as_the_good_one(base: Base) -> None:
    short = base.answer(SHORT)
    assert short is not None
    assert not short.needs_revision
    assert words(short) < 0.67 * words(base.good)


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.id)
def test_good_answers_quote_nothing_of_the_persona(base: Base) -> None:
    told = {run for value in base.persona.values() for run in runs(value, 4)}
    for case in base.answers:
        if not case.needs_revision:
            assert not told & runs(case.answer, 4)
            assert not re.search(r"\b(as|being|since you're|because you are) an? \d", case.answer, re.IGNORECASE)


def test_answers_that_name_attributes_do_name_them() -> None:
    for case in CASES:
        if case.kind == "names":
            text = case.answer.lower()
            named = [v for v in case.persona.values() if len(v) > 1 and v.lower() in text]
            quoted = {run for v in case.persona.values() for run in runs(v, 3)} & runs(text, 3)
            assert named or quoted, case.id


def test_the_judgement_is_what_the_critic_sees() -> None:
    case = CASES[0]
    assert (case.judgement.question, case.judgement.answer) == (case.question, case.answer)
    assert dict(case.judgement.persona) == dict(case.persona)
    assert case.id == "e001-fits"


def test_a_smaller_exam_keeps_both_sides_and_its_order() -> None:
    for limit in (2, 5, 12, 40):
        drawn = choose(BASES, limit)
        assert len(drawn) == limit
        assert 0 < sum(not base.bears for base in drawn) < limit
        assert [base for base in BASES if base in drawn] == list(drawn)
    assert choose(BASES, 12) == choose(BASES, 12)
    assert choose(BASES, 12, seed=1) != choose(BASES, 12)
    assert choose(BASES) == choose(BASES, 10_000) == BASES
    with pytest.raises(PersonaError, match="at least 2"):
        choose(BASES, 1)


def test_the_digest_follows_outcomes_and_texts_but_not_reasons(tmp_path: Path) -> None:
    assert digest(load()) == digest(BASES)
    changed = json.loads(json.dumps(ROWS))
    changed[0]["answers"][0]["reason"] = "Said in other words than before."
    assert digest(load(write(tmp_path, changed))) == digest(BASES)
    changed[0]["answers"][0]["answer"] += " Good luck."
    assert digest(load(write(tmp_path, changed))) != digest(BASES)


def write(folder: Path, rows: list[Any]) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def change(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda row: row.__setitem__(key, value)


def change_answer(key: str, value: Any, number: int = 0) -> Callable[[dict[str, Any]], None]:
    return lambda row: row["answers"][number].__setitem__(key, value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda row: row.pop("topic"), "'topic' is missing"),
        (change("colour", "red"), "'colour' is no key here"),
        (change("question", "  "), "'question' must be a text that is not blank"),
        (change("persona", []), "'persona' must be an object"),
        (change("persona", {"agee": "58"}), r"'agee' is not an attribute \(did you mean 'age'\?\)"),
        (lambda row: row["persona"].update(age=""), "blank values"),
        (change("bears", ["hearing"]), "'hearing' is not an attribute"),
        (lambda row: row["persona"].pop("hearing difficulty"), "'hearing difficulty' is said to bear but is not in"),
        (change("bears", []), "one good answer of the kind 'plain'"),
        (change("answers", []), "one good answer of the kind 'fits' and at least 3"),
        (lambda row: row["answers"].pop(1), "at least 3"),
        (change_answer("kind", "generics", 1), r"'generics' is no kind of answer \(did you mean 'generic'\?\)"),
        (change_answer("needs_revision", True), "the kind 'fits' has needs_revision false"),
        (change_answer("needs_revision", False, 1), "the kind 'generic' has needs_revision true"),
        (change_answer("needs_revision", "no"), "'needs_revision' must be true or false"),
        (change_answer("reason", ""), "'reason' must be a text"),
        (lambda row: row["answers"].append(row["answers"][1]), "the kind 'generic' stands twice"),
        (lambda row: row["answers"].append("fits"), "every answer is an object"),
        (change("id", "e001"), "the id 'e001' stands twice"),
    ],
)
def test_a_spoiled_line_is_named(tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], message: str) -> None:
    first, second = json.loads(json.dumps(ROWS[0])), json.loads(json.dumps(ROWS[0]))
    second["id"] = "e900"
    spoil(second)
    with pytest.raises(PersonaError, match=rf"^cases\.jsonl line 2.*{message}") as caught:
        load(write(tmp_path, [first, second]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1: is not JSON"),
        ("[]", "line 1: is not a JSON object"),
        ("[" * 100_000, "line 1: is not JSON"),
        ("", "holds no cases"),
    ],
)
def test_a_file_that_holds_no_cases_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PersonaError, match=message):
        load(path)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="cannot be read"):
        load(tmp_path / "nothing.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PersonaError, match="not UTF-8"):
        load(tmp_path / "binary.jsonl")
