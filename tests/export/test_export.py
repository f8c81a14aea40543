"""Exports: every number with its n and interval, missing verdicts never scored, and what their readers insist on."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from persona_metrics import evaluate_model
from persona_metrics.cli import export as command
from persona_metrics.cli import main
from persona_metrics.critic import Judgement
from persona_metrics.critic.debate import messages
from persona_metrics.export import eee, openai_evals
from persona_metrics.export.scores import Task, prompts_of
from persona_metrics.runs.read import load_run, read_samples
from tests.fakes.runs import Planted, odd_answers, write_run
from tests.fakes.server import Server, draw

MAIN = "persona_main"


@pytest.fixture
def exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[Path]]:
    """Run ``persona-metrics export`` into ``tmp_path/out`` and return the files it names."""

    def run(path: Path, target: str, *options: str) -> list[Path]:
        assert main(["export", str(path), "--to", target, "--out", str(tmp_path / "out"), *options]) == 0
        return [Path(line) for line in capsys.readouterr().out.splitlines() if not line.startswith("note:")]

    return run


def strict(text: str) -> Any:
    """Parse JSON as strict readers do: no NaN, no Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [strict(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_score_rests_on_the_judged_pairs_only(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path, planted=Planted(missing=0.3), n=40))
    task = Task(run, run.tasks[0])
    score = task.scores()[0]
    judged = [a.score for a in task.answers() if a.score is not None]
    assert score.row == "personalized"
    assert (score.n, score.missing) == (len(judged), 40 - len(judged))
    assert 0 < len(judged) < 40
    assert score.value == pytest.approx(sum(judged) / len(judged))
    assert score.low is not None
    assert score.high is not None
    assert score.low < score.value < score.high


def test_rows_name_their_kind_and_argument(tmp_path: Path) -> None:
    tasks = ("persona_loo", "persona_pass_at_k")
    run = load_run(write_run(tmp_path, tasks, n=10, k=4, attributes="age,sex"))
    found = {s.row: s for t in run.tasks for s in Task(run, t).scores()}
    assert (found["importance[age]"].kind, found["importance[age]"].argument) == ("importance", "age")
    assert (found["pass@4"].kind, found["pass@4"].argument) == ("pass@k", "4")
    assert (found["pass^2"].kind, found["attempts"].kind) == ("pass^k", "attempts")
    assert (found["importance[age]"].scale.least, found["attempts"].scale.most) == (-1.0, 4.0)
    assert found["pass@4"].low is not None
    assert found["importance[age]"].low is not None


def test_prompt_is_read_from_messages_and_from_bare_text() -> None:
    chat = {"arguments": {"gen_args_0": {"arg_0": ['[{"role": "user", "content": "Hi [{"}]'], "arg_1": {}}}}
    bare = {"arguments": {"gen_args_0": {"arg_0": "[{not JSON", "arg_1": {}}}}
    assert prompts_of(chat) == [({"role": "user", "content": "Hi [{"},)]
    assert prompts_of(bare) == [({"role": "user", "content": "[{not JSON"},)]


# -- Every Eval Ever -----------------------------------------------------------------------------------------------


def test_eee_missing_verdict_has_no_line_and_a_failure_scores_zero(tmp_path: Path, exported: Any) -> None:
    planted = Planted(missing=0.2, failures=0.2)
    results = write_run(tmp_path, model="acme/m", planted=planted, n=50)
    aggregate, samples = exported(results, "eee")
    log, lines = strict(aggregate.read_text()), lines_of(samples)
    rows = [sample.get("personalized") for sample in read_samples(next(tmp_path.rglob("samples_*")))]
    assert len(lines) == sum(v is not None for v in rows)
    assert None in rows
    failed = [line for line in lines if "error" in line]
    assert failed
    assert all(line["evaluation"] == {"score": 0.0, "is_correct": False} for line in failed)
    headline = log["evaluation_results"][0]["score_details"]
    assert headline["uncertainty"]["num_samples"] == len(lines)
    assert headline["score"] == pytest.approx(sum(line["evaluation"]["score"] for line in lines) / len(lines))
    assert headline["details"]["verdicts_missing"] == str(rows.count(None))


def test_eee_names_critic_prompt_and_votes(tmp_path: Path, exported: Any) -> None:
    results = write_run(tmp_path, model="acme/m", n=4, critic_model="x,y", critic_votes=3)
    metric = strict(exported(results, "eee")[0].read_text())["evaluation_results"][0]["metric_config"]
    scoring = metric["llm_scoring"]
    assert [j["model_info"]["name"] for j in scoring["judges"]] == ["x", "y"]
    assert [j["additional_details"]["votes"] for j in scoring["judges"]] == ["3", "3"]
    assert scoring["aggregation_method"] == "majority_vote"
    assert "needs_revision is true when" in scoring["input_prompt"]
    assert (metric["min_score"], metric["max_score"], metric["lower_is_better"]) == (0.0, 1.0, False)


def test_eee_names_a_template_it_does_not_have(tmp_path: Path, exported: Any) -> None:
    results = write_run(tmp_path, model="acme/m", n=4, metadata={"critic_template": "0123-45"})
    metric = strict(exported(results, "eee")[0].read_text())["evaluation_results"][0]["metric_config"]
    assert metric["llm_scoring"]["input_prompt"].endswith("(SHA-256 begins 0123-45)")


def test_eee_second_export_replaces_the_first(tmp_path: Path, exported: Any) -> None:
    results = write_run(tmp_path, model="acme/m", n=4)
    assert exported(results, "eee") == exported(results, "eee")
    assert len(list((tmp_path / "out").rglob("*.json"))) == 1


def test_eee_checksum_and_rows_are_those_of_the_file(tmp_path: Path, exported: Any) -> None:
    results = write_run(tmp_path, model="acme/m", n=5)
    odd_answers(next(tmp_path.rglob("samples_*")))
    aggregate, samples = exported(results, "eee")
    detail = strict(aggregate.read_text())["detailed_evaluation_results"]
    assert detail["checksum"] == hashlib.sha256(samples.read_bytes()).hexdigest()
    assert detail["total_rows"] == len(samples.read_text().splitlines()) == 5
    assert lines_of(samples)[0]["answer_attribution"][0]["extracted_value"] == "a\u2028b\x85c ? {{7*7}} </script>"


def test_eee_line_of_loo_is_linked_to_its_importance(tmp_path: Path, exported: Any) -> None:
    results = write_run(
        tmp_path, ("persona_loo",), model="acme/m", n=30, attributes="age,sex", planted=Planted(missing=0.1)
    )
    aggregate, samples = exported(results, "eee")
    table = {r["evaluation_result_id"]: r["score_details"] for r in strict(aggregate.read_text())["evaluation_results"]}
    for name in ("personalized", "importance[age]", "importance[sex]", "importance[all listed]"):
        scores = [
            x["evaluation"]["score"] for x in lines_of(samples) if x["evaluation_result_id"] == f"persona_loo/{name}"
        ]
        assert table[f"persona_loo/{name}"]["score"] == pytest.approx(sum(scores) / len(scores))
        assert table[f"persona_loo/{name}"]["uncertainty"]["num_samples"] == len(scores)


def test_eee_lines_of_contrast_count_in_rows_that_are_there_and_average_to_them(
    tmp_path: Path, exported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Server(verdict=lambda *parts: draw(str(parts)) < 0.5) as server:
        places = {"base_url": server.base_url, "critic_base_url": server.base_url}
        evaluate_model("m", "contrast", n=20, critic_model="c", others=2, output_path="out", **places)
    aggregate, samples = exported(Path("out"), "eee", "--developer", "me")
    rows = {
        r["evaluation_result_id"]: r["score_details"]["score"]
        for r in strict(aggregate.read_text())["evaluation_results"]
    }
    scores: dict[str, list[float]] = {}
    for one in lines_of(samples):
        scores.setdefault(one["evaluation_result_id"], []).append(one["evaluation"]["score"])
    assert scores.keys() == {f"persona_contrast/{name}" for name in ("personalized", "contrast", "lift")}
    assert len(scores["persona_contrast/contrast"]) == 40
    for name, values in scores.items():
        assert rows[name] == pytest.approx(sum(values) / len(values))


def test_eee_wants_the_maker_of_a_bare_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = write_run(tmp_path, model="bare", n=3)
    assert main(["export", str(results), "--to", "eee", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.strip().endswith("add --developer NAME")
    assert not (tmp_path / "out").exists()
    assert main(["export", str(results), "--to", "eee", "--out", str(tmp_path / "out"), "--developer", "me"]) == 0


@pytest.mark.parametrize("name", ["../../evil", "/home/someone/model", "a/b:c?", "a/CON..", "a/../../b"])
def test_eee_model_name_is_no_path(tmp_path: Path, name: str, exported: Any) -> None:
    results = write_run(tmp_path / "run", n=3)
    data = json.loads(results.read_text())
    data["model_name"] = data["configs"][MAIN]["metadata"]["model_name"] = name
    results.write_text(json.dumps(data))
    for path in exported(results, "eee", *(() if name.startswith("a/") else ("--developer", "me"))):
        assert path.resolve().is_relative_to((tmp_path / "out" / "data" / "persona_bench").resolve())
        assert "/home/someone" not in path.read_text()


def test_eee_without_samples_is_documentation(tmp_path: Path, exported: Any) -> None:
    results = write_run(tmp_path, model="acme/m", n=4)
    next(tmp_path.rglob("samples_*")).unlink()
    (aggregate,) = exported(results, "eee")
    log = strict(aggregate.read_text())
    assert log["source_metadata"]["source_type"] == "documentation"
    assert "detailed_evaluation_results" not in log
    assert "num_samples" not in log["evaluation_results"][0]["score_details"].get("uncertainty", {})


# -- the hub -------------------------------------------------------------------------------------------------------


def test_hub_entries_read_back_through_the_hubs_own_classes(tmp_path: Path, exported: Any) -> None:
    results = write_run(tmp_path, (MAIN, "persona_pass_at_k"), model="acme/m", n=20, k=4)
    path, card = exported(results, "eval-results", "--dataset", "acme/persona")
    first, second = parse_eval_result_entries(yaml.safe_load(path.read_text()))
    table = json.loads(results.read_text())["results"]
    assert path.parent.name == ".eval_results"
    assert (first.dataset_id, first.task_id, first.value) == ("acme/persona", MAIN, table[MAIN]["personalized,critic"])
    assert (second.task_id, second.value) == ("persona_pass_at_k", table["persona_pass_at_k"]["pass@1,critic"])
    assert "critic critic-x" in str(first.notes)
    assert "20 pairs judged" in str(first.notes)
    name, rows = model_index_to_eval_results(yaml.safe_load(card.read_text().split("---")[1])["model-index"])
    assert name == "acme/m"
    assert {r.metric_type for r in rows} >= {"personalized", "pass@1", "pass@4"}


def test_hub_card_gives_its_results_back(tmp_path: Path, exported: Any) -> None:
    (card,) = exported(write_run(tmp_path, model="acme/m", n=20), "eval-results")
    found = ModelCard(card.read_text()).data.eval_results
    assert found is not None
    assert found[0].metric_type == "personalized"
    assert found[0].metric_args["n"] == 20


def test_hub_leaves_eval_results_out_where_the_data_are_not_on_the_hub(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = write_run(tmp_path, n=4)
    assert main(["export", str(results), "--to", "eval-results", "--out", str(tmp_path / "out")]) == 0
    assert "note: .eval_results not written" in capsys.readouterr().out
    assert not (tmp_path / "out" / ".eval_results").exists()


# -- OpenAI evals --------------------------------------------------------------------------------------------------


def test_openai_spec_is_the_debate_with_places_for_the_values() -> None:
    judgement = Judgement("May I {x}?", {"age": "40"}, "Yes.")
    real = messages(judgement)
    fence = real[0]["content"].split("marker ")[1].split(",")[0]
    values = {"question": '"May I {x}?"', "persona": '{"age": "40"}', "completion": "Yes.", "fence": fence}
    filled = [{**m, "content": m["content"].format(**values)} for m in openai_evals.specification()["prompt"]]
    assert filled == real


def test_openai_samples_are_the_runs_prompts(tmp_path: Path, exported: Any) -> None:
    results = write_run(tmp_path, n=6)
    *_, path = exported(results, "openai-evals")
    run = load_run(results)
    asked = [[dict(m) for m in a.prompt] for a in Task(run, run.tasks[0]).answers()]
    assert [line["input"] for line in lines_of(path)] == asked
    assert len({line["fence"] for line in lines_of(path)}) == 6


@pytest.mark.parametrize(
    ("task", "says"), [("persona_main_chain_of_thought", "answers inside JSON"), ("persona_loo", "one prompt a sample")]
)
def test_openai_refuses_what_it_cannot_grade(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str, says: str
) -> None:
    results = write_run(tmp_path, (task,), n=3)
    assert main(["export", str(results), "--to", "openai-evals", "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err


# -- the command ---------------------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["export", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    return said


def test_unknown_target_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'inspect'" in refused(capsys, str(write_run(tmp_path, n=2)), "--to", "inspekt")


def test_every_target_has_somebody_who_writes_it() -> None:
    for target in set(command.TARGETS) - set(command.WRITERS):
        assert callable(importlib.import_module(f"persona_metrics.export.{target.replace('-', '_')}").write)


def test_new_target_is_a_file_with_its_name_and_a_line(
    tmp_path: Path, exported: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(tasks: list[Task], out: Path) -> tuple[list[Path], list[str]]:
        (out / "names.txt").write_text(tasks[0].name)
        return [out / "names.txt"], ["one task"]

    monkeypatch.setitem(sys.modules, "persona_metrics.export.by_name", SimpleNamespace(write=write))
    monkeypatch.setattr(command, "TARGETS", {**command.TARGETS, "by-name": "the tasks' names"})
    (path,) = exported(write_run(tmp_path / "run", n=2), "by-name")
    assert path.read_text() == MAIN


def test_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(capsys, str(tmp_path / "nowhere"), "--to", "eee")
    assert "no run of a persona_ task" in refused(capsys, str(tmp_path), "--to", "eee")


def test_other_benchmark_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results_2026-01-01T00-00-00.1.json").write_text('{"configs": {"gsm8k": {}}, "results": {}}')
    assert "holds only gsm8k" in refused(capsys, str(tmp_path), "--to", "eee")


def test_broken_results_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results_2026-01-01T00-00-00.1.json"
    path.write_text('{"configs": {')
    assert "not a results file of lm-eval" in refused(capsys, str(path), "--to", "eee")


@pytest.mark.parametrize("target", ["inspect", "openai-evals"])
def test_without_samples_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    results = write_run(tmp_path, n=2)
    next(tmp_path.rglob("samples_*")).unlink()
    said = refused(capsys, str(results), "--to", target)
    assert "--log_samples" in said or "pip install" in said


def test_relationship_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "first_party" in refused(capsys, str(write_run(tmp_path, n=2)), "--to", "eee", "--relationship", "friend")
    assert "other" in eee.RELATIONSHIPS


def test_run_of_another_version_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = write_run(tmp_path, n=2, metadata={"pack_version": "0.0.1", "critic_votes": "many"})
    assert main(["export", str(results), "--to", "eval-results", "--out", str(tmp_path / "out")]) == 0
    assert "note: run with persona-metrics 0.0.1, exported by" in capsys.readouterr().out
