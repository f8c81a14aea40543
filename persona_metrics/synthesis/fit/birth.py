"""Fits citizenship, residence and birthplaces, and reads what is published by country of birth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..basics import ORIGINS_ABROAD, ORIGINS_AT_HOME, People
from ..draw import Floats, read_rows, write_table
from ..groups import ORIGIN, REGION, age_group, age_labels
from ..health import STANDING
from ..vocabulary import CITIZENSHIP, URBANITY
from .source import Source, rake, totals


def fit_citizenship(source: Source, people: People) -> None:
    """Write citizenship given origin and age."""
    # Born here, naturalised, not a citizen, in percent; the last origin takes those of American Indians.
    published = np.array([[55.1, 18.4, 26.5], [95.4, 3.0, 1.6], [87.4, 7.9, 4.7], [24.8, 46.2, 29.0], [92.2, 3.3, 4.6]])
    persons = totals((5, 3), people["origin"], age_group("life", people["age"]))
    total = persons.sum()
    scale = total / source.adults
    # Assumed: 5.3 percent of the foreign-born are minors, nearly all of them not citizens; 17 percent of those born
    # abroad or in a territory as Americans are minors, and two fifths of them were born in a territory.
    foreign = source.dp02(94)[0] * 0.947
    naturalized = source.dp02(96)[0] * 0.975
    outside = source.dp02(93)[0] * 0.83
    goal = np.array([0, outside * 0.4, outside * 0.6, naturalized, foreign - naturalized]) * scale
    goal[0] = total - goal.sum()
    by_age = np.array([[1.0, 1.0, 1.0, 0.45, 1.05], [1.0, 1.0, 1.0, 1.25, 1.15], [1.0, 1.0, 0.8, 1.3, 0.35]]).T
    seed = np.zeros((5, 5, 3))
    territory = np.array([0.035, 0.0006, 0.004, 0.004, 0.002])
    abroad = np.array([0.012, 0.0065, 0.008, 0.012, 0.012])
    for o in range(5):
        born, nat, non = published[o] / published[o].sum()
        seed[o] = np.array([born, territory[o], abroad[o], nat, non])[:, None] * by_age
    seed *= persons[:, None, :]
    fitted = rake(seed, ((1,), goal), ((0, 2), persons))
    write_table(
        "citizenship",
        {
            "source": "ACS 2023 profile; Economic Policy Institute from ACS 2019",
            "table": "DP02 lines 89-97; B05003B, C, D, E, H, I",
            "year": "2023; 2019",
            "universe": "adults",
            "kind": "computed by raking the 2019 shares by race to the 2023 totals; assumed: minors' share of the totals,"
            " citizenship by age within an origin, the split of Americans born outside the states",
        },
        {"origin": ORIGIN, "age": age_labels("life")},
        CITIZENSHIP,
        fitted.transpose(0, 2, 1),
    )


def fit_residence(source: Source) -> None:
    """Write states of residence given origin and citizenship, and urbanity given origin and region."""
    table = source.table("v2/acs2018_state_adults_race_sex_nativity.csv")
    states = [r["state"] for r in read_rows("states")]
    races = {
        "Hispanic": ("Hispanic (any race)",),
        "White": ("White alone, not Hispanic",),
        "Black": ("Black alone",),
        "Asian": ("Asian alone", "NHPI alone"),
        "Other": ("AIAN alone", "Two or more races"),
    }
    size = table.groupby(["race", "citizenship", "state"])["adults_18plus"].sum()
    shares = np.zeros((len(ORIGIN), 3, len(states)))
    for o, name in enumerate(ORIGIN):
        for c, standing in enumerate(("native", "naturalized", "noncitizen")):
            for race in races[name]:
                shares[o, c] += size[race, standing].reindex(states).fillna(0).to_numpy(dtype=float)
    write_table(
        "residence",
        {
            "source": "ACS 2018",
            "table": "B05003A-I by state",
            "year": "2018",
            "universe": "adults; Black, Asian and further races of any origin; races too few to publish in a state are missing there",
            "kind": "published",
        },
        {"origin": ORIGIN, "citizenship": STANDING},
        states,
        shares,
    )
    table = source.table("v2/anes2020_party_ideology.csv")
    table = table[table["target"] == "ideo3"]

    def counts(by: str, second: str) -> Floats:
        rows = table[(table["by"] == by) & (table["v2"] == second)].drop_duplicates(["v1", "v2"])
        return rows.set_index("v1")["n_group"].reindex(URBANITY).fillna(0).to_numpy(dtype=float)

    groups = {
        "Hispanic": "Hispanic",
        "White": "White NH",
        "Black": "Black NH",
        "Asian": "Asian/PI NH",
        "Other": "Multiple NH",
    }
    by_origin = np.stack([counts("place*race", groups[name]) + 2 for name in ORIGIN])
    by_region = np.stack([counts("place*region", name) for name in REGION])
    odds = by_region / by_region.sum(axis=1, keepdims=True) / (by_region.sum(axis=0) / by_region.sum())
    write_table(
        "urbanity",
        {
            "source": "American National Election Studies 2020",
            "table": "place by race, place by region (unweighted counts)",
            "year": "2020",
            "universe": "adult citizens, taken for all adults",
            "kind": "computed: shares by origin times what the region changes in them",
        },
        {"origin": ORIGIN, "region": REGION},
        URBANITY,
        by_origin[:, None] * odds[None],
    )


def fit_birthplaces(source: Source, people: People) -> None:
    """Write states, territories and countries of birth given race and origin."""
    states = read_rows("states")
    number = {key: np.array([float(r[key]) for r in states]) for key in states[0] if key not in ("state", "region")}
    size = number["population"]
    shares = np.stack(
        [
            size * number["rest"],
            size * number["white"],
            size * number["black"],
            size * number["asian"],
            number["native"],
            number["islander"],
            size * number["rest"] * 0.4 + size * 10,
        ]
    )
    header = {
        "source": "ACS 2016-2020 (states.csv)",
        "table": "B01003, B02001",
        "year": "2016-2020",
        "universe": "adults born in a state",
        "kind": "assumed to be born where people of their race live; no table of state of birth was at hand",
    }
    write_table("birth_state", header, {"origin": ORIGINS_AT_HOME}, [r["state"] for r in states], shares)
    header = {"source": "none", "table": "none", "year": "none", "kind": "assumed, by order of size"}
    write_table(
        "birth_territory",
        {**header, "universe": "adults born in a U.S. territory"},
        {"islander": ["no", "yes"]},
        ["Puerto Rico", "U.S. Virgin Islands", "Guam", "American Samoa", "Northern Mariana Islands"],
        np.array([[93.0, 5, 1.5, 0, 0.5], [0, 0, 60, 32, 8]]),
    )
    write_table(
        "birth_to_americans",
        {**header, "universe": "adults born abroad of American parents"},
        {"all": ["all"]},
        ["Germany", "Japan", "United Kingdom", "Mexico", "Philippines", "Korea", "Canada", "Italy", "France", "Spain"],
        np.array([[30.0, 12, 10, 16, 8, 7, 9, 4, 2, 2]]),
    )
    countries = read_rows("countries")
    regions = ["Europe", "Asia", "Africa", "Oceania", "Latin America", "Northern America"]
    region = np.array([regions.index(r["region"]) for r in countries])
    size = np.array([float(r["number"]) for r in countries])
    published = source.dp02(*range(106, 112))
    size *= (published / np.bincount(region, weights=size))[region]
    islanders = np.array([r["country"] in ("Samoa", "Tonga", "Fiji") for r in countries])
    affinity = np.array([[float(r[k]) for k in "hwba"] + [0.0, float(r["o"])] for r in countries])
    affinity[islanders, 4], affinity[islanders, 3] = (
        affinity[islanders, 3],
        np.where(np.array([r["country"] for r in countries])[islanders] == "Fiji", 60.0, 0.0),
    )
    foreign = people["foreign"] == 1
    at = np.where((people["race"] == 4) & (people["hispanic"] == 0), 4, np.array([0, 1, 2, 3, 5])[people["origin"]])
    persons = np.bincount(at[foreign], minlength=6).astype(float)
    fitted = rake(size[:, None] * np.maximum(affinity, 0.0), ((0,), size * persons.sum() / size.sum()), ((1,), persons))
    write_table(
        "birth_country",
        {
            "source": "ACS 2023 profile; Pew Research Center from ACS 2018 (countries.csv)",
            "table": "DP02 lines 105-111",
            "year": "2023; 2018",
            "universe": "foreign-born adults",
            "kind": "regions' totals published; countries within a region published or assumed as countries.csv marks them;"
            " which origins come from where assumed, raked to the numbers of each",
        },
        {"origin": ORIGINS_ABROAD},
        [r["country"] for r in countries],
        fitted.T,
    )


def profile_of(source: Source, *variables: str) -> dict[str, list[float]]:
    """Return figures of the Selected Population Profile (ACS 2018) by country of birth, ``native`` for the native-born.

    A country that is not published has the figures of its region.
    """
    groups = source.table("v2/acs2018_S0201_groups.csv").astype({"popgroup": str})
    values = source.table("v2/acs2018_S0201_values.csv").astype({"popgroup": str, "var": str})
    values["value"] = pd.to_numeric(values["value"], errors="coerce")
    values["var"] = values["var"].str.zfill(3)
    wanted = values[values["var"].isin(variables)].pivot_table(index="popgroup", columns="var", values="value")
    wanted = wanted.reindex(columns=list(variables)).dropna()
    groups["key"] = groups["popgroup"].str.zfill(3)
    wanted.index = wanted.index.str.zfill(3)
    born = groups[groups["kind"] == "country_or_region_of_birth_of_foreign_born"].set_index("label")["key"]
    native = groups[(groups["kind"] == "nativity") & groups["label"].str.startswith("Native")]["key"].iloc[0]
    found = {"native": wanted.loc[native].tolist()}
    stand_in = {"Latin America": "Latin America", "Northern America": "Northern America"}
    for row in read_rows("countries"):
        names = (row["country"], stand_in.get(row["region"], row["region"]))
        key = next(born[n] for n in names if n in born.index and born[n] in wanted.index)
        found[row["country"]] = wanted.loc[key].tolist()
    return found
