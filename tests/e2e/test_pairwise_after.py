"""What comes after a run with protocol=pairwise: report and its page, leaderboard, exports, other critics, batch files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics import evaluate_model, samples
from persona_metrics.cli import main
from persona_metrics.export.scores import Task
from persona_metrics.leaderboard.board import build
from persona_metrics.leaderboard.collect import collect
from persona_metrics.report import write_report
from persona_metrics.runs.find import Keep, find
from tests.e2e.test_exports import call, with_inspect
from tests.e2e.test_pairwise import ANOTHER, NOBODY, TASK, fit, reply
from tests.e2e.tools import tool_python
from tests.fakes.browser import chromium, found, until
from tests.fakes.server import Server

N = 40


def half_hearted(question: str, persona: dict[str, str], first: str, second: str) -> bool:
    """Prefer what fits by two attributes; nearer than that the first."""
    del question
    return fit(persona, first) >= fit(persona, second) - 1


@pytest.fixture(scope="module")
def served() -> Iterator[Server]:
    with Server(reply=reply, prefer=half_hearted, verdict=lambda _q, p, a: fit(p, a) < 3) as server:
        yield server


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, served: Server) -> Path:
    """A folder with a run of main, one of contrast, and one of contrast pairwise, by the same model and critic."""
    folder = tmp_path_factory.mktemp("ran")
    store = str(tmp_path_factory.mktemp("store") / "s.sqlite")
    given: dict[str, Any] = {
        "n": N,
        "base_url": served.base_url,
        "critic_model": "c",
        "critic_base_url": served.base_url,
        "critic_store": store,
        "output_path": folder,
    }
    evaluate_model("m", "main", **given)
    evaluate_model("m", "contrast", **given)
    result = evaluate_model("m", "contrast", protocol="pairwise", **given)
    rows = result.results.metrics
    assert rows[ANOTHER].value > 0.8
    assert rows["order_bias"].value == pytest.approx(rows["ties"].value / 2)
    frame = result.samples
    compared = frame[frame["variant"] != "whole"]
    assert set(compared["personalized"]) <= {0.5, 1.0}
    assert compared["choice"].notna().equals(compared["personalized"] == 0.5)
    assert frame[frame["variant"] == "whole"]["personalized"].isna().all()
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, ran: Path) -> Path:
    return write_report([ran], tmp_path_factory.mktemp("report")).folder


def test_report_has_the_rates_and_says_them_beside_main(report: Path) -> None:
    data = json.loads((report / "report.json").read_text())
    tasks = {task["evaluation"]: task for task in data["tasks"]}
    assert set(tasks) == {"main", "contrast", "pairwise"}
    own = tasks["pairwise"]
    assert [row["row"] for row in own["tables"]["worth"]] == [ANOTHER, NOBODY]
    assert own["tables"]["worth"][0]["wins"] > 30
    assert {row["row"] for row in own["tables"]["length"]} == {ANOTHER, NOBODY}
    assert "The critic preferred" in own["headline"]
    assert "turned with the order" in own["finding"]
    assert "contrast +" in tasks["main"]["finding"]
    assert f"{ANOTHER} " in tasks["main"]["finding"]
    assert (report / "tables" / f"{TASK}_pairwise-worth.csv").is_file()
    assert (report / "tables" / f"{TASK}-worth.csv").is_file()
    assert list((report / "figures").glob(f"{TASK}_pairwise-preferred.*"))


@pytest.mark.browser
@pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed")
def test_page_shows_both_answers_the_verdicts_words_and_the_protocols_sections(report: Path) -> None:
    with chromium() as driver:
        driver.get((report / "report.html").as_uri())
        until(lambda: driver.execute_script("return document.body.dataset.ready !== undefined"))
        tasks = driver.execute_script("return index.tasks.map((t) => [t.task, t.words[0], t.words[6]])")
        assert [f"{TASK}_pairwise", "own preferred", "tie"] in tasks
        assert ["persona_main", "personalised", "tie"] in tasks
        number = [name for name, *_ in tasks].index(f"{TASK}_pairwise")
        driver.execute_script(
            f"byId('f-task').value = '{number}'; byId('f-task').dispatchEvent(new Event('change', {{bubbles: true}}))"
        )
        until(lambda: driver.execute_script("return byId('status').textContent").startswith(f"{N} of"))
        shown = driver.execute_script(
            "return [...document.querySelectorAll('#rows .outcome')].map((o) => o.textContent)"
        )
        assert "own preferred" in shown
        assert set(shown) <= {"own preferred", "differs", "tie"}
        driver.execute_script("document.querySelector('#rows button').click()")
        until(lambda: driver.execute_script("return byId('sample').open"))
        said = driver.execute_script("return byId('d-body').textContent")
        for text in (
            *("For and against the first answer", "For and against the second answer", "What bears on the question"),
            *("this person's answer stood first", "this person's answer stood second", "compared with the others"),
            *("Another person", "No persona", "The first it is."),
        ):
            assert text in said, text
        assert not [e for e in driver.get_log("browser") if e["level"] == "SEVERE"]


def test_leaderboard_has_its_columns_in_the_row_of_main(ran: Path) -> None:
    (table,) = collect([ran])[0]
    (row,) = build(table).rows
    assert {"contrast", "lift", "preferred over another's", "preferred over nobody's", "order bias", "ties"} <= set(
        row.others
    )
    over = row.others["preferred over another's"]
    assert over.low is not None
    assert over.low < over.value <= 1


def test_exports_say_preferred_with_the_reasons_of_both_orders(ran: Path) -> None:
    (task,) = [
        Task(r, t) for r in find([ran], Keep.NEWEST_OF_EACH).runs for t in r.tasks if t.called.endswith("pairwise")
    ]
    assert task.missing == 0
    scores = {score.row: score for score in task.scores()}
    assert scores[ANOTHER].n == N
    assert scores["order_bias"].low is not None
    own, another, nobody = list(task.answers())[:3]
    assert own.score is None
    assert "compared it with the pair's other answers" in own.explanation
    assert another.score in (0.5, 1.0)
    assert nobody.explanation.count("For and against the first answer: ") == 2
    assert "this person's answer stood second" in nobody.explanation


@pytest.mark.parametrize("target", ["eee"])
def test_files_of_other_projects_are_written(ran: Path, tmp_path: Path, target: str) -> None:
    path = next(p for p in ran.rglob("results_*.json") if '"pairwise"' in p.read_text())
    more = ["--developer", "acme"] if target == "eee" else []
    assert main(["export", str(path), "--to", target, "--out", str(tmp_path / "x"), *more]) == 0
    written = "".join(
        p.read_text(errors="replace") for p in (tmp_path / "x").rglob("*") if p.suffix in (".json", ".jsonl")
    )
    if target == "eee":
        assert f"{TASK}/{ANOTHER}" in written
        assert "You compare two answers to one question" in written


# -- answers made elsewhere ----------------------------------------------------------------------------------------


def lines(path: Path, variants: tuple[str, ...], count: int = 6) -> Path:
    persona = {"sex": "Female", "religion": "Jewish", "age": "40"}
    texts = {
        "whole": json.dumps({"shown": [f"{k}: {v}" for k, v in persona.items()]}),
        "another person": json.dumps({"shown": ["sex: Male"]}),
        "no persona": json.dumps({"shown": []}),
    }
    rows = [
        {"persona": persona, "question": f"What about {i}?", "answer": texts[name], "variant": name}
        for i in range(count)
        for name in variants
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def score(server: Server, path: Path, out: Path, *more: str, store: Path | str = "off") -> dict[str, Any]:
    given = ["protocol=pairwise", "critic_model=c", f"critic_base_url={server.base_url}", f"critic_store={store}"]
    assert main(["score", str(path), "--out", str(out), "--metadata", *given, *more]) == 0
    (found,) = out.rglob("results_*.json")
    return {k.partition(",")[0]: v for k, v in json.loads(found.read_text())["results"][TASK].items()}


def test_answers_made_elsewhere_are_compared_as_far_as_they_go(served: Server, tmp_path: Path) -> None:
    both = lines(tmp_path / "both.jsonl", ("whole", "another person", "no persona"))
    rows = score(served, both, tmp_path / "a", "--task", TASK)
    assert (rows[ANOTHER], rows[NOBODY], rows["ties"]) == (1.0, 1.0, 0.0)
    one = lines(tmp_path / "one.jsonl", ("whole", "no persona"))
    rows = score(served, one, tmp_path / "b", "--task", TASK)
    assert rows[NOBODY] == 1.0
    assert ANOTHER not in rows


def test_a_run_is_judged_again_from_the_store_and_a_contrast_becomes_pairwise(
    served: Server, ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by = {
        json.loads(p.read_text())["configs"].get(TASK, {}).get("metadata", {}).get("evaluation"): p
        for p in ran.rglob("results_*.json")
    }
    before = {k.partition(",")[0]: v for k, v in json.loads(by["pairwise"].read_text())["results"][TASK].items()}
    store = tmp_path / "s.sqlite"
    rows = score(served, by["pairwise"], tmp_path / "a", store=store)
    assert rows == before
    asked = served.counts["critic"]
    assert score(served, by["pairwise"], tmp_path / "b", store=store) == before
    # What is the same question to the critic is not asked again: nobody's answer is the contrast's own.
    over = score(served, by["contrast"], tmp_path / "c", store=store)
    assert served.counts["critic"] == asked
    assert over[NOBODY] == before[NOBODY]
    capsys.readouterr()
    assert main(["score", str(by["pairwise"]), "--out", str(tmp_path / "d"), "--metadata", "protocol=debate"]) == 2
    assert "were made to be compared" in capsys.readouterr().err


def test_batch_files_come_to_what_a_live_run_does(served: Server, ran: Path, tmp_path: Path) -> None:
    path = next(p for p in ran.rglob("results_*.json") if '"pairwise"' in p.read_text())
    live = score(served, path, tmp_path / "live")
    store, out = tmp_path / "s.sqlite", tmp_path / "requests.jsonl"
    given = ["protocol=pairwise", "critic_model=c", f"critic_base_url={served.base_url}", f"critic_store={store}"]
    assert main(["score", str(path), "--batch-out", str(out), "--metadata", *given]) == 0
    done = []
    for row in map(json.loads, out.read_text().splitlines()):
        content = served.judged("\n".join(m["content"] for m in row["body"]["messages"]))
        body = {"choices": [{"message": {"content": content}}]}
        done.append({"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}})
    assert len(done) == 4 * N
    (tmp_path / "done.jsonl").write_text("\n".join(map(json.dumps, done)))
    asked = served.counts["critic"]
    batched = score(served, path, tmp_path / "batched", "--batch-in", str(tmp_path / "done.jsonl"), store=store)
    assert served.counts["critic"] == asked
    assert batched == live


def test_samples_of_both_protocols_stand_in_one_table(ran: Path) -> None:
    table = samples(ran)
    assert set(table["evaluation"]) == {"main", "contrast", "pairwise"}


@pytest.mark.slow
def test_other_projects_read_their_files(ran: Path, tmp_path: Path) -> None:
    path = next(p for p in ran.rglob("results_*.json") if '"pairwise"' in p.read_text())
    ((logs, _),) = with_inspect((path, tmp_path / "logs", []), score="preferred")
    log = logs[TASK]
    assert log["metrics"][ANOTHER]["low"] < log["metrics"][ANOTHER]["mean"] <= 1
    reasons = {identity.partition("/")[2]: reason for identity, *_, reason in log["samples"]}
    assert reasons == {"": "other", "another person": None, "no persona": None}
    assert main(["export", str(path), "--to", "eee", "--developer", "acme", "--out", str(tmp_path / "x")]) == 0
    python = tool_python(
        "rich", "pydantic>=2.12.5,<3", "jsonschema>=4.26,<5", "pyyaml", "requests", "huggingface-hub<2",
        no_deps=("every-eval-ever==0.3.0",),
    )  # fmt: skip
    aggregate, lines_of = next((tmp_path / "x").rglob("*.json")), next((tmp_path / "x").rglob("*.jsonl"))
    checked = json.loads(
        call(python, "-m", "every_eval_ever", "validate", "--format", "json", str(aggregate), str(lines_of))
    )
    assert [(r["valid"], r["errors"], r["warnings"]) for r in checked] == [(True, [], [])] * 2
