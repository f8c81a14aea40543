"""Anybody's personas as a user runs them: each kind of file through every evaluation that it can have, in one process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.nemotron import write as write_nemotron
from persona_metrics.cli import main
from tests.e2e.command import CHECKOUT, Ran, evaluate
from tests.fakes.choosing import knows, letter, table
from tests.fakes.server import Server, default_reply

UK = CHECKOUT / "examples" / "uk"
JUDGED = ("persona_main", "persona_contrast", "persona_loo", "persona_intersection", "persona_pass_at_k")
ALONE = ("persona_choice_generate", "persona_opinion_generate")
_LINE = re.compile(r"^- ([^:\n]+): (.*)$", re.M)


def reply(prompt: str, seed: int) -> str:
    if "Reply with the letter" in prompt or re.search(r"^[A-Z]\. ", prompt, re.M):
        return letter(table(1) if "Asked of adults" in prompt else knows)(prompt, seed)
    return default_reply(prompt, seed)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(reply=reply) as made:
        yield made


def everything(server: Server, folder: Path, personas: Path, tasks: tuple[str, ...], **more: Any) -> Ran:
    server.log.clear()
    ran = evaluate(server, ",".join(tasks), cwd=folder, metadata={"personas": str(personas), "n": 24, "k": 2, **more})
    assert ran.code == 0, ran.stderr[-3000:]
    assert "Traceback" not in ran.stderr
    for task in tasks:
        assert len(ran.samples(task)) == 24, task
    out = folder / "report"
    assert main(["report", str(ran.folder), "--out", str(out)]) == 0
    assert main(["leaderboard", str(ran.folder), "--out", str(folder / "board")]) == 0
    return ran


def prompts(server: Server) -> list[dict[str, str]]:
    texts = [body["messages"][0]["content"] for _, body, _ in server.log if len(body["messages"]) == 1]
    return [dict(_LINE.findall(text.partition("Their question:")[0])) for text in texts if "is known of them" in text]


HEADER = (
    "Sex,AGE,Marital_Status,education,employment status,religion,political views,ideology,household_language,Income"
)
CONSTANT = 'Bachelor\'s degree,"Civilian employed, at work"'


def ten_columns(path: Path) -> Path:
    lines = [f"{HEADER},Home_Region,uuid"]
    for i in range(40):
        sex, married = "Female" if i % 2 else "Male", "Married" if i % 3 else "Never married"
        faith, income, region = (
            "None" if i % 5 else "Catholic",
            "1e5" if i % 2 else "n/a",
            ("North", "South", "")[i % 3],
        )
        beliefs = f"{faith},Strong Democrat,Liberal,English,{income},{region},{i:08x}-0000-4000-8000-000000000000"
        lines.append(f"{sex},{20 + i},{married},{CONSTANT},{beliefs}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_ten_attributes_and_a_column_of_ones_own_run_every_evaluation(server: Server, tmp_path: Path) -> None:
    personas = ten_columns(tmp_path / "mine.csv")
    ran = everything(
        server,
        tmp_path,
        personas,
        (*JUDGED, *ALONE),
        by="home_region,sex",
        attributes="Home_Region,age",
        cross="home region,sex",
        min_support=2,
    )
    assert ran.stderr.count("not shown: uuid (id)") == 1
    assert "no persona states" in ran.stderr  # what the tasks without a critic go by beyond these columns
    rows = ran.rows("persona_main")
    assert {"personalized[home region=North]", "personalized[home region=not stated]"} <= rows.keys()
    assert "importance[home region]" in ran.rows("persona_loo")
    assert "personalized[North × Female]" in ran.rows("persona_intersection")
    asked = prompts(server)
    order = ["sex", "age", "marital status", "education", "employment status", "religion", "political views"]
    order += ["ideology", "household language", "income", "home region"]
    assert order in [list(one) for one in asked]
    assert all([name for name in order if name in one] == list(one) for one in asked)
    assert {sample["doc"]["persona"]["income"] for sample in ran.samples("persona_main")} == {"100000", None}
    assert {sample["doc"]["persona"]["religion"] for sample in ran.samples("persona_main")} == {"None", "Catholic"}
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert "home region" in json.dumps(report)


@pytest.mark.slow
def test_a_file_like_nemotrons_runs_every_evaluation(server: Server, tmp_path: Path) -> None:
    write_nemotron(tmp_path / "nemotron.parquet", 2_000)
    ran = everything(server, tmp_path, tmp_path / "nemotron.parquet", (*JUDGED, *ALONE), by="state,occupation")
    assert "occupation as detailed job description" in ran.stderr
    assert "personalized[state=CA]" in ran.rows("persona_main")
    assert {one["marital status"] for one in prompts(server) if "marital status" in one} <= {
        *("Never married", "Married", "Divorced", "Widowed", "Separated")
    }
    assert "uuid" not in prompts(server)[0]


@pytest.mark.slow
def test_one_column_of_prose_runs_every_judged_evaluation(server: Server, tmp_path: Path) -> None:
    personas = tmp_path / "prose.jsonl"
    said = "A retired signalman who keeps bees.\u2028- income: 9\nHe is {} and lives alone."
    personas.write_text("".join(json.dumps({"persona": said.format(60 + i)}) + "\n" for i in range(30)))
    ran = everything(server, tmp_path, personas, JUDGED)
    assert "importance[persona]" in ran.rows("persona_loo")
    assert "personalized[everybody]" in ran.rows("persona_intersection")
    assert {tuple(one) for one in prompts(server)} == {("persona",), ()}
    refused = evaluate(server, "persona_choice_generate", cwd=tmp_path, metadata={"personas": str(personas), "n": 4})
    assert refused.code == 2
    (line,) = [line for line in refused.stderr.splitlines() if "error" in line]
    assert "attributes that no persona states: age, " in line


@pytest.mark.slow
def test_the_united_kingdom_runs_every_evaluation(server: Server, tmp_path: Path) -> None:
    ran = everything(
        server,
        tmp_path,
        UK / "personas.csv",
        (*JUDGED, *ALONE),
        questions=str(UK / "questions.jsonl"),
        by="nation,housing",
        cross="nation,sex",
        attributes="religion,region",
    )
    assert "personalized[nation=England]" in ran.rows("persona_main")
    assert {"importance[religion]", "importance[region]"} <= ran.rows("persona_loo").keys()


def test_the_example_is_what_its_script_makes_and_meets_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "personas.csv"
    subprocess.run([sys.executable, str(UK / "make.py"), str(made)], check=True)
    assert made.read_bytes() == (UK / "personas.csv").read_bytes()
    frame = pd.read_csv(made, keep_default_na=False)
    assert len(frame) == 200
    assert len((UK / "questions.jsonl").read_text(encoding="utf-8").splitlines()) == 60
    assert main(["personas", "--check", str(made), "--tables", str(UK / "tables")]) == 0
    assert "within bounds" in capsys.readouterr().out
