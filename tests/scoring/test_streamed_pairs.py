"""Evaluations whose pairs have several lines, judged pair by pair: the same files as when all lines are held."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from persona_metrics.critic.budget import ledger
from persona_metrics.errors import PersonaError
from persona_metrics.evaluations import EVALUATIONS
from persona_metrics.scoring import given, replay, table
from persona_metrics.scoring.pairs import Pairs
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
REPLY = {**{k: v for k, v in line(4).items() if k != "answer"}, "reply": "x"}
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
    settings: dict[str, Any] = {"critic_max_failures": 1, "min_support": 2}
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


WRONG: dict[str, tuple[str, list[dict[str, Any]], dict[str, Any]]] = {
    "a variant is missing": ("leave_one_out", LOO[:-1], {}),
    "no variant at all": ("leave_one_out", [line(i) for i in range(3)], {}),
    "a variant of nobody's": ("leave_one_out", [*LOO, {**LOO[0], "variant": "with a hat"}], {}),
    "a variant twice": ("leave_one_out", [*LOO, LOO[2]], {}),
    "two people": ("leave_one_out", [*LOO[:-1], {**LOO[-1], "persona": line(30)["persona"]}], {}),
    "an attempt is missing": ("pass_at_k", ATTEMPTS[:-1], {}),
    "a group without anybody": ("intersectionality", [line(i) for i in range(6)], {"cross": "pet", "min_support": 1}),
    "too few for a group": ("intersectionality", [line(i) for i in range(6)], {"min_support": 30}),
    "an id twice": ("intersectionality", [line(i, id="x") for i in range(40)], {}),
    "nobody else": ("contrast", [line(0), line(0)], {}),
    "asked by nobody": ("contrast", [*map(line, range(3)), {**FOR_NOBODY[5], "persona": line(5)["persona"]}], {}),
    "asked of nobody twice": ("contrast", [*map(line, range(3)), FOR_NOBODY[1], FOR_NOBODY[1]], {}),
    "for nobody alone": ("contrast", FOR_NOBODY, {}),
    "two models": ("contrast", [line(i, model=f"m{i}") for i in range(3)], {}),
    "no text": ("pass_at_k", [*ATTEMPTS, {**ATTEMPTS[0], "answer": 3}], {}),
    "both kinds": ("pass_at_k", [*ATTEMPTS[:-1], REPLY], {}),
    "what is fixed": ("leave_one_out", LOO, {"k": 3}),
    "nothing to compare with": ("contrast", [line(i) for i in range(3)], {"protocol": "pairwise"}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_the_same_line_before_any_call(
    name: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation, lines, settings = WRONG[name]
    path = write(tmp_path / "answers.jsonl", lines)
    with pytest.raises(PersonaError) as error:
        held(path, evaluation, tmp_path / "held", **settings)
    capsys.readouterr()
    metadata = ["--metadata", *(f"{k}={v}" for k, v in settings.items())] if settings else []
    assert scored(path, evaluation, tmp_path / "streamed", *metadata) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.removeprefix("persona-metrics: error: ").replace(str(path), path.name) == str(error.value).replace(
        str(path), path.name
    )
    assert server.counts["critic"] == 0


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("evaluation", ["leave_one_out", "pass_at_k"])
def test_complete_pairs_alone(evaluation: str, tmp_path: Path) -> None:
    lines = {"leave_one_out": LOO, "pass_at_k": ATTEMPTS}[evaluation]
    path = write(tmp_path / "answers.jsonl", [one for i, one in enumerate(shuffled(lines)) if i not in (3, 11)])
    held(path, evaluation, tmp_path / "held", partial=True)
    assert scored(path, evaluation, tmp_path / "streamed", "--partial") == 0
    same(tmp_path / "streamed", tmp_path / "held", EVALUATIONS[evaluation].task)


@pytest.mark.usefixtures("server")
def test_packed_lines_of_one_model_and_answers_for_nobody_in_a_file_of_their_own(tmp_path: Path) -> None:
    lines = shuffled([line(i, model=f"m{m}", answer=f"Answer {i} {m}.") for i in range(8) for m in range(2)])
    path, nobody = tmp_path / "answers.jsonl.gz", write(tmp_path / "nobody.jsonl", FOR_NOBODY[:8])
    path.write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in lines).encode()))
    rows = [(f"{path}:{i}", one) for i, one in enumerate(lines, 1)]
    task = EVALUATIONS["contrast"].task
    made = table.from_answers(path, rows, task, "contrast", {}, "m1", False, given.read_lines(nobody))
    replay.score([made], tmp_path / "held")
    assert scored(path, "contrast", tmp_path / "streamed", "--model", "m1", "--baseline", str(nobody)) == 0
    same(tmp_path / "streamed", tmp_path / "held", task)


def test_what_a_stopped_run_judged_is_not_asked_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "answers.jsonl", shuffled(LOO))
    monkeypatch.setenv("PERSONA_MAX_TOKENS_TOTAL", "12000")
    ledger.reset()
    monkeypatch.setenv("PERSONA_CRITIC_CONCURRENCY", "2")
    assert scored(path, "leave_one_out", tmp_path / "out") == 2
    assert "is reached" in capsys.readouterr().err
    stopped = server.counts["critic"]
    assert 2 < stopped < len(LOO)
    monkeypatch.delenv("PERSONA_MAX_TOKENS_TOTAL")
    assert scored(path, "leave_one_out", tmp_path / "out") == 0
    tried = 1
    assert server.counts["critic"] == len(LOO) + tried
    held(path, "leave_one_out", tmp_path / "held")
    same(tmp_path / "out", tmp_path / "held", "persona_loo")
    assert server.counts["critic"] == len(LOO) + tried


def test_pair_is_read_when_its_turn_comes(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_CONCURRENCY", "2")
    path = write(
        tmp_path / "answers.jsonl", shuffled([line(i, answer=f"{i} {k}") for i in range(100) for k in range(2)])
    )
    seen: list[int] = []
    taken = Pairs.said

    def counted(pairs: Pairs, rank: int) -> Any:
        seen.append(server.counts["critic"])
        return taken(pairs, rank)

    monkeypatch.setattr(Pairs, "said", counted)
    assert scored(path, "pass_at_k", tmp_path / "out") == 0
    assert len(seen) == 100
    assert seen[-1] > 150  # so many had been asked before the last pair was read


def test_columns_of_the_question_are_held_and_one_line_says_so(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "answers.jsonl", [line(i, columns={"level": str(i % 2)}) for i in range(6)])
    assert scored(path, "contrast", tmp_path / "out") == 0
    said = capsys.readouterr().err
    assert "answers.jsonl:1: columns of the question: all answers are held at once" in said
    assert server.counts["critic"] >= 6
