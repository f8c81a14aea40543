"""The rule of the banks: what a text may depend on, and which words no text may hold."""

from __future__ import annotations

from typing import Any

import pytest

from persona_metrics.synthesis.bank import BANKS, parse, read_bank


def entry(text: str = "Counts clouds", **fields: Any) -> dict[str, Any]:
    return {"id": "x-001", "text": text, "about": "clouds", **fields}


@pytest.mark.parametrize(
    "attribute", ["race", "ancestry", "religion", "place of birth", "citizenship", "household language"]
)
def test_a_plain_entry_never_depends_on_origin_or_faith(attribute: str) -> None:
    with pytest.raises(ValueError, match=f"never on {attribute}"):
        parse(entry(fits={attribute: ["anything"]}))
    with pytest.raises(ValueError, match=f"not {attribute}"):
        parse(entry(**{attribute: "anything"}))


@pytest.mark.parametrize(
    "text", ["Hums hymns", "Cooks Mexican food", "Says grace in Church", "Has an accent", "Prays for rain"]
)
def test_a_text_says_nothing_of_origin_or_faith(text: str) -> None:
    with pytest.raises(ValueError, match="says nothing of origin or faith"):
        parse(entry(text))


def test_only_an_entry_that_asks_for_it_may_speak_of_faith_or_home_culture() -> None:
    asked = parse(entry("Hums hymns", needs=["hearing"], asks={"religion": ["Protestant"]}))
    assert asked.asks == {"religion": ("Protestant",)}
    with pytest.raises(ValueError, match="unknown asked attribute 'race'"):
        parse(entry("Hums hymns", asks={"race": ["White alone"]}))


def test_word_games_need_english() -> None:
    with pytest.raises(ValueError, match="needs english"):
        parse(entry("Solves crosswords", needs=["sight"]))


def test_what_somebody_says_needs_english() -> None:
    with pytest.raises(ValueError, match="quotes what somebody says needs english"):
        parse(entry('Says "fair enough" to clouds'))
    asked = parse(entry('Says "inshallah" to clouds', asks={"religion": ["Muslim"]}))
    assert asked.needs == ()


def test_no_text_speaks_of_what_only_citizens_do() -> None:
    with pytest.raises(ValueError, match="fits citizens and others"):
        parse(entry("Votes early"))


OPPOSITES = [
    ("Goes without a car and plans accordingly", "Drives fast, waits badly"),
    ("Does not drink and does not explain", "One beer on Fridays."),
    ("Never had a pet and never wanted one", "Brushes the cat for an hour"),
    ("Vegetarian since a school trip to a farm", "Eats meat on weekends only"),
    ("Christmas and Easter only, with a good coat", "Teaches Sunday school to the noisy ones"),
    ("No television since the last one broke", "Answers the television"),
    ("Has never ironed anything", "Irons everything, pillowcases included"),
    ("Never borrows, never lends, stays friends with everybody.", "Always lends small sums and never writes them down"),
    ("Cannot cook, can assemble", "Bakes three pies to give away two"),
    ("Almost never laughs, and when it comes it is worth it.", "Laughs first and loudest"),
]


@pytest.mark.parametrize(("one", "other"), OPPOSITES)
def test_what_denies_each_other_is_about_one_thing(one: str, other: str) -> None:
    about = {text: e.about for attribute in BANKS for e in read_bank(attribute) for text in e.texts}
    assert about[one] == about[other]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I count clouds.", True),
        ("Counts clouds", False),
        ('Says "I see" to clouds', False),
        ("Clouds are my thing.", True),
    ],
)
def test_who_tells_an_entry(text: str, told: bool) -> None:
    assert parse(entry(text, needs=["english"])).first_person is told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Waves at his truck", "fits either sex"),
        ("Plays cards with the kids", "fits only household"),
        ("Naps after work", "fits only work"),
        ("Reads maps", "needs sight"),
        ("Drives to the coast", "needs sight"),
        ("Climbs hills", "needs walking"),
        ("Sleeps on the porch", "needs home"),
        ("Listens to records", "needs hearing"),
    ],
)
def test_words_that_could_contradict_the_census_part_need_their_condition(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(entry(text))


def test_words_are_chosen_evenly_from_each_place() -> None:
    found = parse(entry("Keeps [two|three] [red|green|blue] jars"))
    wordings = [found.wording((i + 0.5) / 6) for i in range(6)]
    assert len(set(wordings)) == 6
    assert wordings[0] == "Keeps two red jars"
    assert wordings[-1] == "Keeps three blue jars"


@pytest.mark.parametrize("attribute", BANKS)
def test_each_bank_has_a_thousand_entries_and_every_trait_both_ways(attribute: str) -> None:
    bank = read_bank(attribute)
    assert len(bank) >= 1000
    assert len({e.texts for e in bank}) == len(bank)
    assert sum(bool(e.asks) for e in bank) >= 30
    assert sum(e.first_person for e in bank) >= 10
    assert sum(e.texts[0].endswith(".") for e in bank) >= 50
    sides = [side for e in bank for side in e.traits.items()]
    assert len(set(sides)) == 10
    assert min(sides.count(side) for side in set(sides)) >= 8
    assert sum(bool(e.work or e.occupation or e.household) for e in bank) >= 30
