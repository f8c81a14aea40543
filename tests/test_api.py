from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from persona_metrics import EvaluationResult, evaluate_model
from persona_metrics.errors import PersonaError
from persona_metrics.runs.read import COLUMNS
from tests.fakes.server import Server, default_verdict

KEY = "sk-api-distinctive-91ab"


def run(server: Server, model: str = "m", *more: Any, **changes: Any) -> EvaluationResult:
    arguments = {"n": 8, "by": "sex", "critic_model": "c", "critic_base_url": server.base_url, **changes}
    return evaluate_model(
        model, *more, **({} if "model_args" in changes else {"base_url": server.base_url}), **arguments
    )


def known_rate(result: EvaluationResult) -> float:
    return sum(not default_verdict("", {}, answer) for answer in result.samples["answer"]) / len(result.samples)


def test_result_has_metrics_with_errors_samples_and_what_was_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with Server(key=KEY) as server:
        result = run(server, api_key=KEY, critic_api_key=KEY, seed=5)
    dumped = result.results.model_dump()
    assert dumped["task"] == "persona_main"
    assert dumped["model"] == "m"
    assert dumped["metrics"]["personalized"]["value"] == pytest.approx(known_rate(result))
    assert dumped["metrics"]["personalized"]["stderr"] > 0
    assert {"personalized[sex=Female]", "critic_failures", "answer_failures"} <= set(dumped["metrics"])
    assert dumped["metadata"]["seed"] == 5
    assert tuple(result.samples.columns) == COLUMNS
    assert len(result.samples) == 8
    assert result.samples["personalized"].mean() == pytest.approx(known_rate(result))
    shown = capsys.readouterr()
    assert KEY not in json.dumps(dumped) + result.samples.to_json() + shown.out + shown.err + repr(result.raw)


def test_key_goes_out_of_the_environment_again_also_after_an_error() -> None:
    with Server(key=KEY) as server:
        with pytest.raises(PersonaError, match="HTTP 401"):
            run(server, api_key=KEY, critic_api_key="wrong")
        run(server, n=1, api_key=KEY, critic_api_key=KEY)
    assert "OPENAI_API_KEY" not in os.environ
    assert "PERSONA_CRITIC_API_KEY" not in os.environ


def test_any_model_of_lm_eval_runs_by_its_arguments() -> None:
    with Server() as server:
        arguments = {"model": "mine", "base_url": server.chat_url, "num_concurrent": 4}
        os.environ["OPENAI_API_KEY"] = "none"
        by_dict = run(server, "local-chat-completions", model_args=arguments)
        text = f"model=mine,base_url={server.chat_url},num_concurrent=4"
        by_text = run(server, "local-chat-completions", model_args=text)
    assert by_dict.results.model == by_text.results.model == "mine"
    assert by_dict.results.metrics == by_text.results.metrics


def test_base_model_without_messages_runs_too() -> None:
    # `dummy` is lm-eval's own model type: no endpoint, no chat template, a fixed reply.
    with Server() as server:
        result = run(server, "dummy", model_args={})
    assert server.counts["model"] == 0
    assert result.results.metrics["personalized"].value == pytest.approx(known_rate(result))


def test_names_of_older_scripts_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(key=KEY) as server:
        Path(".env").write_text(
            f"OPENAI_API_KEY={KEY}\nOPENAI_BASE_URL={server.base_url}\nPERSONA_CRITIC_API_KEY={KEY}\n"
            "GENERATE_MODE=baseline\n"
        )
        assert run(server, n=2).results.metadata["mode"] == "baseline"
        monkeypatch.setenv("GENERATE_MODE", "demographic_summary")
        assert run(server, n=2).results.metadata["mode"] == "demographic_summary"
        assert run(server, n=2, generate_mode="output_only").results.metadata["mode"] == "output_only"


@pytest.mark.parametrize(
    ("evaluation", "task", "row"),
    [
        ("main", "persona_main", "personalized"),
        ("loo", "persona_loo", "importance[age]"),
        ("intersectionality", "persona_intersection", "personalized[Female]"),
        ("pass_at_k", "persona_pass_at_k", "pass@2"),
    ],
)
def test_every_evaluation_runs(evaluation: str, task: str, row: str) -> None:
    with Server() as server:
        given = {"loo_attributes": ["age", "sex"], "k": 2, "min_support": 2, "cross": "sex"}
        result = run(server, "m", evaluation, **given)
    assert result.results.task == task
    assert any(name.startswith(row) for name in result.results.metrics), result.results.metrics


def test_output_path_gets_the_files_that_lm_eval_writes(tmp_path: Path) -> None:
    with Server(key=KEY) as server:
        run(server, n=2, api_key=KEY, critic_api_key=KEY, output_path=tmp_path / "out")
    (results,) = (tmp_path / "out").rglob("results_*.json")
    (samples,) = (tmp_path / "out").rglob("samples_persona_main_*.jsonl")
    assert len(samples.read_text().splitlines()) == 2
    assert KEY not in results.read_text() + samples.read_text()


def test_runs_inside_a_running_event_loop_as_in_a_notebook() -> None:
    async def cell(server: Server) -> EvaluationResult:
        return run(server)

    with Server() as server:
        result = asyncio.run(cell(server))
    assert result.results.metrics["personalized"].value == pytest.approx(known_rate(result))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"evaluation_type": "looo"}, r"evaluation_type='looo' is none of .* \(did you mean 'loo'\?\)"),
        ({"critic_modle": "x"}, r"unknown argument 'critic_modle' \(did you mean 'critic_model'\?\)"),
        ({}, "model='gpt-x' goes to OpenAI: set OPENAI_API_KEY"),
    ],
)
def test_wrong_call_is_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PersonaError, match=message):
        evaluate_model("gpt-x", **{"critic_model": "c", **given})
