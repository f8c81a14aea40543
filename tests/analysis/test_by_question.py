"""What a question is like, in the tables: importance where an attribute bears, rates by topic, kind and a file's column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from persona_metrics import analysis, evaluations, settings
from persona_metrics.dataset.questions import Bears, Question
from persona_metrics.dataset.sources import Pair
from persona_metrics.evaluations import Outcome, Variant
from persona_metrics.evaluations.contrast import ANOTHER, NOBODY
from persona_metrics.personas import Persona
from persona_metrics.report import write_report
from persona_metrics.runs import table
from tests.analysis.test_analysis import tidy
from tests.fakes.runs import Planted, write_run

LOO = {"n": 1000, "attributes": "hearing difficulty,religion"}


def bears(pair: Pair, attribute: str) -> bool:
    return pair.question.bears is not None and attribute in pair.question.bears.names


def deaf_ears(pair: Pair, variant: Variant) -> float:
    """Knowing of the hearing is worth 60 points where it bears, and nothing elsewhere; religion nothing anywhere."""
    lost = bears(pair, "hearing difficulty") and "hearing difficulty" in variant.dropped
    return 0.2 if lost else 0.8


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    run = write_run(tmp_path_factory.mktemp("loo"), ("persona_loo",), planted=Planted(deaf_ears), **LOO)
    frame = table.samples(run)
    return dict(analysis.tables(frame, {"evaluation": "leave_one_out"}))


def of(rows: pd.DataFrame, item: str) -> dict[str, Any]:
    (row,) = rows[rows["item"] == item].to_dict("records")
    return {str(k): v for k, v in row.items()}


def test_what_matters_where_it_bears_is_recovered_there_and_diluted_over_all(planted: dict[str, pd.DataFrame]) -> None:
    here, overall = of(planted["where_it_bears"], "hearing difficulty"), of(planted["importance"], "hearing difficulty")
    assert here["low"] <= 0.6 <= here["high"]
    assert here["survives"]
    assert 60 <= here["n"] <= 90
    # A question in thirteen: 60 points there are about five over all.
    assert 0.0 <= overall["difference"] <= 0.12
    assert overall["high"] < here["low"]
    assert here["overall"] == overall["difference"]
    assert "hearing difficulty" in analysis.finding("leave_one_out", planted)


def test_what_never_matters_does_not_matter_where_it_bears(planted: dict[str, pd.DataFrame]) -> None:
    religion = of(planted["where_it_bears"], "religion")
    assert religion["low"] <= 0 <= religion["high"]
    assert not religion["survives"]
    assert religion["n"] > 300


def test_the_row_is_the_mean_over_pairs_on_which_it_bears_alone(planted: dict[str, pd.DataFrame]) -> None:
    evaluation = evaluations.build(
        "leave_one_out", settings.load(LOO), [Persona("p", {"hearing difficulty": "Yes", "religion": "None at all"})]
    )
    outcomes = [Outcome(1.0), Outcome(0.0), Outcome(1.0), Outcome(0.0)]
    rows = evaluation.metrics(Persona("p", {}), outcomes)
    asked = Question("q", "?", bears=Bears((), ("hearing difficulty",)))
    assert evaluation.of_question(rows, asked) == {"importance_where_it_bears[hearing difficulty]": 1.0}
    assert evaluation.of_question(rows, Question("q", "?")) == {}
    silent = evaluation.metrics(Persona("p", {}), [Outcome(1.0), Outcome(None), *outcomes[2:]])
    assert evaluation.of_question(silent, asked) == {}
    ends = analysis.intervals("leave_one_out", planted)
    assert set(ends) >= {"importance[religion]", "importance_where_it_bears[religion]"}


def test_a_run_whose_questions_do_not_say_has_no_such_table(tmp_path: Path) -> None:
    asked = tmp_path / "q.jsonl"
    asked.write_text("".join(json.dumps({"question": f"Why {i}?"}) + "\n" for i in range(5)))
    run = write_run(tmp_path, ("persona_loo",), n=20, attributes="age", questions=str(asked))
    assert "where_it_bears" not in analysis.tables(table.samples(run), {"evaluation": "leave_one_out"})


def test_rates_by_topic_kind_and_a_column_of_ones_own_questions(tmp_path: Path) -> None:
    asked = tmp_path / "q.jsonl"
    rows = [
        {"question": f"Why {i}?", "topic": "tea" if i % 2 else "milk", "kind": "open", "Region": "N" if i < 10 else "S"}
        for i in range(40)
    ]
    asked.write_text("".join(json.dumps(r) + "\n" for r in rows))
    good = Planted(lambda pair, _: 1.0 if pair.question.topic == "tea" else 0.0)
    run = write_run(tmp_path, planted=good, n=200, questions=str(asked), by="topic,region,sex")
    recorded = json.loads(run.read_text())
    named = recorded["results"]["persona_main"]
    assert named["personalized[topic=tea],critic"] == 1.0
    assert named["personalized[topic=milk],critic"] == 0.0
    assert "personalized[region=N],critic" in named
    assert "personalized[sex=Female],critic" in named
    assert recorded["configs"]["persona_main"]["metadata"]["by"] == ["sex", "topic", "region"]
    write_report([run], tmp_path / "out")
    found = pd.read_csv(tmp_path / "out" / "tables" / "persona_main-by_question.csv", keep_default_na=False)
    rates = {(r["attribute"], r["group"]): (float(r["rate"]), int(r["n"])) for r in found.to_dict("records")}
    assert rates["topic", "tea"] == (1.0, 100)
    assert rates["topic", "milk"] == (0.0, 100)
    assert rates["kind", "open"] == (0.5, 200)
    assert rates["region", "N"][1] == 50
    assert rates["region", "S"][1] == 150


def test_contrast_and_lift_stand_by_kind_and_topic() -> None:
    # Of the advice the answer fits its own person alone, of the tasks everybody, and without the persona as well.
    rows = [[1.0, 0.0, 0.0]] * 6 + [[1.0, 1.0, 1.0]] * 4
    frame = tidy(rows, ("whole", ANOTHER, NOBODY))
    frame["kind"] = ["advice"] * 18 + ["task"] * 12
    frame["topic"] = None
    found = analysis.tables(frame, {"evaluation": "contrast"})["by_question"]
    worth = {(r["attribute"], r["group"], r["row"]): (r["difference"], r["n"]) for r in found.to_dict("records")}
    assert worth == {
        ("kind", "advice", "contrast"): (1.0, 6),
        ("kind", "advice", "lift"): (1.0, 6),
        ("kind", "task", "contrast"): (0.0, 4),
        ("kind", "task", "lift"): (0.0, 4),
    }
    assert found["small"].all()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_samples_say_what_bears_in_every_format(tmp_path: Path, suffix: str) -> None:
    run = write_run(tmp_path, n=5)
    out = tmp_path / f"s{suffix}"
    table.write(table.samples(run), out)
    if suffix == ".parquet":
        held = pd.read_parquet(out)["decides"].map(list)
    elif suffix == ".csv":
        held = pd.read_csv(out)["decides"].map(json.loads)
    else:
        held = pd.Series([json.loads(line)["decides"] for line in out.read_text().splitlines()])
    frame = table.samples(run)
    assert list(held) == [list(d) for d in frame["decides"]]
    assert any(held)
