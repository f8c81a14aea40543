"""Fits religion, and party and ideology after it: structure from a survey, totals raked to published ones."""

from __future__ import annotations

import numpy as np

from ..basics import People, places
from ..beliefs import (
    FAITH_AGE_LABELS,
    FAITH_AGES,
    PARTY,
    PARTY_AXES,
    RELIGION,
    RELIGION_AXES,
    SURVEY_RELIGION_OF,
    birth_groups,
    draw_religion,
)
from ..draw import Codes, Floats, read_rows, write_table
from ..groups import ORIGIN, REGION
from ..vocabulary import MARITAL, RACE
from .adjust import Margin, base_margin, factor_shares, fit_parts, scaled
from .politics import NOBODY, SURVEY, fit_ideology, fit_party, read_survey
from .source import Source, rake, totals

PEW = {
    "Protestant": 40.0,
    "Catholic": 19.0,
    "Other Christian": 3.0,
    "Jewish": 2.0,
    "Muslim": 1.0,
    "Buddhist": 1.0,
    "Hindu": 1.0,
    "Other religion": 2.0,
    "Atheist": 29 * 5 / 30,
    "Agnostic": 29 * 6 / 30,
    "Nothing in particular": 29 * 19 / 30,
}
"""Percent of adults (Pew Religious Landscape Study 2023-24). Assumed: other religions 2, what is left of 7 to all non-
Christian religions; those who gave no answer (2) are spread over all; the three kinds of none are scaled to their 29."""

CHRISTIANS_BY_ORIGIN = {"White": 61.0, "Hispanic": 18.0}
"""Percent of Christians (Pew Religious Landscape Study 2023-24)."""

_OTHER_FAITHS = ("Protestant", "Other Christian", "Muslim", "Buddhist", "Hindu", "Other religion")
OTHER_SPLIT = {
    "Hispanic": (55, 30, 2, 2, 1, 10),
    "White": (50, 15, 6, 7, 1, 21),
    "Black": (60, 10, 15, 2, 1, 12),
    "Asian": (15, 5, 17, 25, 33, 5),
    "Other": (45, 15, 6, 6, 4, 24),
}
"""Assumed: what the survey's "Other" religion is made of (most are Christians of no named denomination), by origin."""


def fit_beliefs(source: Source, people: People, rng: np.random.Generator) -> None:
    """Write ``religion``, ``party`` and ``ideology``, fitted to ``people`` with origin, birthplace and schooling drawn."""
    keys = _keys(people)
    fit_religion(source, keys)
    keys["religion"] = SURVEY_RELIGION_OF[draw_religion(keys, rng)]
    survey = read_survey(source)
    party = fit_party(survey, keys, lambda fitted: fit_party_further(source, fitted, keys))
    fit_ideology(survey, party)


def _keys(people: People) -> dict[str, Codes]:
    _, countries = birth_groups()
    group = np.array([countries.get(name, 0) for name in places()])
    survey_race = np.array([{"White": 0, "Black": 1}.get(label.split()[0], 2) for label in RACE])
    return {
        "origin": people["origin"],
        "age": np.searchsorted(np.array(FAITH_AGES), people["age"], side="right") - 1,
        "birth": group[people["birthplace"]],
        "race": survey_race[people["race"]],
        "sex": people["sex"],
        "college": (people["schooling"] >= 3).astype(np.int64),
        "region": people["region"],
        "marital": people["marital"],
    }


def fit_religion(source: Source, keys: dict[str, Codes]) -> None:
    """Write religion given origin, age and place of birth."""
    groups, _ = birth_groups()
    sizes = (len(ORIGIN), len(FAITH_AGES), len(groups))
    persons = totals(sizes, keys["origin"], keys["age"], keys["birth"]) + NOBODY
    shares = np.zeros((*sizes, len(RELIGION)))
    shares[:, :, 0] = _religion_at_home(source)
    for b, row in enumerate(read_rows("faiths")):
        if b:
            shares[:, :, b, :8] = [float(row[name]) for name in RELIGION[:8]]
            shares[:, :, b, 8:] = float(row["None"]) * np.array([5, 6, 19]) / 30
    shares /= shares.sum(axis=-1, keepdims=True)
    seed = shares * persons[..., None]
    by_religion = np.array([PEW[name] for name in RELIGION])
    by_religion *= persons.sum() / by_religion.sum()
    christians = np.array([CHRISTIANS_BY_ORIGIN.get(name, np.nan) for name in ORIGIN]) / 100
    fitted = _raked_to_origin(seed, persons, by_religion, christians)
    fitted = _fit_further(source, "religion", fitted, keys, RELIGION_AXES, SURVEY_RELIGION_OF, RELIGION)
    write_table(
        "religion",
        {
            "source": "Pew Religious Landscape Study 2023-24 (totals); " + SURVEY + " (by race and age)",
            "table": "executive summary; religion by race and age",
            "year": "2023-24; 2021-2024",
            "universe": "adults",
            "kind": "computed by raking the survey's shares by race and age to the published totals and to the published shares"
            " of White and Hispanic among Christians; assumed: what the survey's Other is made of, and the religions of"
            " those born abroad before raking (faiths.csv)",
        },
        {"origin": ORIGIN, "age": FAITH_AGE_LABELS, "birth": groups},
        RELIGION,
        fitted,
    )


def _raked_to_origin(seed: Floats, persons: Floats, by_religion: Floats, christians: Floats) -> Floats:
    # Christians by White, Hispanic and the rest is a margin of merged labels: one axis more, of two halves.
    halves = np.zeros((*seed.shape, 2))
    halves[..., :3, 0] = seed[..., :3]
    halves[..., 3:, 1] = seed[..., 3:]
    origin = persons.sum(axis=(1, 2))
    known = ~np.isnan(christians)
    all_christians = by_religion[:3].sum()
    rest = seed.sum(axis=(1, 2))[:, :3].sum(axis=1)
    goal = np.where(known, np.nan_to_num(christians) * all_christians, rest)
    goal[~known] *= (all_christians - goal[known].sum()) / goal[~known].sum()
    margin = np.stack([goal, origin - goal], axis=1)
    fitted = rake(halves, ((3,), by_religion), ((0, 4), margin), ((0, 1, 2), persons))
    return np.asarray(fitted.sum(axis=-1))


def _religion_at_home(source: Source) -> Floats:
    table = source.table("derived/gss2124_religion_by_race_age.csv").rename(columns={"None": "Nones"})
    race_of = {"Hispanic": "Other", "White": "White", "Black": "Black", "Asian": "Other", "Other": "Other"}
    shares = np.zeros((len(ORIGIN), len(FAITH_AGES), len(RELIGION)))
    for o, name in enumerate(ORIGIN):
        for a, age in enumerate(FAITH_AGE_LABELS):
            row = table[(table["race"] == race_of[name]) & (table["ageg"] == age)].iloc[0]
            for label in ("Protestant", "Catholic", "Jewish"):
                shares[o, a, RELIGION.index(label)] += float(row[label])
            shares[o, a, 8:] = float(row.iloc[4]) * np.array([5, 6, 19]) / 30
            for label, part in zip(_OTHER_FAITHS, OTHER_SPLIT[name], strict=True):
                shares[o, a, RELIGION.index(label)] += float(row["Other"]) * part / 100
    return shares


def fit_party_further(source: Source, fitted: Floats, keys: dict[str, Codes]) -> Floats:
    """Write what region and marital status change in party; return the table itself fitted beside them."""
    group = np.array([0, 0, 1, 2, 3, 4, 4, 5])
    return _fit_further(source, "party", fitted, keys, PARTY_AXES, group, PARTY)


def _fit_further(
    source: Source,
    name: str,
    fitted: Floats,
    keys: dict[str, Codes],
    axes: tuple[tuple[str, ...], ...],
    group: Codes,
    labels: tuple[str, ...],
) -> Floats:
    """Write the factors of region and of marital status; ``group`` says which of the survey's answers each label is."""
    file, target, answers = {
        "religion": ("gss_religion", "religion", ("Protestant", "Catholic", "Jewish", "Other", "No religion")),
        "party": ("gss_party_ideology", "pid5", ("Dem", "Lean Dem", "Ind", "Lean Rep", "Rep", "Other")),
    }[name]
    table = source.table(f"v2/{file}.csv")
    table = table[table["target"] == target].set_index(["by", "v1", "category"])["share"].astype(float)
    marital = [m.replace("Never married", "Never Married") for m in MARITAL]
    by_region = np.array([[table.get(("bigregion", r, a), 0.0) + 0.002 for a in answers] for r in REGION])
    by_marital = np.array([[table.get(("marital", m, a), 0.0) + 0.002 for a in answers] for m in marital])
    base = base_margin(fitted, tuple(keys[k] for k in axes[0]))
    of_label = base.goal.reshape(-1, len(labels)).sum(axis=0)
    of_group = np.bincount(group, weights=of_label)
    region = scaled(by_region, totals((4,), keys["region"]), of_group)
    married = scaled(by_marital, totals((5,), keys["marital"]), of_group)
    margins = [base, Margin((keys["region"],), region, group), Margin((keys["marital"],), married, group)]
    shares, by_place, by_state = fit_parts(fitted, margins, rounds=60)
    further, factors = ({"region": REGION}, {"marital": MARITAL}), (by_place, by_state)
    for suffix, key, factor in zip(("region", "marital"), further, factors, strict=True):
        header = {
            "source": "General Social Survey 2018-2024",
            "table": f"{target} by {'bigregion' if suffix == 'region' else 'marital'}",
            "year": "2018-2024",
            "universe": "factors for adults",
            "kind": f"computed: what {suffix} changes in {name} given all else that it is drawn by",
        }
        write_table(f"{name}_by_{suffix}", header, key, labels, factor_shares(factor))
    return shares
