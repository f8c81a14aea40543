"""Exports, opened by the projects they are meant for: their own readers, validators and runners."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from tests.e2e.command import CHECKOUT
from tests.e2e.tools import tool_python
from tests.fakes.runs import Planted, odd_answers, write_run
from tests.fakes.server import Server, default_reply, default_verdict

pytestmark = pytest.mark.slow

WITH_INSPECT = """
import contextlib, glob, io, json, runpy, sys
from inspect_ai.log import list_eval_logs, read_eval_log
from persona_metrics.cli import main

def run(*command):
    sys.argv = [name for word in command for name in (glob.glob(word) if "*" in word else [word])]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit as ended:
            assert not ended.code, ended.code
    return said.getvalue()

def read(folder):
    return {log.eval.task: values(log) for log in map(read_eval_log, list_eval_logs(folder))}

def values(log):
    of = [(str(s.id), s.epoch, s.scores["personalized"]) for s in log.samples]
    return {
        "model": log.eval.model,
        "status": log.status,
        "metrics": {s.name: {k: m.value for k, m in s.metrics.items()} for s in log.results.scores},
        "scored": log.results.scores[0].scored_samples,
        "unscored": log.results.scores[0].unscored_samples,
        "samples": [[i, e, None if v.value != v.value else v.value, v.answer, v.explanation, v.reason] for i, e, v in of],
        "asked": log.samples[0].messages[0].content,
        "input": log.samples[0].input,
        "question": log.samples[0].metadata["question"],
        "first": log.results.scores[0].name,
        "tokens": [sum(u.total_tokens for u in s.model_usage.values()) for s in log.samples],
        "seconds": [s.total_time for s in log.samples],
        "all_tokens": {k: v.total_tokens for k, v in log.stats.model_usage.items()},
        "critics": [c.model for c in log.eval.model_roles["critic"]],
    }

found = []
for results, out, *commands in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(sys.stderr):
        assert main(["export", results, "--to", "inspect", "--out", out]) == 0
    found.append([read(out), [run(*command) for command in commands]])
print(json.dumps(found))
"""
"""Exports runs to logs, reads them with inspect, and runs inspect's commands. One process: most of it are its imports."""

CHECK_SCHEMA = """
import json, sys, jsonschema
from every_eval_ever.schema import schema_json
jsonschema.validate(json.load(open(sys.argv[1])), schema_json("eval.schema.json"))
for line in open(sys.argv[2], encoding="utf-8"):
    jsonschema.validate(json.loads(line), schema_json("instance_level_eval.schema.json"))
print("valid")
"""


def call(python: Path, *arguments: str, **environment: str) -> str:
    """Run a tool's Python outside this package's settings and return what it prints; fail with its words."""
    done = subprocess.run(
        [str(python), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def with_inspect(
    *jobs: tuple[Path, Path, Sequence[Sequence[object]]], score: str = "personalized"
) -> list[tuple[dict[str, Any], list[str]]]:
    """Return of each job (results, a folder for the logs, inspect's commands) what it reads and what the commands print."""
    python = tool_python("inspect-ai>=0.3.285,<0.4", with_ours=True)
    inspect = str(python.with_name("inspect"))
    words = [
        [str(results), str(out), *[[inspect, *map(str, command)] for command in commands]]
        for results, out, commands in jobs
    ]
    script = WITH_INSPECT.replace('"personalized"', f'"{score}"')
    found: list[tuple[dict[str, Any], list[str]]] = json.loads(
        call(python, "-c", script, json.dumps(words), PYTHONPATH=str(CHECKOUT))
    )
    return found


@dataclass(frozen=True)
class Inspected:
    """A run with all that scores can be and one with odd answers, their logs and what inspect's commands made of them."""

    results: Path
    found: dict[str, Any]
    dumped: dict[str, Any]
    site: Path
    odd: dict[str, Any]


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Inspected:
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    planted = Planted(missing=0.1, failures=0.1)
    results = write_run(one, ("persona_main", "persona_pass_at_k"), model="acme/m", planted=planted, n=30, k=4)
    odd = write_run(two, n=3)
    odd_answers(next(two.rglob("samples_*")))
    logs, site = one / "logs", one / "site"
    commands = [
        ("log", "dump", "--header-only", logs / "*main*"),
        ("view", "bundle", "--log-dir", logs, "--output-dir", site),
    ]
    (found, (dumped, _)), (found_odd, _) = with_inspect(
        (results, logs, commands),
        (odd, two / "logs", []),
    )
    return Inspected(results, found, json.loads(dumped), site, found_odd)


def test_inspect_reads_samples_scores_and_debates(inspected: Inspected) -> None:
    found = inspected.found
    table = json.loads(inspected.results.read_text())["results"]
    main, attempts = found["persona_main"], found["persona_pass_at_k"]
    assert main["metrics"]["personalized"]["mean"] == table["persona_main"]["personalized,critic"]
    assert attempts["metrics"]["pass@4"]["mean"] == table["persona_pass_at_k"]["pass@4,critic"]
    assert main["metrics"]["personalized"]["low"] < main["metrics"]["personalized"]["mean"]
    values = [value for _, _, value, *_ in main["samples"]]
    assert (main["scored"], main["unscored"]) == (sum(v is not None for v in values), values.count(None))
    assert values.count(None) > 0
    judged = [v for v in values if v is not None]
    assert sum(judged) / len(judged) == pytest.approx(main["metrics"]["personalized"]["mean"])
    assert {(i, e) for i, e, *_ in attempts["samples"]} == {(f"{p:05d}", e) for p in range(30) for e in (1, 2, 3, 4)}
    assert any("Personalization critic:" in explanation for *_, explanation, _ in main["samples"])
    assert {reason for *_, reason in main["samples"]} == {None, "grader_failed", "no_response"}
    assert main["asked"].startswith("You are answering one particular person.")
    assert main["input"] == main["question"]
    assert {task: each["first"] for task, each in found.items()} == {
        "persona_main": "personalized",
        "persona_pass_at_k": "pass@1",
    }
    assert set(main["tokens"]) == {0, 1060}
    assert set(main["seconds"]) == {None, 1.5}
    assert main["all_tokens"] == {"critic-x": sum(main["tokens"])}
    assert (main["model"], main["status"], main["critics"]) == ("acme/m", "success", ["critic-x"])
    assert inspected.dumped["eval"]["task"] == "persona_main"
    assert len(list((inspected.site / "logs").glob("*.eval"))) == 2


def test_inspect_takes_what_a_model_can_say(inspected: Inspected) -> None:
    sample = inspected.odd["persona_main"]["samples"][0]
    assert sample[3] == "a\u2028b\x85c ? {{7*7}} </script>"


def test_every_eval_ever_validates_aggregate_and_samples(tmp_path: Path) -> None:
    tasks = ("persona_main", "persona_loo", "persona_intersection", "persona_pass_at_k")
    planted = Planted(missing=0.1, failures=0.1)
    results = write_run(
        tmp_path, tasks, model="acme/m", planted=planted, n=30, k=4, min_support=5, critic_model="x,y", critic_votes=2
    )
    out = tmp_path / "out"
    assert main(["export", str(results), "--to", "eee", "--out", str(out)]) == 0
    # It asks for Python 3.12; its validator runs on 3.11, its converters' heavy dependencies are not needed here.
    python = tool_python(
        "rich", "pydantic>=2.12.5,<3", "jsonschema>=4.26,<5", "pyyaml", "requests", "huggingface-hub<2",
        no_deps=("every-eval-ever==0.3.0",),
    )  # fmt: skip
    aggregate, samples = next(out.rglob("*.json")), next(out.rglob("*.jsonl"))
    reports = json.loads(
        call(python, "-m", "every_eval_ever", "validate", "--format", "json", str(aggregate), str(samples))
    )
    assert [(r["valid"], r["errors"], r["warnings"]) for r in reports] == [(True, [], [])] * 2
    assert call(python, "-c", CHECK_SCHEMA, str(aggregate), str(samples)).strip() == "valid"


def test_openai_evals_runs_the_task_and_scores_as_the_pack_does(tmp_path: Path) -> None:
    results = write_run(tmp_path, n=12)
    out = tmp_path / "registry"
    assert main(["export", str(results), "--to", "openai-evals", "--out", str(out)]) == 0
    # What it declares is 200 packages, tensorflow among them; this is what it imports.
    python = tool_python(
        *("backoff", "blobfile", "google-generativeai", "lz4", "zstandard"),
        no_deps=("evals==3.0.1.post1",),
        with_ours=True,
    )
    record = tmp_path / "record.jsonl"
    with Server() as server:
        call(
            *(python, str(python.with_name("oaieval")), "gpt-3.5-turbo,gpt-4", "persona_main"),
            *("--registry_path", str(out), "--record_path", str(record)),
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="none",
            PYTHONPATH="",
        )
    samples = [json.loads(line) for line in (out / "data/persona_bench/persona_main.jsonl").read_text().splitlines()]
    wanted = [not default_verdict("", {}, default_reply(s["input"][0]["content"], 0)) for s in samples]
    report = next(e["final_report"] for e in map(json.loads, record.read_text().splitlines()) if "final_report" in e)
    assert server.counts == {"model": 12, "critic": 12}
    assert report["score"] == pytest.approx(sum(wanted) / 12)
    assert "counts/__invalid__" not in report
