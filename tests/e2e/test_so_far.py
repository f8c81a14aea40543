"""What a run has judged can be read while it goes on, is what its results hold in the end, and goes with the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.api import evaluate_model
from persona_metrics.cli import main
from persona_metrics.errors import PersonaError
from persona_metrics.runs import model
from persona_metrics.runs.so_far import FOLDER, runs
from tests.e2e.command import evaluate
from tests.fakes.server import Server, default_preference, default_verdict
from tests.scoring.made import line, write

TASKS = "persona_main,persona_main_baseline,persona_contrast,persona_loo,persona_intersection,persona_pass_at_k"


class Watched:
    """A server whose every verdict looks first at what ``out`` shows of the run; it keeps the last sight."""

    def __init__(self, out: Path, **more: Any) -> None:
        self.out = out
        self.seen: dict[str, dict[int, dict[str, Any]]] = {}
        self.pairs: dict[str, int | None] = {}
        self.server = Server(verdict=self._verdict, prefer=self._prefer, **more)

    def _look(self) -> None:
        for run in runs([self.out]):
            for task in run.tasks:
                self.pairs[task.name] = task.counts.effective
                if task.samples is not None and (text := task.samples.read_bytes()).endswith(b"\n"):
                    self.seen[task.name] = by_document(text.split(b"\n")[:-1])

    def _verdict(self, question: str, persona: dict[str, str], answer: str) -> bool:
        self._look()
        return default_verdict(question, persona, answer)

    def _prefer(self, question: str, persona: dict[str, str], first: str, second: str) -> bool:
        self._look()
        return default_preference(question, persona, first, second)


def by_document(lines: list[bytes]) -> dict[int, dict[str, Any]]:
    found = {}
    for text in lines:
        sample = model.sample(text)
        assert sample is not None
        names = ("doc", "resps", "filtered_resps", "arguments")
        sample["doc"].pop("variant", None)  # lm-eval 0.5 writes the first request's document
        found[int(sample["doc_id"])] = {name: sample[name] for name in names if name in sample}
    return found


def _results(out: Path) -> Iterator[tuple[str, dict[int, dict[str, Any]]]]:
    for path in out.rglob("samples_*.jsonl"):
        yield path.name.partition("_20")[0].removeprefix("samples_"), by_document(path.read_bytes().split(b"\n")[:-1])


def _held(watched: Watched, least: int) -> None:
    """Assert that what was seen of each task is in its results, word for word, and nothing is left of it."""
    results = dict(_results(watched.out))
    assert watched.pairs.keys() == results.keys()
    assert {task: len(found) for task, found in results.items()} == watched.pairs
    for task, found in results.items():
        seen = watched.seen.get(task, {})
        assert len(seen) >= least, task
        for document, sample in seen.items():
            assert {**found[document], "arguments": None} == {**sample, "arguments": None}
            assert _prompts(found[document]) == _prompts(sample)
    assert not list(watched.out.rglob(FOLDER))


def _prompts(sample: dict[str, Any]) -> Any:
    return json.loads(json.dumps(sample["arguments"]))


@pytest.mark.slow
def test_every_evaluation_can_be_read_while_it_is_judged(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "out", latency=0.01)
    with watched.server as server:
        chosen = {"n": 24, "attributes": "age,sex", "k": 3, "critic_concurrency": 4, "min_support": 1}
        ran = evaluate(server, TASKS, cwd=tmp_path, metadata=chosen, PERSONA_CRITIC_STORE="off")
    assert ran.code == 0, ran.stderr
    _held(watched, least=6)


def test_comparisons_called_from_python_can_be_read(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "out")
    with watched.server as server:
        evaluate_model(
            "m", "contrast", n=12, base_url=server.base_url, critic_model="c", critic_base_url=server.base_url,
            protocol="pairwise", critic_concurrency=2, output_path=tmp_path / "out",
        )  # fmt: skip
    _held(watched, least=6)


@pytest.mark.parametrize("kind", ["answers", "run"])
def test_answers_made_elsewhere_can_be_read_while_they_are_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    watched = Watched(tmp_path / "out")
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
    monkeypatch.setenv("PERSONA_CRITIC_CONCURRENCY", "2")
    path = write(tmp_path / "answers.jsonl", [line(i) for i in range(12)])
    with watched.server as server:
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        if kind == "run":
            assert main(["score", str(path), "--out", str(tmp_path / "first")]) == 0
            (path,) = (tmp_path / "first").rglob("samples_*.jsonl")
            monkeypatch.setenv("PERSONA_CRITIC_TEMPERATURE", "0.5")
            watched.seen, watched.pairs = {}, {}
        assert main(["score", str(path), "--out", str(tmp_path / "out")]) == 0
    _held(watched, least=6)


def test_a_disk_that_refuses_ends_no_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / FOLDER).write_text("a file in the way")
    with Server() as server:
        found = evaluate_model(
            "m", n=4, base_url=server.base_url, critic_model="c", critic_base_url=server.base_url, output_path=out
        )
    assert len(found.samples) == 4
    assert list(out.rglob("results_*.json"))
    said = capfd.readouterr().err
    assert said.count("report --watch does not show its samples before it ends") == 1


def test_a_run_that_stops_leaves_nothing(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "deep" / "out")
    with watched.server as server, pytest.raises(PersonaError, match="PERSONA_MAX_TOKENS_TOTAL"):
        evaluate_model(
            "m", n=24, base_url=server.base_url, critic_model="c", critic_base_url=server.base_url,
            critic_concurrency=2, max_tokens_total=9000, output_path=watched.out,
        )  # fmt: skip
    assert watched.seen["persona_main"]
    assert not list(tmp_path.rglob(FOLDER))
