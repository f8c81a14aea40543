"""Evaluations whose pairs have several lines, judged pair by pair: the same files as when all lines are held."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from persona_metrics.evaluations import EVALUATIONS
from persona_metrics.scoring import given, replay, table
from tests.fakes.server import Server, draw
from tests.scoring.made import line, same, samples, write


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    # Of the critic's replies to some prompts nothing can be read: those verdicts are missing.
    with Server(verdict=lambda q, p, a: draw("needs", q, sorted(p.items()), a) < 0.5) as found:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", found.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield found


class Refusing(Server):
    """Refuses one judgement in six, the same whenever it is asked."""

    async def _answer(self, request: Any, body: dict[str, Any]) -> Any:
        if "<<<persona" in (text := json.dumps(body["messages"])) and draw("refused", text) < 1 / 6:
            return await self._faulty(request, "refusal")
        return await super()._answer(request, body)


def held(
    path: Path, evaluation: str, out: Path, *, partial: bool = False, baseline: Path | None = None, **more: Any
) -> None:
    """Score with all lines in memory."""
    task = EVALUATIONS[evaluation].task
    rows, others = given.read_lines(path), () if baseline is None else given.read_lines(baseline)
    made = table.from_answers(path, rows, task, evaluation, more, None, partial, others)
    replay.score([made], out)


def scored(path: Path, evaluation: str, out: Path, *arguments: str) -> int:
    """Score as a user does."""
    return main(["score", str(path), "--task", EVALUATIONS[evaluation].task, "--out", str(out), *arguments])


def shuffled(lines: list[dict[str, Any]], seed: int = 1) -> list[dict[str, Any]]:
    found = list(lines)
    random.Random(seed).shuffle(found)
    return found


VARIANTS = ("whole", "without age", "without sex", "none of the listed")
LOO = [
    line(i % 8, answer=f"Answer {i} {v}.", variant=v, pair_id=f"pair {i}", **({"topic": "work"} if i % 2 else {}))
    for i in range(12)
    for v in VARIANTS
]
ATTEMPTS = [line(i % 5, answer=f"Answer {i} {k % 3}.") for i in range(5) for k in range(4)]
FOR_NOBODY = [{"question": f"Question {i}?", "answer": f"To nobody {i}.", "mode": "baseline"} for i in range(12)]
PAIRWISE = [
    {**line(i), "variant": v, "answer": f"Answer {i} {v}."}
    for i in range(8)
    for v in ("whole", "another person", "no persona")
]
FILES: dict[str, tuple[str, list[dict[str, Any]], dict[str, Any]]] = {
    "leave-one-out": ("leave_one_out", LOO, {}),
    "leave-one-out, scattered": ("leave_one_out", shuffled(LOO), {}),
    "pass at k": ("pass_at_k", ATTEMPTS, {}),
    "pass at k, scattered": ("pass_at_k", shuffled(ATTEMPTS), {}),
    "intersections": ("intersectionality", [line(i, persona_id=f"p{i % 30}") for i in range(60)], {"min_support": 2}),
    "crossed": ("intersectionality", [line(i) for i in range(40)], {"cross": "sex+race", "min_support": 1}),
    "of few groups": (
        "intersectionality",
        [{**line(i), "persona": {"pet": "cat" if i % 3 else "dog", "name": f"n{i}", "age": 20 + i}} for i in range(40)],
        {"min_support": 3},
    ),
    "contrast alone": ("contrast", [line(i) for i in range(12)], {"others": 2, "seed": 3}),
    "contrast": ("contrast", shuffled([*[line(i) for i in range(12)], *FOR_NOBODY]), {}),
    "people twice": ("contrast", [line(i, persona_id=f"p{i % 6}", pair_id=f"x{i}") for i in range(12)], {}),
    "compared": ("contrast", shuffled(PAIRWISE), {"protocol": "pairwise"}),
    "without an answer": ("contrast", [line(i, **({"answer": " "} if i % 4 == 1 else {})) for i in range(12)], {}),
}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("name", FILES)
def test_files_are_those_of_a_run_that_holds_all_lines(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation, lines, settings = FILES[name]
    path = write(tmp_path / "answers.jsonl", lines)
    held(path, evaluation, tmp_path / "held", **settings)
    said = capsys.readouterr().err
    metadata = ["--metadata", *(f"{k}={v}" for k, v in settings.items())] if settings else []
    assert scored(path, evaluation, tmp_path / "streamed", *metadata) == 0
    same(tmp_path / "streamed", tmp_path / "held", EVALUATIONS[evaluation].task)

    def warned(text: str) -> list[str]:
        return [one for one in text.splitlines() if "warning" in one or "lift" in one]

    assert warned(capsys.readouterr().err) == warned(said)


@pytest.mark.parametrize("evaluation", ["leave_one_out", "pass_at_k", "intersectionality", "contrast"])
def test_missing_verdicts_come_to_the_same(evaluation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {"leave_one_out": LOO, "pass_at_k": ATTEMPTS}.get(evaluation, [line(i) for i in range(30)])
    path = write(tmp_path / "answers.jsonl", lines)
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    settings = {"critic_max_failures": 1, "min_support": 2}
    with Refusing() as server:
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        assert (
            scored(path, evaluation, tmp_path / "streamed", "--metadata", *(f"{k}={v}" for k, v in settings.items()))
            == 0
        )
        held(path, evaluation, tmp_path / "held", **settings)
    same(tmp_path / "streamed", tmp_path / "held", EVALUATIONS[evaluation].task)
    missing = [
        r
        for sample in samples(tmp_path / "held")
        for of in sample["filtered_resps"]
        for r in of
        if r["verdict"]["missing"]
    ]
    assert missing
