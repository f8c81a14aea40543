"""A panel of two whose votes tie by plan: a tie is missing and no failure, in rows, sentences, columns and exports alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest

from persona_metrics import analysis
from persona_metrics.analysis.rates import TIED
from persona_metrics.cli import main
from persona_metrics.critic import Reason
from persona_metrics.leaderboard.board import build
from persona_metrics.leaderboard.collect import collect
from persona_metrics.leaderboard.render import markdown
from persona_metrics.runs.read import results_of, tidy
from tests.e2e.command import Ran, evaluate
from tests.fakes.server import Server, draw

TASKS = ("persona_main", "persona_contrast", "persona_loo", "persona_pass_at_k")
WARNED = "2 votes an answer can tie"
N = 24


def agrees(question: str, persona: dict[str, str], answer: str) -> bool:
    return draw("needs", question, sorted(persona.items()), answer) < 0.4


def differs(question: str, persona: dict[str, str], answer: str) -> bool:
    """Say the other of what ``agrees`` says in one of five."""
    return agrees(question, persona, answer) != (draw("tie", question, sorted(persona.items()), answer) < 0.2)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("ties")
    with Server(verdict=agrees, keep_log=False) as one, Server(verdict=differs, keep_log=False) as two:
        chosen = {
            "critic_model": f"c,d@{two.base_url}",
            "critic_base_url": one.base_url,
            "n": N,
            "k": 2,
            "attributes": ["age", "sex"],
            "critic_max_failures": 0.6,
        }
        done = evaluate(one, ",".join(TASKS), cwd=folder, metadata=chosen, critic=False)
        assert done.code == 0, done.stderr
        yield done


def test_the_word_of_samples_is_the_critic_s() -> None:
    assert Reason.TIE.value == TIED


def test_run_warns_before_and_says_ties_as_ties_after(ran: Ran) -> None:
    said = ran.stderr
    assert said.index(WARNED) < said.index("verdicts tied, and missing")
    assert "verdicts missing: tie" not in said


@pytest.mark.parametrize("task", TASKS)
def test_ties_are_a_row_of_their_own_and_no_failures(ran: Ran, task: str) -> None:
    samples, rows = ran.samples(task), ran.rows(task)
    verdicts = [[r["verdict"] for r in results_of(s) if r["verdict"]] for s in samples]
    tied = [mean(v["missing"] == "tie" for v in of) for of in verdicts]
    assert 0 < mean(tied) < 0.5
    assert rows["critic_ties"] == pytest.approx(mean(tied))
    assert rows["critic_failures"] == 0.0
    metadata = ran.results()["configs"][task]["metadata"]
    found = analysis.tables(tidy(samples, task, metadata, "m"), metadata)
    (line,) = [text for text in analysis.doubts(metadata["evaluation"], found) if "votes tied" in text]
    every = [v["missing"] == "tie" for of in verdicts for v in of]
    assert line.startswith(f"Of {len(every):,} verdicts {sum(every)} ")


def test_bounds_fill_ties_with_both_and_the_sentence_names_them(ran: Ran) -> None:
    samples = ran.samples("persona_main")
    metadata = ran.results()["configs"]["persona_main"]["metadata"]
    found = analysis.tables(tidy(samples, "persona_main", metadata, "m"), metadata)
    values = [results_of(s)[0]["verdict"]["personalized"] for s in samples]
    ties = values.count(None)
    head = found["headline"].iloc[0]
    assert (int(head["missing"]), int(head["tied"])) == (ties, ties)
    assert head["bound_low"] == pytest.approx(values.count(True) / N)
    assert head["bound_high"] == pytest.approx((values.count(True) + ties) / N)
    assert f"{ties} of {N} have no verdict (the votes tied)" in analysis.headline("main", found)


def test_leaderboard_and_exports_say_them(ran: Ran, tmp_path: Path) -> None:
    rows = ran.rows("persona_main")
    tables, _ = collect([ran.folder])
    shown = markdown([build(table) for table in tables], ())
    (header,) = [row for row in shown.splitlines() if row.startswith("| rank")]
    assert "tied" in [cell.split(",")[0].strip() for cell in header.split("|")], header
    assert f"{100 * rows['critic_ties']:.1f}" in shown
    assert main(["export", str(ran.folder), "--to", "eee", "--out", str(tmp_path), "--developer", "acme"]) == 0
    texts = [json.loads(path.read_text()) for path in tmp_path.rglob("*.json")]
    results = [r for log in texts for r in log["evaluation_results"]]
    tied = [r for r in results if r["evaluation_result_id"].endswith("critic_ties")]
    assert len(tied) == len(TASKS)
    assert all("verdicts_tied" in r["score_details"]["details"] for r in results)


def test_answers_scored_again_or_by_batch_say_the_same(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = ran.folder.rglob("samples_persona_main_????-??-??T*.jsonl")
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(ran.folder.parent / "verdicts.sqlite"))
    metadata = ran.results()["configs"]["persona_main"]["metadata"]
    one, two = metadata["critic_endpoint"].split(",")
    chosen = ["--metadata", f"critic_model=c,d@http://{two}/v1", f"critic_base_url=http://{one}/v1"]
    assert main(["score", str(path), "--out", str(tmp_path / "again"), *chosen, "critic_max_failures=0.6"]) == 0
    assert WARNED in capsys.readouterr().err
    (results,) = (tmp_path / "again").rglob("results_*.json")
    rows = {k.partition(",")[0]: v for k, v in json.loads(results.read_text())["results"]["persona_main"].items()}
    assert rows["critic_ties"] == ran.rows("persona_main")["critic_ties"]
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(tmp_path / "other.sqlite"))
    assert main(["score", str(path), "--batch-out", str(tmp_path / "requests.jsonl"), *chosen]) == 0
    assert WARNED in capsys.readouterr().err
