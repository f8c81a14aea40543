"""The person part: never against the census part, scores as asked, beliefs close to surveys they were not raked to."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from persona_metrics.synthesis import beliefs, census, person, texts
from persona_metrics.synthesis.bank import BANKS, read_bank
from persona_metrics.synthesis.draw import read_rows
from persona_metrics.synthesis.vocabulary import PERSON_ATTRIBUTES


def drawn(n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.Generator(np.random.PCG64(seed))
    people = census.sample(n, rng)
    return people, person.sample(people, rng)


@pytest.fixture(scope="module")
def many() -> tuple[pd.DataFrame, pd.DataFrame]:
    return drawn(20_000, 3)


@pytest.fixture(scope="module")
def said(many: tuple[pd.DataFrame, pd.DataFrame]) -> pd.Series[str]:
    """All that is told of each of many persons, in one text."""
    first, *others = (many[1][attribute] for attribute in BANKS)
    return first.str.cat(others, sep=" ")


def test_the_same_state_gives_the_same_persons_and_another_differs() -> None:
    first, again, other = drawn(50, 1)[1], drawn(50, 1)[1], drawn(50, 2)[1]
    assert list(first.columns) == list(PERSON_ATTRIBUTES)
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_two_of_a_thousand_share_a_text(seed: int) -> None:
    _, rest = drawn(1000, seed)
    for attribute in BANKS:
        assert rest[attribute].is_unique
        assert (rest[attribute].str.strip() != "").all()


def test_no_person_has_two_texts_about_one_thing() -> None:
    people, _ = drawn(500, 5)
    facts = texts.Facts.of(people, np.full((500, 5), 2))
    found = texts.compose(facts, np.random.Generator(np.random.PCG64(1)))
    about = {text: (e.id, e.about) for a in BANKS for e in read_bank(a) for text in e.texts}
    # The longest text that fits is the one that was said: one may be the beginning of another.
    said_first = sorted(about, key=len, reverse=True)
    for row in zip(*found.values(), strict=True):
        whole, topics = " ".join(row).lower().replace('."', '"'), []
        for text in said_first:
            if text.lower() in whole:
                whole = whole.replace(text.lower(), "", 1)
                topics.append(about[text][1])
        assert len(topics) == 8, (row, whole)
        assert len(set(topics)) == 8, row


@pytest.mark.parametrize(
    ("words", "contradicted"),
    [
        (r"\bkids?\b|\bchildren\b|lunchbox|playground|baby monitor|little ones", lambda c: c["_children"] == 0),
        (r"\bpartner\b", lambda c: ~c["household type"].str.startswith(("Married", "Cohabiting"))),
        (r"after work|coworkers|the commute|paycheck", lambda c: ~c["_activity"].isin(WORKING)),
        (r"\b(drives?|driving)\b|fills the tank", lambda c: c["vision difficulty"] == "Yes"),
        (r"\b(rereads|reads|sketches|paints)\b", lambda c: c["vision difficulty"] == "Yes"),
        (r"\b(walks|climbs|dancing|skates|hikes|jogs)\b", lambda c: c["_walking_difficulty"]),
        (r"podcast|\blistens\b|symphony", lambda c: c["hearing difficulty"] == "Yes"),
        (r"\b(kitchen|garage|freezer|porch)\b", lambda c: c["household type"] == "Group quarters"),
        (r"roommate|housemates", lambda c: c["household type"] != "Lives with roommates or other nonrelatives"),
        (r"since leaving work|old colleagues", lambda c: c["_activity"] != "retired"),
        (r"grandchildren", lambda c: c["age"] < 55),
        (r"cooks? for one|keeps one of everything", lambda c: c["household type"] != "Lives alone"),
    ],
)
def test_texts_never_contradict_the_census_part(
    many: tuple[pd.DataFrame, pd.DataFrame], said: pd.Series[str], words: str, contradicted: object
) -> None:
    people, _ = many
    sought = re.compile(words, re.IGNORECASE)
    mentions = said.map(lambda text: bool(sought.search(text)))
    assert mentions.sum() >= 20
    assert callable(contradicted)
    wrong = said[mentions & contradicted(people)]
    assert wrong.empty, wrong.iloc[0]


WORKING = ("working full time", "working part time", "temporarily off work", "armed forces", "retired")


def test_texts_go_with_the_traits_that_they_ask_for(many: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    _, rest = many
    scores = person.read_scores(rest["big five scores"])
    tidy = rest["lifestyle"].str.contains("Cleans one room a day|cleans one room a day", regex=True).to_numpy()
    messy = rest["lifestyle"].str.contains("home of piles").to_numpy()
    assert tidy.sum() > 20
    assert messy.sum() > 20
    assert scores[tidy, 1].min() >= 56
    assert scores[messy, 1].max() < 45


def test_no_race_religion_or_birthplace_changes_which_texts_fit() -> None:
    people, _ = drawn(400, 4)
    levels = np.full((400, 5), 2)
    moved = people.copy()
    for column in (
        "race",
        "ancestry",
        "place of birth",
        "citizenship",
        "household language",
        "ability to speak english",
    ):
        moved[column] = people[column].iloc[0]
    for column in ("_race_origin", "_birth_region", "_hispanic"):
        moved[column] = people[column].iloc[0]
    # Without a religion, entries of faith fit nobody; those of home culture are left to the groups that they name.
    plain = {attribute: [e for e in read_bank(attribute) if not e.asks] for attribute in BANKS}
    of_kept, of_changed = (texts.Facts.of(f, levels) for f in (people, moved))
    for attribute, bank in plain.items():
        for e in bank:
            kept, changed = of_kept.fits(e), of_changed.fits(e)
            assert (kept == changed).all() or "english" in e.needs, (attribute, e.id)


def test_practice_of_a_faith_is_told_of_some_of_its_people_and_of_nobody_else(
    many: tuple[pd.DataFrame, pd.DataFrame], said: pd.Series[str]
) -> None:
    _, rest = many
    for religion in ("Catholic", "Protestant", "Jewish", "Muslim"):
        entries = [e for a in BANKS for e in read_bank(a) if e.asks.get("religion") == (religion,)]
        told = [text.lower().rstrip(".") for e in entries for text in e.texts]
        tells = said.str.lower().str.contains("|".join(map(re.escape, told)))
        own = rest["religion"] == religion
        assert not tells[~own].any()
        assert 0.03 < tells[own].mean() < 0.6, religion


def test_scores_have_the_correlations_and_differences_asked(many: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    people, rest = many
    scores = person.read_scores(rest["big five scores"])
    asked = np.array([[float(v) for k, v in row.items() if k != "trait"] for row in read_rows("big_five_correlations")])
    assert np.abs(np.corrcoef(scores.T) - asked).max() < 0.03
    assert np.abs(scores.mean(axis=0) - 50).max() < 0.2
    assert np.abs(scores.std(axis=0) - 10).max() < 0.2
    women = (people["sex"] == "Female").to_numpy()
    apart = (scores[women].mean(axis=0) - scores[~women].mean(axis=0)) / 10
    # SAPA sample: openness, conscientiousness, extraversion, agreeableness, neuroticism; women are older on average.
    # Openness goes with liberal views, too, which women hold more often: that takes some of its difference away.
    assert np.abs(apart - [-0.11, 0.21, 0.27, 0.47, 0.25]).max() < 0.03


@pytest.mark.parametrize(("score", "level"), [(34, 0), (35, 1), (44, 1), (45, 2), (55, 2), (56, 3), (65, 3), (66, 4)])
def test_levels_of_scores(score: int, level: int) -> None:
    assert person.levels_of(np.array([[score]]))[0, 0] == level


def test_scores_are_read_as_they_were_described() -> None:
    scores = np.array([[20, 44, 50, 61, 80], [35, 56, 66, 45, 34]])
    text = pd.Series(person.describe(scores, person.levels_of(scores)))
    assert text[0].startswith("Openness: Extremely Low (20), Conscientiousness: Low (44), Extraversion: Average (50)")
    assert (person.read_scores(text) == scores).all()
    with pytest.raises(ValueError, match="five scores in parentheses"):
        person.read_scores(pd.Series(["Openness: High"]))


@pytest.mark.parametrize(
    ("of", "group", "published"),
    [
        # Not raked on: General Social Survey 2021-2024, shares of all who lean or belong to one of the two parties.
        ("Black", lambda c: c["_race_origin"] == "Black", 0.83),  # Pew 2023, registered voters
        ("Hispanic", lambda c: c["_race_origin"] == "Hispanic", 0.61),  # Pew 2023, registered voters
        ("graduates", lambda c: beliefs.keys_of(c)["college"] == 1, 0.617),  # Pew 2017: 58 to 36
    ],
)
def test_party_agrees_with_surveys_it_was_not_raked_to(
    many: tuple[pd.DataFrame, pd.DataFrame], of: str, group: object, published: float
) -> None:
    people, rest = many
    assert callable(group)
    place = beliefs.positions(rest["political views"][np.asarray(group(people))], beliefs.PARTY)
    democrats, republicans = (place <= 2).sum(), ((place >= 4) & (place <= 6)).sum()
    assert democrats / (democrats + republicans) == pytest.approx(published, abs=0.05), of


def test_ideology_goes_with_party(many: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    _, rest = many
    conservative = rest["ideology"].isin(["Very conservative", "Conservative"])
    party = rest["political views"]
    republicans = party.isin(["Strong Republican", "Not very strong Republican"])
    democrats = party.isin(["Strong Democrat", "Not very strong Democrat"])
    assert conservative[republicans].mean() == pytest.approx(77 / 99, abs=0.02)  # Gallup 2024
    assert rest["ideology"][democrats].isin(["Very liberal", "Liberal"]).mean() == pytest.approx(0.55, abs=0.02)
    assert (rest["ideology"][democrats] == "Very liberal").mean() == pytest.approx(0.19, abs=0.02)


def test_a_label_that_is_none_of_the_list_is_named() -> None:
    with pytest.raises(ValueError, match="'Martian' is none of"):
        beliefs.positions(pd.Series(["White", "Martian"]), ("White", "Black"))
