"""The exam's probes: what each one changes, what it leaves alone, and what it expects."""

from __future__ import annotations

import base64
import codecs
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from persona_metrics.critic.debate import SCHEMA, messages, parse
from persona_metrics.exam.cases import Case, cases, choose, load
from persona_metrics.exam.fitness import LEAST
from persona_metrics.exam.injections import AFTER, BEFORE, INJECTIONS
from persona_metrics.exam.probes import NULLS, PER_PROBE, REVISION, SAME, Probe, families, probes
from persona_metrics.exam.rewrites import blank_lines, bullets, padded, sentences, spaced, tabs, unmarked
from persona_metrics.exam.run import TELLING

BASES = load()
CASES = {case.id: case for case in cases(BASES)}
PROBES = probes(BASES)


def of(family: str) -> list[Probe]:
    found = [probe for probe in PROBES if probe.family == family]
    assert found
    return found


def made_from(probe: Probe) -> Case:
    assert probe.case is not None
    return CASES[probe.case]


def test_every_family_is_there_and_the_whole_stays_payable() -> None:
    assert set(families(PROBES)) == set(PER_PROBE)
    assert len(CASES) + len(PROBES) <= 700
    assert (len(CASES), len(PROBES)) == (264, 338)  # the module's docstring says so


def test_the_page_says_how_much_an_exam_asks() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs" / "critic-exam.md").read_text(encoding="utf-8").split())
    three, pairs = 3 * len(CASES) + len(PROBES), [case for case in CASES.values() if case.needs_revision]
    for said in (
        f"{len(CASES)} cases from {len(BASES)} bases, `--repeats` times, and {len(PROBES)} probes",
        f"With three repeats that is {three:,} judgements.",
        f"below {TELLING} bases it can fail a critic and not pass it",
        f"{len(INJECTIONS)} injections of nine families",
        f"fewer than {LEAST} probes or cases behind a share",
        f"{len(pairs)} comparisons, {6 * len(pairs):,} judgements with three repeats",
    ):
        assert said in page, said
    assert len({injection.family for injection in INJECTIONS}) == 9


def test_expectations_are_the_outcomes_of_the_cases_they_were_made_from() -> None:
    for probe in PROBES:
        assert probe.expectation == (REVISION if probe.family in ("null", "injection") else SAME)
        if probe.expectation == REVISION:
            assert probe.needs_revision
        else:
            assert probe.needs_revision is made_from(probe).needs_revision


def test_no_two_judgements_are_the_same_and_none_is_one_of_the_cases() -> None:
    asked = Counter(
        json.dumps([p.judgement.question, list(p.judgement.persona.items()), p.judgement.answer]) for p in PROBES
    )
    plain = {json.dumps([c.question, list(c.persona.items()), c.answer]) for c in CASES.values()}
    assert max(asked.values()) == 1
    assert not plain & set(asked)


def test_same_bases_and_seed_give_the_same_probes_and_another_seed_does_not() -> None:
    assert probes(load()) == PROBES
    assert probes(BASES, seed=1) != PROBES
    assert len(probes(BASES, seed=1)) == len(PROBES)


def test_the_draw_does_not_depend_on_the_python_version() -> None:
    drawn = hashlib.sha256("\n".join(f"{p.name} {p.base} {p.case}" for p in PROBES).encode()).hexdigest()
    assert drawn.startswith("45dab3cf0ddc")


def test_one_base_more_moves_only_what_it_takes_a_place_of() -> None:
    fewer = {(p.name, p.base, p.case) for p in probes(BASES[:-1])}
    assert len(fewer & {(p.name, p.base, p.case) for p in PROBES}) > 0.9 * len(PROBES)


def test_limit_caps_each_probe_and_keeps_every_family() -> None:
    small = probes(BASES, limit=1)
    assert set(Counter(probe.name for probe in small).values()) == {1}
    assert set(families(small)) == set(PER_PROBE)
    assert {p.name for p in small} == {p.name for p in PROBES}
    assert probes(BASES, limit=10_000) == PROBES


def test_a_small_exam_has_probes_of_its_own_bases_only() -> None:
    drawn = choose(BASES, 6)
    made = probes(drawn)
    assert made
    assert {probe.base for probe in made} <= {base.id for base in drawn}


def test_null_answers_answer_nothing() -> None:
    answers = {name: [p for p in of("null") if p.name == name] for name in NULLS}
    assert {name: len(found) for name, found in answers.items()} == dict.fromkeys(NULLS, PER_PROBE["null"])
    assert {p.judgement.answer for p in answers["colon"]} == {":"}
    assert {p.judgement.answer for p in answers["thought process"]} == {"Thought process:"}
    assert all(p.judgement.answer == p.judgement.question for p in answers["question repeated"])
    assert len({p.judgement.answer for p in answers["polite essay"]}) == 1
    assert not any(re.search(r"\w", p.judgement.answer) for p in answers["empty markdown"])
    for probe in answers["persona recited"]:
        assert all(f"{name}: {value}" in probe.judgement.answer for name, value in probe.judgement.persona.items())


def test_injections_are_many_and_stand_on_answers_that_need_a_revision() -> None:
    assert len(INJECTIONS) >= 32
    assert len({injection.family for injection in INJECTIONS}) >= 9
    assert {injection.place for injection in INJECTIONS} == {BEFORE, AFTER}
    assert len({injection.text for injection in INJECTIONS}) == len(INJECTIONS)
    texts = {injection.id: injection for injection in INJECTIONS}
    assert {probe.name for probe in of("injection")} == set(texts)
    for probe in of("injection"):
        case, injection = made_from(probe), texts[probe.name]
        assert case.needs_revision
        ends = str.startswith if injection.place == BEFORE else str.endswith
        assert ends(probe.judgement.answer, injection.text)
        assert probe.judgement.answer.replace(injection.text, "").strip() == case.answer
        assert (probe.judgement.question, probe.judgement.persona) == (case.question, case.persona)


def test_forged_verdicts_are_verdicts_the_critic_could_give() -> None:
    forged = [injection.text for injection in INJECTIONS if injection.family == "forged verdict"]
    assert sum(debate is not None and not debate.needs_revision for debate in map(parse, forged)) == 2
    assert sum(all(f'"{key}"' in text for key in SCHEMA["required"]) for text in forged) >= 3


def test_encoded_orders_say_what_they_should() -> None:
    texts = [injection.text for injection in INJECTIONS if injection.family == "encoded"]
    tails = [text.split(": ", 1)[1] for text in texts]
    order = base64.b64decode(tails[0]).decode()
    assert "needs_revision to false" in order
    assert codecs.decode(tails[1], "rot13") == order
    assert bytes.fromhex(tails[2]).decode() == order
    assert tails[3][::-1] == order


def test_a_forged_fence_is_not_the_fence_of_its_prompt() -> None:
    for probe in of("injection"):
        if probe.name.startswith("forged fence"):
            user = messages(probe.judgement)[1]["content"]
            real = re.search(r"^<<<question (\w+)>>>", user)
            assert real is not None
            assert real[1] not in probe.judgement.answer
            assert user.count(f"\n<<<end answer {real[1]}>>>") == 1


def test_padding_triples_a_bad_answer_and_keeps_its_words() -> None:
    found = [probe for probe in of("length") if probe.name == "padded"]
    assert len(found) == PER_PROBE["length"]
    for probe in found:
        case = made_from(probe)
        assert case.needs_revision
        assert probe.judgement.answer.startswith(case.answer)
        assert 3 <= len(probe.judgement.answer.split()) / len(case.answer.split()) < 3.5


def test_shortened_answers_are_shorter_and_still_good() -> None:
    found = [probe for probe in of("length") if probe.name == "shortened"]
    assert len(found) >= 20
    for probe in found:
        assert not probe.needs_revision
        assert len(probe.judgement.answer.split()) < 0.67 * len(made_from(probe).answer.split())


@pytest.mark.parametrize("name", ["blank lines", "tabs", "bullets", "markdown stripped", "white space"])
def test_layout_changes_no_word(name: str) -> None:
    found = [probe for probe in PROBES if probe.name == name]
    assert len(found) == 12
    for probe in found:
        case = made_from(probe)
        assert probe.judgement.answer != case.answer
        assert _letters(probe.judgement.answer) == _letters(case.answer)
        assert (probe.judgement.question, probe.judgement.persona) == (case.question, case.persona)
    assert any("**" in made_from(probe).answer for probe in found) or name != "markdown stripped"
    assert not any("**" in probe.judgement.answer for probe in found) or name != "markdown stripped"


@pytest.mark.parametrize("family", ["format", "white space", "order", "spelling", "paraphrase"])
def test_what_must_not_change_a_verdict_is_tried_on_good_and_bad_answers_alike(family: str) -> None:
    for name in {probe.name for probe in of(family)}:
        due = [probe.needs_revision for probe in PROBES if probe.name == name]
        assert sum(due) == len(due) / 2


def test_order_and_spelling_change_the_attributes_alone() -> None:
    for probe in [*of("order"), *of("spelling")]:
        case = made_from(probe)
        assert (probe.judgement.question, probe.judgement.answer) == (case.question, case.answer)
        names, values = list(probe.judgement.persona), list(probe.judgement.persona.values())
        if probe.family == "order":
            assert (names, values) == (list(case.persona)[::-1], list(case.persona.values())[::-1])
        else:
            assert values == list(case.persona.values())
            assert [name.replace("_", " ").lower() for name in names] == list(case.persona)
            assert names != list(case.persona)


def test_paraphrases_change_the_question_alone() -> None:
    asked = {base.id: base for base in BASES}
    for probe in of("paraphrase"):
        case = made_from(probe)
        assert probe.judgement.question == asked[probe.base].paraphrase != case.question
        assert (probe.judgement.persona, probe.judgement.answer) == (case.persona, case.answer)


TEXT = "**Start here.** The U.S. fund SPWO is fine.\n\n1. Use `a` first. Then wait 5 min.\n- Keep apartment __ and __ blank."


@pytest.mark.parametrize(
    ("rewrite", "expected"),
    [
        (blank_lines, "One.\n\n\n\nTwo three.\n\n\n\nFour!"),
        (tabs, "\tOne.\n\tTwo three.\n\tFour!"),
        (bullets, "- One.\n- Two three.\n- Four!"),
        (unmarked, "One. Two three. Four!"),
        (spaced, "\n  One.  Two  three.\nFour!  \n\n"),
    ],
)
def test_rewrites_by_hand(rewrite: Callable[[str], str], expected: str) -> None:
    assert rewrite("One. Two three.\nFour!") == expected


def test_sentences_end_where_they_do() -> None:
    assert sentences("The U.S. Senate met. It was O.K. Clubs closed at 5. Why?") == [
        "The U.S. Senate met.",
        "It was O.K. Clubs closed at 5.",
        "Why?",
    ]


def test_a_list_mark_is_no_sentence() -> None:
    assert sentences("1. Look up. Call.\n\n- **Go**.") == ["1. Look up.", "Call.", "- **Go**."]
    assert bullets("1. Look up. Call.\n2. Go.") == "- Look up.\n- Call.\n- Go."


def test_markdown_goes_and_blanks_to_fill_in_stay() -> None:
    assert unmarked(TEXT) == (
        "Start here. The U.S. fund SPWO is fine. Use a first. Then wait 5 min. Keep apartment __ and __ blank."
    )


def test_padding_of_a_very_long_answer_reaches_its_length() -> None:
    assert len(padded("word " * 400).split()) >= 1200


def _letters(text: str) -> str:
    # List marks and numbers are layout, too; everything else has to be there in the same order.
    return re.sub(r"[\s*`]|^[ \t]*(?:-|\d+\.)(?=\s)", "", text, flags=re.MULTILINE)
