"""What no persona may be: one rule a line, each with its reason. ``broken`` counts who breaks which.

The model never draws such a person, because its tables have no share there; the rules look at the finished personas, so
that neither a changed table nor a file from elsewhere passes unseen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import vocabulary as words
from .bank import BANKS, CITIZENS_WORDS, ENGLISH_WORDS
from .draw import read_rows, read_table
from .health import (
    AT_THE_WHEEL,
    GREATEST_OF_PUBLIC,
    GREATEST_PAY,
    LEAST_PAY,
    LEAST_WAGE,
    OTHER_INCOME,
    PHYSICIANS,
    WEEKS,
)

_ADVANCED = words.EDUCATION[7:]
_BACHELOR_UP = words.EDUCATION[6:]
_NO_DIPLOMA = words.EDUCATION[:2]
_COUPLES = words.HOUSEHOLD[:2]
_PARTNERS = words.HOUSEHOLD[2:4]
_EMPLOYED = words.EMPLOYMENT[:3]
_NONE_AT_HOME = words.FAMILY[0]
_OF_WORK = re.compile(r"\b(?:coworkers?|at work|on the clock|paycheck|[Tt]he commute|[Mm]y shift)\b")
_OF_PUPILS = re.compile(
    r"\b(?:puns with a teenager|[Dd]oes homework again|science fair volcanoes|permission slips|baby teeth)\b"
)


@dataclass(frozen=True)
class Rule:
    """``breaks`` marks the persons of a frame who cannot be; ``reason`` says why."""

    name: str
    reason: str
    breaks: Callable[[pd.DataFrame], pd.Series]


def _is(column: str, *values: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda f: f[column].isin(values)


def _age(f: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(f["age"])


def _income(f: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(f["income"])


def _works(f: pd.DataFrame) -> pd.Series:
    return f["employment status"].isin(_EMPLOYED)


def _has_job(f: pd.DataFrame) -> pd.Series:
    return f["occupation category"] != words.NOT_APPLICABLE


def _armed(f: pd.DataFrame) -> pd.Series:
    return f["employment status"] == words.EMPLOYMENT[2]


def _mothers(f: pd.DataFrame) -> pd.Series:
    return f["fertility"] == words.FERTILITY[0]


def _asked(f: pd.DataFrame) -> pd.Series:
    return (f["sex"] == "Female") & (_age(f) <= 50)


def _born_abroad(f: pd.DataFrame) -> pd.Series:
    return ~f["place of birth"].isin({r["state"] for r in read_rows("states")})


def _territory(f: pd.DataFrame) -> pd.Series:
    return f["place of birth"].isin(read_table("birth_territory").labels)


def _foreign(f: pd.DataFrame) -> pd.Series:
    return f["citizenship"].isin(words.CITIZENSHIP[3:])


def _difficulty(f: pd.DataFrame) -> pd.Series:
    return (f[["cognitive difficulty", "vision difficulty", "hearing difficulty"]] == "Yes").any(axis=1)


def _young(f: pd.DataFrame) -> pd.Series:
    return f["family presence and age"].str.contains("under 6")


def _children(f: pd.DataFrame) -> pd.Series:
    return f["family presence and age"] != _NONE_AT_HOME


def _retired(f: pd.DataFrame) -> pd.Series:
    return f["detailed job description"].str.startswith("Retired")


def _titles(f: pd.DataFrame) -> pd.Series:
    if "_title" in f:
        return f["_title"]
    return f["detailed job description"].str.extract(
        r"\bas an? (.*?)(?:, about \d+ hours a week|, at present on leave)?$"
    )[0]


def _job(f: pd.DataFrame) -> pd.DataFrame:
    """Return the catalogue's row of each person's present or last job, matched by the end of the description."""
    rows = read_rows("jobs")
    catalogue = pd.DataFrame(rows).set_index("job")
    found = catalogue.reindex(_titles(f))
    found.index = f.index
    return found


def _mismatch(f: pd.DataFrame) -> pd.Series:
    job = _job(f)
    known = job["occupation"].notna() & _has_job(f)
    wrong = f["occupation category"].str[:3] != job["occupation"]
    industries, classes = job["industries"].fillna(""), job["classes"].fillna("")
    letters = dict(zip(words.CLASS_OF_WORKER, "PNLSFIUW", strict=True))
    pairs = zip(
        f["industry category"].str[:3], industries, f["class of worker"].map(letters).fillna("?"), classes, strict=True
    )
    elsewhere = pd.Series([i not in of.split() or c not in k for i, of, c, k in pairs], index=f.index)
    return (known & (wrong | elsewhere)) | (_has_job(f) & job["occupation"].isna())


def _unschooled(f: pd.DataFrame) -> pd.Series:
    job = _job(f)
    level = f["education"].map({name: i for i, name in enumerate(words.EDUCATION)})
    low, high = pd.to_numeric(job["from"]), pd.to_numeric(job["to"])
    return (level < low) | (level > high)


def _too_young(f: pd.DataFrame) -> pd.Series:
    return _age(f) < pd.to_numeric(_job(f)["age"])


def _pay(f: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    job = _job(f)
    text = f["detailed job description"]
    hours = pd.to_numeric(text.str.extract(r"about (\d+) hours")[0])
    usual = pd.to_numeric(job["pay"]) * 1000 * hours / 40
    own = f["class of worker"].isin(words.CLASS_OF_WORKER[5:])
    return usual.where(_works(f) & hours.notna()), own, _income(f)


def _underpaid(f: pd.DataFrame) -> pd.Series:
    usual, own, income = _pay(f)
    return ~own & (income < LEAST_PAY * usual)


def _overpaid(f: pd.DataFrame) -> pd.Series:
    usual, _, income = _pay(f)
    return income > GREATEST_PAY * usual + OTHER_INCOME


def _weak_english(f: pd.DataFrame) -> pd.Series:
    needs = _job(f)["english"] == "1"
    return f["ability to speak english"].isin(words.ENGLISH[3:]) & needs & _works(f) & ~_armed(f)


def _hours(f: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(f["detailed job description"].str.extract(r"about (\d+) hours")[0])


def _below_minimum(f: pd.DataFrame) -> pd.Series:
    unpaid = f["class of worker"] == words.CLASS_OF_WORKER[7]
    return _works(f) & ~unpaid & (_income(f) < LEAST_WAGE * WEEKS * _hours(f))


def _overpaid_by_the_public(f: pd.DataFrame) -> pd.Series:
    public = f["class of worker"].isin(words.CLASS_OF_WORKER[2:5])
    physician = f["occupation category"] == words.OCCUPATION[PHYSICIANS]
    return _works(f) & public & ~physician & (_income(f) > GREATEST_OF_PUBLIC)


def _spouse_away(f: pd.DataFrame) -> pd.Series:
    """Return whose work may part a couple: forces, ships, rigs, long roads and the air."""
    return f["detailed job description"].str.contains(
        r"\b(?:Serves as|truck driver|oil rig|fisher|pilot|flight attendant)\b"
    )


def _texts(f: pd.DataFrame) -> pd.Series:
    if "_told" in f:
        return f["_told"]
    told = pd.Series("", index=f.index)
    for name in BANKS:
        if name in f:
            told = told + " " + f[name]
    return told


def _tells(f: pd.DataFrame, of: pd.Series, what: re.Pattern[str]) -> pd.Series:
    """Return who of ``of`` has a text with the words ``what``."""
    found = np.zeros(len(f), dtype=bool)
    found[of] = [what.search(text) is not None for text in _texts(f)[of]]
    return pd.Series(found, index=f.index)


def _word_games(f: pd.DataFrame) -> pd.Series:
    return _tells(f, f["ability to speak english"].isin(words.ENGLISH[3:]), ENGLISH_WORDS)


def _still_at_work(f: pd.DataFrame) -> pd.Series:
    """Return whose texts speak of a job that they do not have."""
    return _tells(f, ~_works(f), _OF_WORK)


def _citizens_texts(f: pd.DataFrame) -> pd.Series:
    return _tells(f, f["citizenship"] == words.CITIZENSHIP[4], CITIZENS_WORDS)


def _no_pupils(f: pd.DataFrame) -> pd.Series:
    """Return whose texts speak of a child of school age in a home that has none."""
    pupils = f["family presence and age"].str.contains("6 to 17")
    return _tells(f, ~pupils, _OF_PUPILS)


def _drivers_sight(f: pd.DataFrame) -> pd.Series:
    return _works(f) & _titles(f).isin(AT_THE_WHEEL) & (f["vision difficulty"] == "Yes")


def _from_other_continents(f: pd.DataFrame) -> pd.Series:
    regions = f["place of birth"].map({row["country"]: row["region"] for row in read_rows("countries")})
    native = f["race"] == words.RACE[2]
    return native & _foreign(f) & regions.isin(("Europe", "Asia", "Africa", "Oceania"))


def _foreign_tongue(f: pd.DataFrame) -> pd.Series:
    """Return who was born in a state and speaks at home what nobody of their ancestry speaks."""
    rows = {row["ancestry"]: row for row in read_rows("ancestry_language")}
    spoken = [
        a not in rows or language not in rows[a] or float(rows[a][language]) > 0
        for a, language in zip(f["ancestry"], f["household language"], strict=True)
    ]
    islander = f["race"].isin(words.RACE[4:5]) | f["ancestry"].isin(("Puerto Rican", "Chamorro", "Samoan"))
    raised = (f["citizenship"] == words.CITIZENSHIP[0]) | (_territory(f) & ~islander)
    return raised & ~pd.Series(spoken, index=f.index)


def _never_in_asia(f: pd.DataFrame) -> pd.Series:
    """Return White and Black immigrants from elsewhere whose household speaks a language of Asia or the Pacific."""
    regions = f["place of birth"].map({row["country"]: row["region"] for row in read_rows("countries")})
    elsewhere = _foreign(f) & ~regions.isin(("Asia", "Oceania"))
    return elsewhere & f["race"].isin(words.RACE[:2]) & (f["household language"] == words.LANGUAGE[3])


RULES: tuple[Rule, ...] = (
    Rule("adult", "every persona is an adult", lambda f: (_age(f) < 18) | (_age(f) > 99)),
    Rule("known label", "an attribute with a list of labels has one of them", lambda f: _unknown(f)),
    Rule("bachelor's at 21", "four years after school", lambda f: f["education"].isin(_BACHELOR_UP) & (_age(f) < 21)),
    Rule("master's at 23", "two years after college", lambda f: f["education"].isin(_ADVANCED) & (_age(f) < 23)),
    Rule("professional at 25", "medicine and law take longer", lambda f: (f["education"] == words.EDUCATION[8]) & (_age(f) < 25)),
    Rule("doctorate at 26", "a doctorate takes longer", lambda f: (f["education"] == words.EDUCATION[9]) & (_age(f) < 26)),
    Rule("associate at 20", "two years after school", lambda f: (f["education"] == words.EDUCATION[5]) & (_age(f) < 20)),
    Rule("least age of a job", "no 18-year-old doctor, no captain of 20", _too_young),
    Rule("schooling of a job", "a physician has the degree, a surgeon washes no dishes", _unschooled),
    Rule("job fits industry and class", "the job exists in that occupation, industry and class", _mismatch),
    Rule("job if employed", "the employed have a class, an industry and an occupation", lambda f: _works(f) & ~_has_job(f)),
    Rule("no job outside the labor force", "there is no present one", lambda f: (f["employment status"] == words.EMPLOYMENT[4]) & _has_job(f)),
    Rule("one has all three", "class, industry and occupation go together", lambda f: (f["class of worker"] == words.NOT_APPLICABLE) != ~_has_job(f)),
    Rule("forces are military", "the armed forces are an industry of their own", lambda f: _armed(f) != ((f["industry category"] == words.INDUSTRY[17]) & _works(f))),
    Rule("forces end at 55", "no retired army recruit, no recruit of 60", lambda f: _armed(f) & (_age(f) > 54)),
    Rule("forces have a diploma", "enlistment asks for one", lambda f: _armed(f) & f["education"].isin(_NO_DIPLOMA)),
    Rule("active duty is the forces", "who serves now is employed there", lambda f: (f["veteran status"] == words.VETERAN[0]) != _armed(f)),
    Rule("veterans at 20", "no minor veteran: service starts at 18 and lasts", lambda f: (f["veteran status"] == words.VETERAN[1]) & (_age(f) < 20)),
    Rule("retired at 45", "nobody retires earlier", lambda f: _retired(f) & (_age(f) < 45)),
    Rule("retired do not work", "the description fits the status", lambda f: _retired(f) & (f["employment status"] != words.EMPLOYMENT[4])),
    Rule("pay at least", "three tenths of the job's usual pay for the hours", _underpaid),
    Rule("pay at most", "two and a half times the usual, and 25,000 besides", _overpaid),
    Rule("minimum wage", "stated hours bring at least the federal minimum, but in a family's business without pay", _below_minimum),
    Rule("public pay", "the public pays no manager what a company's chief earns", _overpaid_by_the_public),
    Rule("works only if employed", "the description fits the status", lambda f: f["detailed job description"].str.contains(r"^(?:Works|Serves) ") & ~_works(f)),
    Rule("no work after work", "who has no job has no coworkers and no commute", _still_at_work),
    Rule("keeps house in a house", "an institution or a dormitory is kept by others", lambda f: f["detailed job description"].str.startswith("Keeps house") & (f["household type"] == "Group quarters")),
    Rule("couples live together", "a married person lives alone only where work parts the two", lambda f: (f["marital status"] == "Married") & (f["household type"] == "Lives alone") & ~_spouse_away(f)),
    Rule("word games in English", "who hardly speaks English reads no English puzzles", _word_games),
    Rule("ancestors' language", "families born here speak English or a language of their ancestors", _foreign_tongue),
    Rule("languages of Asia", "White and Black immigrants from elsewhere speak no language of Asia at home", _never_in_asia),
    Rule("citizens vote", "who is no citizen tells of no ballot and no jury", _citizens_texts),
    Rule("pupils at home", "homework, teenagers and baby teeth ask for a child of school age", _no_pupils),
    Rule("sight at the wheel", "who steers a vehicle for a living sees, and so does a surgeon", _drivers_sight),
    Rule("forces are fit", "active duty asks for sight, hearing and memory", lambda f: _armed(f) & _difficulty(f)),
    Rule("natives of America", "American Indians born abroad were born in the Americas", _from_other_continents),
    Rule("no debt for income", "income is not negative here", lambda f: _income(f) < 0),
    Rule("English on the job", "jobs that need good English are held by those who speak it", _weak_english),
    Rule("English-only household", "speaks only English, neither well nor badly", lambda f: (f["household language"] == words.LANGUAGE[0]) != (f["ability to speak english"] == words.ENGLISH[0])),
    Rule("couples are married", "a married couple's home has married persons in it", lambda f: f["household type"].isin(_COUPLES) & (f["marital status"] != "Married")),
    Rule("partners are not", "who lives with a partner unmarried is not married", lambda f: f["household type"].isin(_PARTNERS) & (f["marital status"] == "Married")),
    Rule("single parents are single", "a single parent lives with no spouse", lambda f: (f["household type"] == words.HOUSEHOLD[4]) & (f["marital status"] == "Married")),
    Rule("widowed at 22", "few marry and none lose a spouse before", lambda f: (f["marital status"] == "Widowed") & (_age(f) < 22)),
    Rule("divorced at 20", "a divorce takes its time", lambda f: f["marital status"].isin(("Divorced", "Separated")) & (_age(f) < 20)),
    Rule("with children, children", "the household has what its name says", lambda f: f["household type"].str.contains("with own children") & ~_children(f)),
    Rule("without children, none", "the household lacks what its name denies", lambda f: (f["household type"].str.contains("no own children") | f["household type"].isin((words.HOUSEHOLD[5], *words.HOUSEHOLD[8:]))) & _children(f)),
    Rule("alone is alone", "nobody in the home to look after", lambda f: (f["household type"] == "Lives alone") & _children(f)),
    Rule("parents of parents", "at 75 nobody lives with parents", lambda f: (f["household type"] == "Lives with parents") & (_age(f) >= 75)),
    Rule("old parents", "nobody of 75 has a minor child", lambda f: _children(f) & (_age(f) >= 75)),
    Rule("young children's parents", "nobody of 56 has a child under 6", lambda f: _young(f) & (_age(f) >= 56)),
    Rule("young parents", "before 22 no child is 6 or older", lambda f: _children(f) & (~f["family presence and age"].str.contains("under 6 years$|all under 6")) & (_age(f) < 22)),
    Rule("no fertility for men", "the question is for women of 18 to 50", lambda f: (f["fertility"] == words.NOT_APPLICABLE) == _asked(f)),
    Rule("newborns are at home", "who gave birth has a child under 6 at home", lambda f: _mothers(f) & ~_young(f)),
    Rule("natives are not naturalised", "who was born in a state is a citizen by birth", lambda f: (f["citizenship"] == words.CITIZENSHIP[0]) == _born_abroad(f)),
    Rule("territories", "who was born in a territory is a citizen by birth", lambda f: (f["citizenship"] == words.CITIZENSHIP[1]) != _territory(f)),
    Rule("officers are citizens", "federal service and police ask for citizenship", lambda f: (f["citizenship"] == words.CITIZENSHIP[4]) & (f["class of worker"] == words.CLASS_OF_WORKER[4]) & ~_armed(f)),
    Rule("disability derived", "any of the three difficulties is a disability, and only they are that one", lambda f: (f["disability"] == words.DISABILITY[1]) != _difficulty(f)),
    Rule("Medicare at 65", "Medicare is for those of 65 and over, and their only public coverage here", lambda f: (f["health insurance"].str.contains("Medicare") & (_age(f) < 65)) | (f["health insurance"].isin(words.INSURANCE[1:3]) & (_age(f) >= 65))),
)  # fmt: skip
"""The whole table."""


def _unknown(f: pd.DataFrame) -> pd.Series:
    bad = pd.Series(False, index=f.index)
    for name, labels in words.LABELS.items():
        bad |= ~f[name].isin(labels)
    return bad


def broken(frame: pd.DataFrame) -> dict[str, int]:
    """Return how many persons break each rule; missing values break none but the known labels."""
    return {name: int(count) for name, count in breaking(frame).sum().items()}


def breaking(frame: pd.DataFrame) -> pd.DataFrame:
    """Return for each person (a row) which rules they break (a column each, of bool)."""
    # Several rules read the job's title and all texts together: both are read once.
    frame = frame.assign(_title=_titles(frame), _told=_texts(frame))
    found = {rule.name: np.asarray(rule.breaks(frame).fillna(False), dtype=bool) for rule in RULES}
    return pd.DataFrame(found, index=frame.index)
