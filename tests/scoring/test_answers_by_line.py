"""Answers of any system, and answers by id: what they score, and what is said about lines that do not fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from tests.fakes.server import Server
from tests.scoring.made import line, results, verdicts, write


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A critic that wants a revision of every answer with an odd number."""

    def odd(question: str, persona: dict[str, str], answer: str) -> bool:
        del question, persona
        return answer.rstrip(".")[-1] in "13579"

    with Server(verdict=odd, reply=lambda prompt, seed: f"Answer {len(prompt) + seed}.") as running:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", running.base_url)
        yield running


def score(path: Path, out: Path, *more: str) -> dict[str, Any]:
    assert main(["score", str(path), "--out", str(out), *more]) == 0
    return dict(results(out)["results"])


def test_lines_of_any_system_score_as_main(server: Server, tmp_path: Path) -> None:
    del server
    path = write(tmp_path / "answers.jsonl", [line(i, model="gpt-x") for i in range(6)])
    rows = score(path, tmp_path / "out")["persona_main"]
    assert rows["personalized,critic"] == 0.5
    assert rows["personalized[sex=Female],critic"] == 1.0
    assert rows["personalized[sex=Male],critic"] == 0.0
    metadata = results(tmp_path / "out")["configs"]["persona_main"]["metadata"]
    assert metadata["model_name"] == "gpt-x"
    assert metadata["scored_from"] == "answers.jsonl"
    assert metadata["answer_template"] is None


def test_an_empty_answer_is_an_answer_failure_and_scores_zero(server: Server, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [line(0), line(2), line(4, answer=None), line(6, answer=" ")])
    rows = score(path, tmp_path / "out")["persona_main"]
    assert rows["personalized,critic"] == 0.5
    assert rows["answer_failures,critic"] == 0.5
    assert server.counts["critic"] == 2 + 1  # and the check


def test_an_answer_is_judged_as_it_is_and_a_reply_is_searched_for_it(server: Server, tmp_path: Path) -> None:
    del server
    reply = json.dumps({"reasoning": "1", "answer": "Answer 2."})
    lines = [{**{k: v for k, v in line(0).items() if k != "answer"}, "reply": reply}]
    score(write(tmp_path / "r.jsonl", lines), tmp_path / "r", "--metadata", "mode=chain_of_thought")
    assert [answer for _, _, answer, _ in verdicts(tmp_path / "r")] == ["Answer 2."]
    score(write(tmp_path / "a.jsonl", [line(0)]), tmp_path / "a", "--metadata", "mode=chain_of_thought")
    assert [answer for _, _, answer, _ in verdicts(tmp_path / "a")] == ["Answer 0."]


def test_pass_at_k_takes_the_lines_of_a_pair_as_its_attempts(server: Server, tmp_path: Path) -> None:
    del server
    first, second = line(0), line(1)
    lines = [{**first, "answer": f"Answer {i}."} for i in (0, 1)] + [{**second, "answer": "Answer 1."}] * 2
    rows = score(write(tmp_path / "a.jsonl", lines), tmp_path / "out", "--task", "persona_pass_at_k")[
        "persona_pass_at_k"
    ]
    assert rows["pass@1,critic"] == 0.25
    assert rows["pass@2,critic"] == 0.5


def test_leave_one_out_takes_its_variants_by_name(server: Server, tmp_path: Path) -> None:
    del server
    names = {"whole": 0, "without age": 1, "none of the listed": 0}
    lines = [line(0, pair_id="p", variant=name, answer=f"Answer {n}.") for name, n in names.items()]
    path = write(tmp_path / "a.jsonl", lines)
    rows = score(path, tmp_path / "out", "--task", "persona_loo")["persona_loo"]
    assert rows["importance[age],critic"] == 1.0
    assert rows["importance[all listed],critic"] == 0.0


def test_prompts_answered_elsewhere_score_as_the_run_itself(server: Server, tmp_path: Path) -> None:
    from persona_metrics.api import evaluate_model

    settings = ["n=3", "attributes=age+sex"]
    prompts = tmp_path / "prompts.jsonl"
    assert main(["prompts", "--task", "persona_loo", "--out", str(prompts), "--metadata", *settings]) == 0
    asked = [json.loads(text) for text in prompts.read_text().splitlines()]
    assert len({row["id"] for row in asked}) == 3 * 4
    replies = [{"id": row["id"], "reply": server.reply(row["messages"][0]["content"], 1234)} for row in asked]
    path = write(tmp_path / "replies.jsonl", reversed(replies))
    scored = score(path, tmp_path / "out", "--prompts", str(prompts), "--model", "m")["persona_loo"]
    run = evaluate_model("m", "loo", n=3, loo_attributes=["age", "sex"], base_url=server.base_url)
    assert scored == run.raw["results"]["persona_loo"]


def test_prompts_ask_attempts_with_their_seeds(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    main(["prompts", "--task", "persona_pass_at_k", "--out", str(prompts), "--metadata", "n=1", "k=3"])
    asked = [json.loads(text) for text in prompts.read_text().splitlines()]
    assert len({row["seed"] for row in asked}) == 3
    assert all(row["generation_kwargs"]["temperature"] == 1.0 for row in asked)


PROMPTS = [
    {
        "id": f"persona_main/{i}/whole/x",
        "task": "persona_main",
        "variant": "whole",
        "doc": {**line(i), "pair_id": str(i), "persona_id": f"p{i}", "question_id": f"q{i}"},
        "metadata": {"evaluation": "main", "n": 3},
    }
    for i in range(3)
]
ANSWERS = [{"id": prompt["id"], "answer": "Answer 0."} for prompt in PROMPTS]


def test_partial_scores_the_complete_pairs_and_counts_the_rest(server: Server, tmp_path: Path) -> None:
    del server
    prompts, path = write(tmp_path / "p.jsonl", PROMPTS), write(tmp_path / "a.jsonl", ANSWERS[:2])
    rows = score(path, tmp_path / "out", "--prompts", str(prompts), "--partial")["persona_main"]
    assert rows["sample_len"] == 2
    assert results(tmp_path / "out")["configs"]["persona_main"]["metadata"]["pairs_left_out"] == 1


SAMPLE = {"doc_id": 0, "doc": {}, "resps": [["x"]]}


@pytest.mark.parametrize(
    ("lines", "more", "said"),
    [
        ([], (), "the file has no lines"),
        ([[1]], (), "must be a JSON object"),
        ([{"x": 1}], (), "neither a samples_*.jsonl"),
        ([SAMPLE], (), "results_*.json of the same run must lie beside it"),
        ([line(0, persona="me")], (), '"persona" must be an object'),
        ([line(0, persona={"uuid": 4})], (), "the persona has no attribute"),
        ([line(0, question=" ")], (), "question is blank"),
        ([line(0, answer=3)], (), "must be a text"),
        ([{k: v for k, v in line(0).items() if k != "answer"}], (), 'neither "answer" nor "reply"'),
        ([line(0), {**line(1), "reply": "x", "answer": "y"}], ("--task", "persona_man"), "no task of the pack"),
        ([line(0, id="a"), line(1, id="a")], (), "another persona or question"),
        ([line(0, id="a"), line(0, id="a")], (), "twice"),
        ([line(0, model="a"), line(1, model="b")], (), "choose one with --model"),
        ([line(0, variant="without age")], (), "does not belong to persona_main"),
        ([line(0)], ("--task", "persona_loo"), "leave-one-out needs lines"),
        ([line(0)], ("--metadata", "n=3"), "can no longer be chosen"),
        ([line(0)], ("--metadata", "critic_modell=x"), "did you mean 'critic_model'"),
        ([line(0)], ("--metadata", "critic_model"), "write key=value"),
        ([line(0)], ("--metadata", "critic_api_key=sk-1"), "set PERSONA_CRITIC_API_KEY instead"),
        (ANSWERS, (), "with --prompts"),
        (ANSWERS[:2], ("--prompts", "PROMPTS"), "1 answers are missing in 1 pairs"),
        ([*ANSWERS, ANSWERS[0]], ("--prompts", "PROMPTS"), "answered twice"),
        ([*ANSWERS, {"id": "other", "answer": "x"}], ("--prompts", "PROMPTS"), "none of the 3 prompts"),
        (ANSWERS, ("--prompts", "FILE"), "not a line that `persona-metrics prompts` wrote"),
    ],
)
def test_bad_input_is_one_line_before_any_call(
    lines: list[Any],
    more: tuple[str, ...],
    said: str,
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, prompts = write(tmp_path / "a.jsonl", lines), write(tmp_path / "p.jsonl", PROMPTS)
    arguments = [{"PROMPTS": str(prompts), "FILE": str(path)}.get(one, one) for one in more]
    assert main(["score", str(path), "--out", str(tmp_path / "out"), *arguments]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1
    assert server.counts["critic"] == 0
    assert not list(tmp_path.rglob("results_*"))
