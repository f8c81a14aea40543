from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_metrics import evaluations, settings
from persona_metrics.errors import PersonaError
from persona_metrics.evaluations import Evaluation, Outcome
from persona_metrics.evaluations.base import shares
from persona_metrics.evaluations.intersectionality import matches
from persona_metrics.personas import ATTRIBUTE_GROUPS, ATTRIBUTES, Persona
from tests.conftest import full_attributes

PERSONA = Persona("p", full_attributes())
GOOD, BAD, MISSING = Outcome(1.0, answer="a"), Outcome(0.0, answer="b"), Outcome(None, answer="c")
FAILED = Outcome(0.0, answer_failure=True)


def build(name: str, personas: list[Persona] | None = None, **given: object) -> Evaluation:
    return evaluations.build(name, settings.load(given), personas or [PERSONA])


def test_main_row_and_breakdown() -> None:
    rows = build("main").metrics(PERSONA, [GOOD])
    assert rows == {
        "personalized": 1.0,
        "personalized[sex=Female]": 1.0,
        "personalized[age=35-49]": 1.0,
        "personalized[race=White alone]": 1.0,
        "answer_failures": 0.0,
        "critic_failures": 0.0,
    }


def test_missing_verdict_is_missing_and_counted() -> None:
    assert build("main").metrics(PERSONA, [MISSING]) == {"answer_failures": 0.0, "critic_failures": 1.0}


def test_answer_failure_scores_zero_and_is_no_critic_failure() -> None:
    rows = build("main", by="").metrics(PERSONA, [FAILED])
    assert rows == {"personalized": 0.0, "answer_failures": 1.0, "critic_failures": 0.0}


def test_leave_one_out_variants_and_paired_differences() -> None:
    loo = build("leave_one_out", attributes="age,politics")
    variants = loo.variants(PERSONA)
    assert [v.name for v in variants] == ["whole", "without age", "without politics", "none of the listed"]
    assert set(ATTRIBUTES) - set(variants[2].persona.attributes) == {"ideology", "political views"}
    assert set(ATTRIBUTES) - set(variants[3].persona.attributes) == {"age", "ideology", "political views"}
    rows = loo.metrics(PERSONA, [GOOD, BAD, GOOD, BAD])
    assert (rows["importance[age]"], rows["importance[politics]"], rows["importance[all listed]"]) == (1.0, 0.0, 1.0)


def test_missing_verdict_leaves_only_its_own_row() -> None:
    loo = build("leave_one_out", attributes="age,sex")
    rows = loo.metrics(PERSONA, [GOOD, MISSING, BAD, BAD])
    assert "importance[age]" not in rows
    assert rows["importance[sex]"] == 1.0
    assert rows["personalized"] == 1.0
    assert rows["critic_failures"] == 0.25
    assert not any(
        row.startswith(("importance", "personalized")) for row in loo.metrics(PERSONA, [MISSING, GOOD, BAD, BAD])
    )


def test_all_takes_the_33_one_by_one() -> None:
    loo = build("leave_one_out", attributes="all")
    variants = loo.variants(PERSONA)
    assert len(variants) == 35
    assert all(len(v.dropped) == 1 for v in variants[1:-1])
    assert len(variants[-1].dropped) == 33


def test_group_named_disability_drops_all_five() -> None:
    loo = build("leave_one_out", attributes="disability")
    assert loo.variants(PERSONA)[1].dropped == ATTRIBUTE_GROUPS["disability"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "loo_json: not JSON"),
        ('{"attributes": []}', "the list of attributes is empty"),
        ('{"attributes": "age"}', "expected"),
        ('{"names": ["age"]}', "expected"),
        ('{"attributes": ["agee"]}', r"'agee' is no attribute or group \(did you mean 'age'\?\)"),
        ('{"attributes": ["age", "Age"]}', "'age' stands twice"),
        ("nowhere.json", "cannot be read"),
    ],
)
def test_bad_loo_json(text: str, message: str) -> None:
    with pytest.raises(PersonaError, match=message):
        build("leave_one_out", loo_json=text)


def test_loo_json_file(tmp_path: Path) -> None:
    path = tmp_path / "loo.json"
    path.write_text('{"attributes": ["sex", "income"]}')
    assert [v.name for v in build("leave_one_out", loo_json=str(path)).variants(PERSONA)][1:3] == [
        "without sex",
        "without income",
    ]


def test_attribute_that_no_persona_states_is_an_error() -> None:
    bare = Persona("b", {"age": "30"})
    with pytest.raises(PersonaError, match="no persona states 'religion'"):
        build("leave_one_out", [bare], attributes="age,religion")


def test_pass_at_k_rows_of_a_worked_pair() -> None:
    passing = build("pass_at_k", k=16)
    outcomes = [Outcome(float(i < 3), answer=f"a{i // 2}") for i in range(16)]
    rows = passing.metrics(PERSONA, outcomes)
    assert rows["pass@4"] == pytest.approx(17 / 28)
    assert rows["pass@16"] == 1.0
    assert rows["pass^4"] == 0.0
    assert rows["attempts"] == pytest.approx(17 / 4)
    assert rows["never"] == 0.0
    assert rows["distinct_answers"] == 0.5
    assert [row for row in rows if row.startswith("pass@")] == ["pass@1", "pass@2", "pass@4", "pass@8", "pass@16"]


def test_k_of_one_prints_only_pass_at_1() -> None:
    rows = build("pass_at_k", k=1).metrics(PERSONA, [GOOD])
    assert set(rows) == {"pass@1", "answer_failures", "critic_failures"}


def test_missing_attempts_are_completed_as_the_others_suggest() -> None:
    rows = build("pass_at_k", k=4).metrics(PERSONA, [GOOD, BAD, MISSING, BAD])
    # Jeffreys' prior and one of three: the fourth passes with (1 + 0.5)/(3 + 1).
    assert rows["pass@1"] == pytest.approx((1 + 0.375) / 4)
    assert rows["pass@2"] == pytest.approx(0.625 * 1 / 2 + 0.375 * 5 / 6)
    assert rows["pass@4"] == 1.0  # decided by the one that passed, whatever the fourth was
    assert rows["never"] == 0.0
    assert rows["attempts"] == pytest.approx(0.625 * 5 / 2 + 0.375 * 5 / 3)
    assert not {"pass@1", "pass@4"} & set(build("pass_at_k", k=4).metrics(PERSONA, [MISSING] * 4))


def test_attempts_have_seeds_of_their_own() -> None:
    variants = build("pass_at_k", k=16).variants(PERSONA)
    assert len({v.seed for v in variants}) == 16
    assert not {v.seed for v in variants} & {v.seed for v in build("pass_at_k", k=16, seed=1).variants(PERSONA)}


@given(st.permutations([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, None, 1.0]))
def test_order_of_attempts_changes_nothing(values: list[float | None]) -> None:
    passing = build("pass_at_k", k=8)
    rows = passing.metrics(PERSONA, [Outcome(v, answer="a") for v in values])
    assert rows == passing.metrics(PERSONA, [Outcome(v, answer="a") for v in sorted(values, key=str)])
    assert rows["pass@1"] <= rows["pass@2"] <= rows["pass@4"]


@pytest.mark.parametrize(
    ("attribute", "wanted", "value", "fits"),
    [
        ("age", "18-34", "20", True),
        ("age", "30-40", "40", True),
        ("age", "30-40", "41", False),
        ("age", "65+", "70", True),
        ("age", "80+", "70", False),
        ("age", "40", "40", True),
        ("income", "25k-50k", "30000", True),
        ("income", "10,000-20,000", "15000", True),
        ("income", "under 30000", "29999", True),
        ("income", "under 30000", "30000", False),
        ("sex", "Male", "Female", False),
        ("sex", "Male", None, False),
    ],
)
def test_value_matches_text_range_or_band(attribute: str, wanted: str, value: str | None, fits: bool) -> None:
    assert matches(attribute, wanted, value) is fits


def intersection(*conditions: tuple[str, list[str]], name: str | None = None) -> dict[str, object]:
    entry: dict[str, object] = {"attributes": [{"attribute": a, "values": v} for a, v in conditions]}
    return {**entry, "name": name} if name else entry


def test_pair_counts_in_every_intersection_that_holds_it(personas: list[Persona]) -> None:
    listed = [
        intersection(("sex", ["Male"]), ("age", ["18-34"]), name="young men"),
        intersection(("age", ["18-40"])),
        intersection(("sex", ["Female"])),
    ]
    evaluation = build("intersectionality", personas, intersection_json=json.dumps(listed), min_support=1, n=8)
    rows = evaluation.metrics(personas[1], [GOOD])
    assert rows["personalized[young men]"] == 1.0
    assert rows["personalized[18-40]"] == 1.0
    assert "personalized[Female]" not in rows
    assert rows["worst_group"] == f"1:0,1:{personas[1].id}"
    assert "worst_group" not in evaluation.metrics(personas[1], [MISSING])


def test_group_rows_over_all_pairs_match_the_reference() -> None:
    evaluation = build("intersectionality", min_support=1, n=1)
    k_n = [(18, 20), (12, 20), (30, 50), (7, 10), (3, 8), (40, 60)]
    packed = [f"{int(i < k)}:{group}:p{group}-{i}" for group, (k, n) in enumerate(k_n) for i in range(n)]
    assert evaluation.aggregates()["worst_group"](packed) == pytest.approx(0.6470813811745292, abs=1e-6)
    assert evaluation.aggregates()["between_group_sd"](packed) == pytest.approx(0.015259073834707837**0.5, abs=1e-6)


def test_cross_takes_every_combination_that_somebody_fits(personas: list[Persona]) -> None:
    evaluation = build("intersectionality", personas, cross="sex,age", min_support=1, n=8)
    assert len(evaluation.groups) == 8
    assert sorted(len(g) for g in evaluation.groups) == [1] * 8


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("[", "not JSON"),
        ("[]", "the list is empty"),
        ('{"a": 1}', "expected a list"),
        ("[{}]", r"intersection_json\[0\]: expected"),
        ('[{"attributes": [{"attribute": "sexx", "values": ["Male"]}]}]', "did you mean 'sex'"),
        ('[{"attributes": [{"attribute": "sex", "values": []}]}]', "a list that is not empty"),
        (
            '[{"attributes": [{"attribute": "sex", "values": ["Robot"]}]}]',
            r"no persona has sex = 'Robot' \(values: Female, Male\)",
        ),
        (
            '[{"attributes": [{"attribute": "sex", "values": ["Male"]}]},'
            ' {"name": "Male", "attributes": [{"attribute": "age", "values": ["18-34"]}]}]',
            "the name 'Male' stands twice",
        ),
        (
            '[{"attributes": [{"attribute": "age", "values": ["20"]}, {"attribute": "age", "values": ["35-49"]}]}]',
            "age stands twice; put its values into one list",
        ),
        (
            '[{"attributes": [{"attribute": "sex", "values": ["Male"]}, {"attribute": "income", "values": ["1000000"]}]}]',
            r"no persona has income = '1000000' \(values: 50k-100k\)",
        ),
    ],
)
def test_bad_intersections(personas: list[Persona], listed: str, message: str) -> None:
    with pytest.raises(PersonaError, match=message):
        build("intersectionality", personas, intersection_json=listed, min_support=1)


def test_n_below_support_is_an_error(personas: list[Persona]) -> None:
    with pytest.raises(PersonaError, match="n=10 is smaller than min_support=30"):
        build("intersectionality", personas, n=10, min_support=30)


def test_intersection_that_no_persona_fits_is_named() -> None:
    two = [Persona("a", {"sex": "Male", "age": "20"}), Persona("b", {"sex": "Female", "age": "40"})]
    listed = [intersection(("sex", ["Male"]), ("age", ["35-49"]), name="men of forty")]
    with pytest.raises(PersonaError, match="intersection 'men of forty': no persona fits it"):
        build("intersectionality", two, intersection_json=json.dumps(listed), min_support=1, n=2)


def test_cross_of_free_text_has_no_more_cells_than_personas() -> None:
    many = [
        Persona(f"p{i}", full_attributes(lifestyle=f"a{i}", mannerisms=f"b{i}", religion=f"c{i}")) for i in range(300)
    ]
    crossed = build("intersectionality", many, cross="lifestyle,mannerisms,religion,sex", min_support=1)
    assert len(crossed.groups) == 300


def test_cross_names_the_attribute_where_values_are_shared(personas: list[Persona]) -> None:
    people = [Persona("a", full_attributes(vision_difficulty="No", hearing_difficulty="No")), *personas]
    crossed = build("intersectionality", people, cross="vision difficulty,hearing difficulty", min_support=1, n=9)
    assert "vision difficulty=No × hearing difficulty=No" in crossed.record()["intersections"]


def test_cross_of_what_nobody_states_is_an_error() -> None:
    with pytest.raises(PersonaError, match="cross=religion: no persona states religion"):
        build("intersectionality", [Persona("a", {"sex": "Male", "age": "20"})], cross="religion", min_support=1, n=1)


def test_default_set_grows_with_what_n_can_fill(personas: list[Persona]) -> None:
    names = {
        n: set(build("intersectionality", personas, n=n, min_support=8).record()["intersections"]) for n in (8, 32)
    }
    # Eight personas, four of a sex: at 32 pairs a sex holds 16, at 8 nothing is filled and the bands stand as they are.
    assert names[32] == {"Female × White alone", "Male × White alone"}
    assert len(names[8]) == 8


def test_one_answer_to_all_attempts_is_remarked() -> None:
    passing = build("pass_at_k", k=3)
    same, other = [GOOD, GOOD, GOOD], [GOOD, BAD, GOOD]
    (remark,) = passing.remarks([same, same, [MISSING, FAILED, FAILED]])
    assert "ignores seeds or samples greedily" in remark
    (some,) = passing.remarks([same, other])
    assert "only 50% of a pair's answers are distinct" in some
    apart = [Outcome(1.0, answer=text) for text in "abc"]
    assert passing.remarks([apart] * 9 + [[apart[0], apart[0], apart[1]]]) == []  # 97% distinct
    assert passing.remarks([[FAILED] * 3]) == []
    assert build("pass_at_k", k=1).remarks([[GOOD]]) == []


def test_agreement_is_a_row_only_where_there_is_more_than_one_vote() -> None:
    assert "critic_agreement" not in shares([Outcome(1.0), Outcome(None)])
    assert shares([Outcome(1.0, agreement=1.0), Outcome(0.0, agreement=0.5), Outcome(None)])["critic_agreement"] == 0.75
