"""What a new user meets in the first hour: typing errors, Ctrl-C, noise."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from persona_metrics.cli import main
from tests import warm
from tests.e2e.command import HERE, evaluate
from tests.fakes.server import Server


def test_task_that_does_not_exist_is_one_line_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--task", "persona_mian"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "persona-metrics: error: --task 'persona_mian' is no task of the pack (did you mean 'persona_main'?)"
    )
    assert said.count("\n") == 1


def test_run_says_what_it_has_to_say_and_none_of_lm_eval_s_noise(tmp_path: Path) -> None:
    """In a folder without git; rows by group have unequal counts."""
    with Server() as server:
        ran = evaluate(server, "persona_main", cwd=tmp_path, metadata={"n": 6, "votes": 3, "generate_mode": "baseline"})
    assert ran.code == 0, ran.stderr
    assert "not scored on the same number" not in ran.stderr
    assert "not a git repository" not in ran.stderr
    assert "6 pairs × 1 variant = 6 generations, at most 6 judgements" in ran.stderr
    assert ran.stderr.count("--metadata votes=…: neither the tasks nor the model take that key") == 1
    assert ran.results()["configs"]["persona_main"]["metadata"]["mode"] == "baseline"


def test_keys_are_taken_in_any_spelling_that_is_documented_and_others_are_named_with_the_nearest(
    tmp_path: Path,
) -> None:
    given = {"N": 2, "K": 3, "Generate_Mode": "baseline", "modus": "chain_of_thought", "Votes": 5}
    with Server() as server:
        ran = evaluate(server, "persona_pass_at_k", cwd=tmp_path, metadata=given)
        assert server.counts == {"model": 6, "critic": 7}
    assert ran.code == 0, ran.stderr
    metadata = ran.results()["configs"]["persona_pass_at_k"]["metadata"]
    assert (metadata["n"], metadata["k"], metadata["mode"]) == (2, 3, "baseline")
    assert "pass@3" in ran.rows("persona_pass_at_k")
    lines = [line for line in ran.stderr.splitlines() if "take that key" in line]
    assert lines == [
        f"persona-metrics: --metadata {key}=…: neither the tasks nor the model take that key (did you mean {near!r}?)"
        for key, near in (("modus", "mode"), ("Votes", "critic_votes"))
    ]


def test_dead_endpoint_is_one_line_of_lm_eval_s_process(tmp_path: Path) -> None:
    with socket.socket() as closed, Server() as server:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1/chat/completions"
        ran = evaluate(server, "persona_main", "--model_args", f"base_url={url}", cwd=tmp_path, metadata={"n": 4})
        assert server.counts.total() == 0
    assert ran.code == 2
    assert "Traceback" not in ran.stderr
    lines = [line for line in ran.stderr.splitlines() if "error" in line]
    assert lines == [
        f"persona-metrics: error: the model's endpoint {url}: nothing answers there (Connection refused);"
        " is the server up, and is base_url its address?"
    ]


@pytest.mark.parametrize("status", ["404", "401", "503"])
def test_endpoint_that_refuses_all_is_one_line_of_lm_eval_s_process(status: str, tmp_path: Path) -> None:
    faults = {"503": 1.0} if status == "503" else {}
    models, key = (("other",) if status == "404" else None), ("sk-x" if status == "401" else None)
    with Server(faults=faults, models=models, key=key) as server, Server() as critic:
        ran = evaluate(
            *(server, "persona_main"),
            cwd=tmp_path,
            metadata={"n": 24, "critic_base_url": critic.base_url},
            OPENAI_API_KEY="sk-another",
        )
        assert critic.counts.total() <= 1
    assert ran.code == 2
    assert "Traceback" not in ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if "error: " in line]
    assert f"HTTP {status}" in line


@pytest.mark.parametrize("module", ["lm_eval", "persona_metrics"])
@pytest.mark.parametrize("at_once", [1, 8])
def test_interrupt_while_generating_ends_in_one_line(module: str, at_once: int, tmp_path: Path) -> None:
    with Server(latency=0.3) as server:
        process = subprocess.Popen(
            [
                *(*warm.python(), "-m", module, "run", "--model", "local-chat-completions", "--apply_chat_template"),
                *(
                    "--model_args",
                    f"model=m,base_url={server.chat_url},num_concurrent={at_once}",
                    "--tasks",
                    "persona_main",
                ),
                *(HERE.flags if module == "lm_eval" else ()),
                *("--metadata", json.dumps({"n": 100, "critic_model": "c", "critic_base_url": server.base_url})),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": warm.path(), "OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1"},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while server.counts["model"] < 4:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode not in (0, None)
    lines = said.splitlines()
    assert lines[-1].startswith("persona-metrics: interrupted")
    assert "Traceback" not in said
    assert "CancelledError" not in said
