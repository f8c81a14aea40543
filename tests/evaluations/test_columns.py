"""Evaluations of personas with other attributes than the 33: what they take without a choice, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from persona_metrics import evaluations, settings
from persona_metrics.errors import PersonaError
from persona_metrics.evaluations import Evaluation, Outcome
from persona_metrics.evaluations.choice import Choice
from persona_metrics.evaluations.intersectionality import MOST_GROUPS, Intersectionality
from persona_metrics.evaluations.judgefree import MOST_PEOPLE, some_of
from persona_metrics.evaluations.leave_one_out import LeaveOneOut
from persona_metrics.personas import Persona

GOOD = Outcome(1.0, answer="a")
PEOPLE = [
    Persona(
        f"p{i}", {"region": "NS"[i % 2], "age": str(20 + i), "pets": "None" if i % 3 else "cat", "bio": f"Person {i}."}
    )
    for i in range(40)
]
PROSE = [Persona(f"p{i}", {"persona": f"A signalman of {i}."}) for i in range(40)]


def build(name: str, personas: list[Persona], tmp_path: Path, **given: Any) -> Evaluation:
    # The file is read elsewhere; that there is one leaves what to group by to the evaluation.
    return evaluations.build(name, settings.load({"personas": str(tmp_path / "mine.csv"), **given}), personas)


def test_rate_is_broken_down_by_what_the_personas_have(tmp_path: Path) -> None:
    own = build("main", PEOPLE, tmp_path)
    assert own.metrics(PEOPLE[0], [GOOD]).keys() & {"personalized[age=18-34]", "personalized[sex=not stated]"} == {
        "personalized[age=18-34]"
    }
    chosen = build("main", PEOPLE, tmp_path, by="Region,pets").metrics(PEOPLE[1], [GOOD])
    assert {"personalized[region=S]", "personalized[pets=None]"} <= chosen.keys()
    with pytest.raises(PersonaError, match=r"by: no persona states 'sex'; the personas have region, age, pets, bio"):
        build("main", PEOPLE, tmp_path, by="sex")
    # What is no persona's is the question's: whether it has it is known where both files are read.
    mixed = build("main", PEOPLE, tmp_path, by="topic,Region,channel")
    assert mixed.record() == {"by": ["region", "topic", "channel"]}


def test_leave_one_out_takes_any_column(tmp_path: Path) -> None:
    default = build("leave_one_out", PEOPLE, tmp_path)
    assert isinstance(default, LeaveOneOut)
    assert default.items == ("age",)
    assert build("leave_one_out", PROSE, tmp_path).items == ("persona",)  # type: ignore[attr-defined]
    every = build("leave_one_out", PEOPLE, tmp_path, attributes="all")
    assert isinstance(every, LeaveOneOut)
    assert every.items == every.listed == ("region", "age", "pets", "bio")
    assert every.variants(PEOPLE[0])[-1].persona.attributes == {}
    again = LeaveOneOut.restore(every.record(), settings.load(), PEOPLE, "there")
    assert again.items == every.items
    assert not again.groups_meant
    with pytest.raises(PersonaError, match="no persona states 'religion'"):
        build("leave_one_out", PEOPLE, tmp_path, attributes="religion")


def test_intersections_are_of_what_there_is(tmp_path: Path) -> None:
    def names(people: list[Persona], **given: Any) -> list[str]:
        made = build("intersectionality", people, tmp_path, n=40, min_support=2, **given)
        assert isinstance(made, Intersectionality)
        return [item.name for item in made.intersections]

    assert names(PEOPLE) == ["N", "S"]
    assert names(PROSE) == ["everybody"]
    assert names(PEOPLE, cross="region,pets") == ["N × None", "N × cat", "S × None", "S × cat"]
    many = [Persona(str(i), {"bio": str(i)}) for i in range(MOST_GROUPS + 1)]
    with pytest.raises(PersonaError, match="bio: 1,001 groups"):
        names(many, cross="bio")


def test_tasks_without_a_critic_name_what_they_go_by(tmp_path: Path) -> None:
    choice = build("choice", PROSE, tmp_path, n=4)
    assert isinstance(choice, Choice)
    with pytest.raises(PersonaError, match=r"make 0 pairs at most .* no persona states: age, "):
        choice.documents()
    with pytest.raises(PersonaError, match=r"the surveys, which go by political views, .* the personas have persona"):
        build("opinion", PROSE, tmp_path)


def test_a_changed_persona_says_nothing_that_was_not_there(tmp_path: Path) -> None:
    there = ("age", "sex", "marital status", "religion", "income")
    pool = [
        Persona(
            f"p{i}", {"age": str(20 + i), "sex": "Male", "marital status": "Married", "religion": "Hindu", "x": "y"}
        )
        for i in range(60)
    ]
    choice = build("choice", pool, tmp_path, n=20)
    assert isinstance(choice, Choice)
    for document in choice.documents():
        for ask in document.asks:
            assert ask.persona is None or set(ask.persona.attributes) <= {*there, "x"}
            assert ask.persona is None or list(ask.persona.attributes)[-1] == "x"


def test_of_many_people_some_are_asked_the_same_ones_each_time() -> None:
    many = [Persona(str(i), {"age": "40"}) for i in range(MOST_PEOPLE + 500)]
    assert len(some_of(many, 10, 0)) == MOST_PEOPLE
    assert some_of(many, 10, 0) == some_of(many, 11, 0) != some_of(many, 10, 1)
    assert some_of(many[:50], 10, 0) == tuple(many[:50])
