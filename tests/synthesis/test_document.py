"""The data card and SOURCES.md: they open as a data set, and say what the data are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import yaml

from persona_metrics.personas import ATTRIBUTES
from persona_metrics.synthesis.document import render
from persona_metrics.synthesis.draw import POPULATION

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
