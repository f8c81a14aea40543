"""vLLM on a cluster, as far as no GPU is needed: its configuration, the rows in and out, and what is said without it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from persona_metrics.cli import main
from persona_metrics.cluster import vllm
from persona_metrics.errors import PersonaError
from persona_metrics.scoring.asked import Question

SAMPLING = {"max_gen_toks": 64, "temperature": 0.7, "until": ["END"], "do_sample": True, "seed": 5, "top_p": 0.9}
ONE = Question("t/1/whole/ab", [{"role": "user", "content": "What?"}], SAMPLING)


def test_engine_is_asked_with_the_chat_and_the_sampling_of_an_endpoint() -> None:
    row = vllm.waiting(ONE, 3)
    assert {type(value) for value in row.values()} == {str, int}
    assert vllm.row_of(row) == {
        "messages": [{"role": "user", "content": "What?"}],
        "sampling_params": {"max_tokens": 64, "temperature": 0.7, "stop": ["END"], "seed": 5, "top_p": 0.9},
    }


def test_prompt_without_sampling_has_the_keys_of_the_others() -> None:
    bare = vllm.row_of(vllm.waiting(Question("x", ONE.messages, {}), 0))["sampling_params"]
    assert bare == {"max_tokens": 256, "temperature": 0, "stop": [], "seed": 1234}


def test_replies_are_written_and_a_row_that_failed_is_missing(tmp_path: Path) -> None:
    engine = {"generated_text": "Cook rice.", "num_input_tokens": 12, "num_generated_tokens": 4}
    rows: list[dict[str, Any]] = [
        {**vllm.reply_of({**vllm.waiting(ONE, 3), **engine, "prompt": "…"}), vllm.ERROR: ""},
        {"id": "t/2", "span": 3, "reply": None, "tokens_in": None, "tokens_out": None, vllm.ERROR: "ValueError: long"},
    ]
    batch = {key: np.array([row[key] for row in rows], dtype=object) for key in rows[0]}
    report = json.loads(vllm.Writer(str(tmp_path), "run", "m")(batch)["report"][0])
    assert (report["answered"], report["reasons"]) == (1, {"vLLM": 1})
    assert report["examples"] == {"vLLM": "vLLM: ValueError: long, prompt 't/2'"}
    assert (report["usage"]["prompt_tokens"], report["usage"]["completion_tokens"]) == (12, 4)
    (part,) = (tmp_path / "parts").iterdir()
    assert [json.loads(line) for line in part.read_text().splitlines()] == [
        {"id": "t/1/whole/ab", "reply": "Cook rice.", "model": "m"}
    ]


@pytest.mark.ray
def test_configuration_is_one_that_ray_takes() -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'persona-metrics[ray]'")
    made = vllm.configuration("acme/model", 2, {"tensor_parallel_size": 2, "max_model_len": 8192})
    assert (made.model_source, made.concurrency, made.batch_size) == ("acme/model", 2, vllm.BATCH)
    assert made.should_continue_on_error
    assert made.engine_kwargs == {"tensor_parallel_size": 2, "max_model_len": 8192, "task_type": "generate"}
    assert (
        made.chat_template_stage.enabled if hasattr(made.chat_template_stage, "enabled") else made.chat_template_stage
    )
    with pytest.raises(PersonaError, match="--vllm acme/model: "):
        vllm.configuration("acme/model", 0, {})


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_it_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = tmp_path / "p.jsonl"
    asked.write_text('{"id": "x", "prompt": "What?"}\n')
    assert main(["generate", str(asked), "--out", str(tmp_path / "o"), "--engine", "ray", "--vllm", "acme/model"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("persona-metrics: error: --vllm needs vllm")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--vllm", "m"], "--vllm MODEL goes with --engine ray"),
        (["--vllm", "m", "--engine", "ray", "--base_url", "http://h/v1"], "and without --base_url"),
        (["--vllm", "m", "--engine", "ray", "--vllm_args", "{"], "--vllm_args: not JSON"),
        (["--vllm", "m", "--engine", "ray", "--vllm_args", "[2]"], "--vllm_args: an object is wanted"),
        (["--model", "m", "--vllm_args", "{}"], "--vllm_args belongs to --vllm MODEL"),
        (["--model", "m", "--address", "auto"], "--address belongs to --engine ray"),
        (["--model", "m", "--actors", "0"], "--actors 0: must be 1 or more"),
    ],
)
def test_arguments_that_do_not_go_together_are_one_line(
    given: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", "p.jsonl", "--out", str(tmp_path), *given]) == 2
    assert said in capsys.readouterr().err
