"""Writes the associations that no table was fitted to, for ``--check`` to hold personas against."""

from __future__ import annotations

from collections.abc import Iterator

from ..draw import POPULATION
from ..groups import REGION
from ..views import DEGREES, STANDING_GROUPS
from ..vocabulary import MARITAL, RACE, SEX
from .jobs import BLS_GROUPS
from .source import Source

Row = tuple[str, str, str, str, str, float, str, str, float]
ACS = "ACS 2018"


def fit_held_out(source: Source) -> None:
    """Write ``held_out.csv``."""
    lines = [
        "# source: named in each row; none of these figures is used by any fit, some of the surveys are, in other tables",
        "# table: named in each row; year: 2018 to 2020; universe: named in each row (civilian population in some of the tables)",
        "# kind: published; allowance is assumed: how far the population may have moved since, and the universes differ",
        "of|given|universe|group|label|share|kind|source|allowance",
    ]
    for part in (_sex, _schooling, _marital, _uninsured, _disability, _veterans, _language, _beliefs):
        lines += ["|".join([*map(str, r[:5]), f"{r[5]:.6g}", r[6], r[7], str(r[8])]) for r in part(source)]
    (POPULATION / "held_out.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(
    of: str, given: str, universe: str, table: dict[str, dict[str, float]], origin: str, allowance: float
) -> Iterator[Row]:
    for group, shares in table.items():
        whole = sum(shares.values())
        for label, share in shares.items():
            yield of, given, universe, group, label, share / whole, "held out", origin, allowance


def _sex(source: Source) -> Iterator[Row]:
    table = source.table("v2/occ_cps2019_sex_race_age.csv")
    table = table[table["level"] == "group"]
    found = {}
    for name, _ in BLS_GROUPS:
        women = float(table[table["occupation"].str.startswith(f"{name} occupations")]["pct_women"].iloc[0])
        found[name] = {"Male": 100 - women, "Female": women}
    yield from _rows("sex", "occupation (22 groups)", "employed civilians", found, "CPS 2019 table 11", 0.02)


def _schooling(source: Source) -> Iterator[Row]:
    table = source.table("v2/acs2018_education.csv")
    table = table[(table["table"] == "B15001") & table["d2"].notna()]
    degree = dict(zip(table["d2"].unique(), (0, 0, 1, 2, 2, 3, 3), strict=True))
    found = {}
    for label, age in (("25 to 34", "25-34"), ("35 to 44", "35-44"), ("65 years and over", "65+")):
        for sex in SEX:
            part = table[(table["sex"] == sex) & table["d1"].str.startswith(label)]
            shares = part.groupby(part["d2"].map(degree))["estimate"].sum()
            found[f"{age} / {sex}"] = dict(zip(DEGREES, shares, strict=True))
    yield from _rows("degree", "age (six groups) & sex", "25 and over", found, f"{ACS} B15001", 0.05)
    found = {}
    table = source.table("v2/acs2018_subject_tables.csv")
    rows = table[(table["table"] == "S0501") & table["row_path"].str.contains("EDUCATIONAL ATTAINMENT")]
    for column, group in zip(("Native", "Foreign born; Naturalized citizen", "Foreign born; Not a U.S. citizen"), STANDING_GROUPS, strict=True):  # fmt: skip
        values = rows[rows["column"] == column]["estimate"].to_numpy(dtype=float)[1:]
        found[group] = dict(zip(DEGREES, [*values[:3], values[3:].sum()], strict=True))
    yield from _rows("degree", "citizenship (three groups)", "25 and over", found, f"{ACS} S0501", 0.05)


def _marital(source: Source) -> Iterator[Row]:
    table = source.table("v2/marriage_538_acs2012.csv")
    table = table[(table["measure"] == "never married") & (table["sex"] == "both")]
    share = table.set_index(["age", "group"])["share"].astype(float)
    found = {}
    for age in ("35-44", "45-54"):
        for code, name in (("HS", DEGREES[1]), ("SC", DEGREES[2]), ("BAp", DEGREES[3])):
            # High school or less in that table: our high school stands for both.
            found[f"{age} / {name}"] = {"Never": share[age, code], "Ever": 1 - share[age, code]}
    yield from _rows(
        "ever married", "age (six groups) & degree", "with a diploma, 35 to 54", found, "ACS 2012 by 538", 0.06
    )


def _uninsured(source: Source) -> Iterator[Row]:
    table = source.table("v2/acs2018_subject_tables.csv")
    rows = table[(table["table"] == "S2701") & (table["column"] == "Percent Uninsured")]
    rows = rows[rows["row_path"].str.contains("EDUCATIONAL ATTAINMENT")]
    values = rows["estimate"].to_numpy(dtype=float)[1:]
    found = {name: {"Uninsured": v, "Insured": 100 - v} for name, v in zip(DEGREES, values, strict=True)}
    yield from _rows("insured", "degree", "26 and over", found, f"{ACS} S2701", 0.03)


def _disability(source: Source) -> Iterator[Row]:
    table = source.table("v2/acs2018_disability.csv")
    found = {}
    for letter, race in (("A", RACE[0]), ("B", RACE[1]), ("D", RACE[3])):
        rows = table[(table["table"] == f"B18101{letter}") & table["d2"].notna() & table["sex"].isna()]
        for label, age in (("18 to 64 years", "18-64"), ("65 years and over", "65+")):
            part = rows[rows["d1"] == label].set_index("d2")["estimate"].astype(float)
            found[f"{race} / {age}"] = {"With": part["With a disability"], "Without": part["No disability"]}
    yield from _rows("disability", "race & age (65 and over)", "adults", found, f"{ACS} B18101A, B, D", 0.04)


def _veterans(source: Source) -> Iterator[Row]:
    table = source.table("v2/acs2018_veterans.csv")
    found = {}
    for letter, race in (("A", RACE[0]), ("B", RACE[1]), ("D", RACE[3])):
        rows = table[(table["table"] == f"C21001{letter}") & table["d2"].notna()]
        for sex in SEX:
            part = rows[rows["sex"] == sex].groupby("d2")["estimate"].sum()
            found[f"{race} / {sex}"] = {"Veteran": float(part["Veteran"]), "No veteran": float(part["Nonveteran"])}
    yield from _rows("veteran", "race & sex", "civilian adults", found, f"{ACS} C21001A, B, D", 0.04)


def _language(source: Source) -> Iterator[Row]:
    table = source.table("v2/acs2018_subject_tables.csv")
    rows = (
        table[(table["table"] == "S1601") & (table["column"] == "Total")]
        .set_index("row_path")["estimate"]
        .astype(float)
    )
    start = "Population 5 years and over > SPEAK A LANGUAGE OTHER THAN ENGLISH > "
    names = {
        "Spanish": "Spanish",
        "Other Indo-European language": "Other Indo-European languages",
        "Asian or Pacific Island language": "Asian and Pacific Island languages",
        "Other language": "Other languages",
    }
    found = {}
    for label, age in (("18 to 64 years old", "18-64"), ("65 years old and over", "65+")):
        found[age] = {ours: rows[f"{start}{theirs} > {label}"] for ours, theirs in names.items()}
    universe = "speakers of another language"
    yield from _rows("language", "age (65 and over)", universe, found, f"{ACS} S1601", 0.06)


def _beliefs(source: Source) -> Iterator[Row]:
    table = source.table("v2/anes2020_party_ideology.csv")
    rows = table[table["target"] == "pid3"].set_index(["by", "v1", "category"])["share"].astype(float)
    # Surveys differ in how many belong to neither; who does not is compared.
    names = {"Dem/lean": "Democrat or leans", "Rep/lean": "Republican or leans"}
    origin = "ANES 2020"
    married = {m: {ours: rows["marital", m, theirs] for theirs, ours in names.items()} for m in MARITAL}
    yield from _rows("party (two sides)", "marital status", "citizens", married, origin, 0.07)
    regions = {r: {ours: rows["region", r, theirs] for theirs, ours in names.items()} for r in REGION}
    yield from _rows("party (two sides)", "region", "citizens with a state", regions, origin, 0.07)
    table = source.table("v2/anes2020_religion.csv")
    table = table[table["target"] == "relig12"]
    groups = {"Agnostic": "None", "Atheist": "None", "Nothing in particular": "None", "Roman Catholic": "Catholic"}
    table = table.assign(label=table["category"].map(groups).fillna("Other"))
    share = table.groupby(["by", "v1", "label"])["share"].sum()
    for by, given, levels in (("marital", "marital status", MARITAL), ("region", "region", REGION)):
        found = {v: {k: float(share[by, v, k]) for k in ("Catholic", "None", "Other")} for v in levels}
        universe = "citizens" if by == "marital" else "citizens with a state"
        yield from _rows("religion (three groups)", given, universe, found, origin, 0.07)
