"""The data card and SOURCES.md: they open as a data set, and say what the data are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
import yaml

from persona_metrics.personas import ATTRIBUTES
from persona_metrics.synthesis import check, generate
from persona_metrics.synthesis.bank import BANKS, read_bank
from persona_metrics.synthesis.document import render
from persona_metrics.synthesis.draw import POPULATION, read_rows
from persona_metrics.synthesis.views import VIEWS
from persona_metrics.synthesis.vocabulary import LABELS
from tests.e2e.command import CHECKOUT

DATA = Path(str(files("persona_metrics") / "dataset" / "embedded"))


def card() -> str:
    return (DATA / "README.md").read_text(encoding="utf-8")


def test_every_table_says_where_it_comes_from_and_sources_has_them_all() -> None:
    assert (DATA / "SOURCES.md").read_text(encoding="utf-8") == render()
    for path in POPULATION.glob("*.csv"):
        header = " ".join(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
        for word in ("source:", "table:", "year:", "universe:", "kind:"):
            assert word in header, (path.name, word)
        assert any(kind in header for kind in ("published", "computed", "assumed")), path.name


def test_card_counts_topics_and_kinds_as_the_data_do() -> None:
    rows = [json.loads(line) for line in (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    found = Counter((row["topic"], row["kind"]) for row in rows)
    table = card().split("<!-- topics -->")[1].split("<!-- /topics -->")[0].strip().splitlines()[2:]
    stated = {cells[0]: list(map(int, cells[1:])) for cells in ([c.strip() for c in r.split("|")[1:-1]] for r in table)}
    assert stated.pop("all")[-1] == len(rows)
    assert set(stated) == {topic for topic, _ in found}
    for topic, numbers in stated.items():
        assert numbers == [*(found[topic, kind] for kind in ("open", "values", "controversy")), sum(numbers[:3])]
    assert f"`questions.jsonl`, {len(rows)} questions" in card()
    asked = [json.loads(line) for line in (DATA / "questions_v2.jsonl").read_text(encoding="utf-8").splitlines()]
    usual = [row for row in asked if row["language"] == "en" and row["kind"] != "plain"]
    plain, foreign = (sum(row[k] == v for row in asked) for k, v in (("kind", "plain"), ("language", "en")))
    assert f"and {len(usual)} questions" in card()
    assert f"the second edition: {len(usual)} questions in English" in card()
    assert f"set of {plain} on which" in card()
    assert f"and {len(asked) - foreign} in other languages" in card()


def test_card_has_front_matter_and_the_folder_is_under_six_megabytes() -> None:
    front = yaml.safe_load(card().split("---")[1])
    configs = {config["config_name"] for config in front["configs"]}
    assert configs == {"personas", "personas_v1", "questions", "questions_v1"}
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 6_000_000


def table(first: str) -> list[list[str]]:
    """Return the cells of the card's table whose head begins with that cell."""
    rows = card().split(f"| {first} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_card_counts_titles_and_entries_as_the_tables_and_banks_do() -> None:
    titles = [row for row in read_rows("jobs") if row["bls"]]
    assert f"(22 groups, {len(titles)} titles)" in card()
    entries = {name: read_bank(name) for name in BANKS}
    assert min(map(len, entries.values())) > 1000
    asking = sum(bool(entry.asks) for bank in entries.values() for entry in bank)
    assert f"All {asking} entries that ask for faith" in card()


HISPANIC = (
    r"Argentinean|Chilean|Colombian|Cuban|Dominican|Ecuadorian|Guatemalan|Honduran|Mexican|Nicaraguan|Peruvian|Puerto Rican"
    r"|Salvadoran|Spaniard|Venezuelan"
)


def test_card_shows_what_the_first_edition_has() -> None:
    people = pd.read_json(DATA / "personas.jsonl", lines=True, dtype=False).astype({"age": int})
    party, conservative = VIEWS["party (two sides)"](people), people["ideology"].str.contains("onservative")
    women, engineers = people["sex"] == "Female", people["occupation category"].str.startswith("ENG-")
    faith = people["religion"]
    unaffiliated = faith.isin(["Atheist", "Agnostic", "Nothing in particular"])
    christian = faith.isin(["Protestant", "Catholic", "Other Christian"])

    def democrats(of: pd.Series) -> str:
        return f"{100 * (party[of & party.notna()] == 'Democrat or leans').mean():.0f}"

    def age(of: pd.Series) -> str:
        return f"{people['age'][of].median():g}"

    assert {row[0]: row[2] for row in table("edition 1")} == {
        "women, percent of architects and engineers": f"{100 * women[engineers].mean():.0f}",
        "Democrats, percent of Black adults": democrats(people["race"].str.startswith("Black")),
        "Democrats, percent of Hispanic adults": democrats(people["ancestry"].str.contains(HISPANIC)),
        "Democrats, percent of college graduates": democrats(VIEWS["degree"](people) == "Bachelor and up"),
        "median age, Christians": age(christian),
        "median age, other religions": age(~christian & ~unaffiliated),
        "median age, unaffiliated": age(unaffiliated),
        "women, percent of the unaffiliated": f"{100 * women[unaffiliated].mean():.0f}",
        "conservatives, percent of those under 30": f"{100 * conservative[people['age'] < 30].mean():.0f}",
        "conservatives, percent of those of 65 and over": f"{100 * conservative[people['age'] >= 65].mean():.0f}",
    }


@pytest.mark.slow
def test_card_shows_the_distances_and_the_women_that_twenty_thousand_persons_have() -> None:
    people = generate.generate(20_000, 7)
    made = {
        f"{d.of} given {', '.join(d.given)} ({d.universe})": [
            d.source,
            *(f"{x:.3f}" for x in (d.distance, d.chance, d.limit)),
        ]
        for d in check.distances(people)
        if d.held_out
    }
    assert {row[0]: row[1:] for row in table("association (universe)")} == made
    civilian = people[people["employment status"].isin(LABELS["employment status"][:2])]
    women = (civilian["sex"] == "Female").groupby(VIEWS["occupation (22 groups)"](civilian)).mean()
    assert {row[0]: row[1] for row in table("group")} == {name: f"{100 * share:.1f}" for name, share in women.items()}


def test_pages_count_people_and_questions_as_the_data_do() -> None:
    count = {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in DATA.glob("*.jsonl")}
    usual = sum('"language": "en"' in line and '"kind": "plain"' not in line for line in _lines("questions_v2"))
    page = (CHECKOUT / "docs" / "personas.md").read_text(encoding="utf-8")
    assert (
        f"The embedded set is {count['personas_v2']:,} synthetic adults of the United States and {usual} questions"
        in page
    )
    assert f"takes the first edition's {count['questions']} questions" in page
    uk = CHECKOUT / "examples" / "uk"
    people, asked = len(pd.read_csv(uk / "personas.csv")), len((uk / "questions.jsonl").read_text("utf-8").splitlines())
    for text in (page, (CHECKOUT / "examples" / "README.md").read_text(encoding="utf-8")):
        assert f"{people} personas and {asked} questions of the United Kingdom" in text


def _lines(name: str) -> list[str]:
    return (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


def test_load_dataset_opens_the_folder_as_it_is(tmp_path: Path) -> None:
    code = (
        "import sys, json; from datasets import load_dataset\n"
        "p = load_dataset(sys.argv[1], split='train'); q = load_dataset(sys.argv[1], 'questions', split='train')\n"
        "print(json.dumps([p.num_rows, p.column_names, q.num_rows, q.column_names, q[0]['bears']]))"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code, str(DATA)], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    rows, columns, asked, fields, bears = json.loads(run.stdout.splitlines()[-1])
    assert (rows, columns) == (1000, ["id", *ATTRIBUTES, "state of residence", "urbanity"])
    assert asked >= 700
    assert {"id", "question", "topic", "kind", "asker", "bears", "locale", "language", "counterpart"} == set(fields)
    assert {*bears["decides"], *bears["colours"]} <= set(ATTRIBUTES)
