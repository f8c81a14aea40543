"""A fleet answers a file of prompts over real HTTP: who is asked, what is kept at a kill, and what becomes of failures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from persona_metrics.cli import main
from persona_metrics.scoring.asked import read
from tests import warm
from tests.fakes.server import Server, default_reply
from tests.scoring.made import results

ROOT = Path(__file__).parents[2]
SAMPLING = {"max_gen_toks": 64, "temperature": 0.7, "until": ["END"], "do_sample": True, "seed": 5}


def prompts(path: Path, count: int) -> Path:
    """Write so many prompts of a few words."""
    lines = [{"id": f"q/{i}", "prompt": f"Question {i}?", "generation_kwargs": SAMPLING} for i in range(count)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def answers(out: Path) -> dict[str, str]:
    """Return the replies by id; each stands once."""
    rows = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    found = {row["id"]: row["reply"] for row in rows}
    assert len(found) == len(rows)
    assert {row["model"] for row in rows} <= {"m"}
    return found


def wanted(ids: Iterable[int]) -> dict[str, str]:
    return {f"q/{i}": default_reply(f"Question {i}?", 5) for i in ids}


def generate(path: Path, out: Path, *urls: str, more: Iterable[str] = ()) -> int:
    return main(["generate", str(path), "--out", str(out), "--model", "m", "--base_url", ",".join(urls), *more])


class Mortal(Server):
    """Answers so many requests and then drops every connection."""

    def __init__(self, lives: int, **more: Any) -> None:
        super().__init__(**more)
        self.lives = lives

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        self.lives -= 1
        return await self._faulty(request, "drop") if self.lives < 0 else await super()._answer(request, body)


def test_prompts_are_answered_in_the_form_that_score_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = tmp_path / "prompts.jsonl"
    assert main(["prompts", "--task", "persona_loo", "--out", str(asked), "--metadata", "n=3", "attributes=age"]) == 0
    with Server() as server:
        assert generate(asked, tmp_path / "gen", server.base_url) == 0
        assert server.counts == {"model": 9}
        *_, following = capsys.readouterr().out.splitlines()
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        command = following.replace("--out DIR", f"--out {tmp_path / 'out'}").split()
        assert main(command[1:]) == 0
    found = results(tmp_path / "out")
    assert found["model_name"] == "m"
    assert found["results"]["persona_loo"]["critic_failures,critic"] == 0


def test_request_is_the_one_that_lm_eval_sends_for_the_prompt(tmp_path: Path) -> None:
    from lm_eval.models.openai_completions import LocalChatCompletion

    path = prompts(tmp_path / "p.jsonl", 1)
    with Server() as server:
        assert generate(path, tmp_path / "out", server.base_url) == 0
        [(where, sent, _)] = server.log
        model = LocalChatCompletion(base_url=server.chat_url, model="m")
    [one] = read(path)
    assert where == "/v1/chat/completions"
    assert sent == model._create_payload(one.messages, generate=True, gen_kwargs=dict(SAMPLING), seed=1234)
    assert (sent["seed"], sent["stop"], sent["max_tokens"]) == (5, ["END"], 64)


def test_least_loaded_endpoint_is_asked_and_a_dead_one_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = prompts(tmp_path / "p.jsonl", 120)
    with Server(latency=0.02) as fast, Server(latency=1.0) as slow:
        dead = "http://127.0.0.1:9/v1"
        assert generate(path, tmp_path / "out", dead, slow.base_url, fast.base_url, more=["--concurrency", "4"]) == 0
    assert answers(tmp_path / "out") == wanted(range(120))
    assert fast.counts["model"] + slow.counts["model"] == 120
    assert fast.counts["model"] > 2 * slow.counts["model"] > 0
    assert max(fast.peak, slow.peak) <= 4
    assert "127.0.0.1:9: connection failed: refused; the others go on" in capsys.readouterr().err


def test_endpoint_that_dies_on_the_way_leaves_its_prompts_to_the_others(tmp_path: Path) -> None:
    path = prompts(tmp_path / "p.jsonl", 80)
    with Mortal(10) as mortal, Server(latency=0.01) as other:
        assert generate(path, tmp_path / "out", mortal.base_url, other.base_url) == 0
    assert answers(tmp_path / "out") == wanted(range(80))
    assert (mortal.counts["model"], other.counts["model"]) == (10, 70)


def test_failing_reply_is_missing_and_asked_again_by_the_same_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = prompts(tmp_path / "p.jsonl", 60), tmp_path / "out"
    with Server(faults={"500": 0.2, "drop": 0.1}) as server:
        assert generate(path, out, server.base_url, more=["--attempts", "1"]) == 1
    first = answers(out)
    said = capsys.readouterr()
    assert 0 < len(first) < 60
    assert first == wanted(int(name[2:]) for name in first)
    assert "answers missing: HTTP 500" in said.err
    assert f"{len(first)} of 60 prompts are answered" in said.err
    assert "--partial" in said.out
    with Server() as server:
        assert generate(path, out, server.base_url) == 0
    assert answers(out) == wanted(range(60))
    assert server.counts["model"] == 60 - len(first)
    assert not (out / "parts").exists()


def test_error_in_a_body_is_missing_and_a_model_that_says_nothing_has_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Odd(Server):
        async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            number = int(body["messages"][0]["content"].strip("Question ?"))
            if number == 0:
                return web.json_response({"error": {"message": "out of memory", "code": 500}})
            if number == 1:
                return web.json_response({"choices": []})
            if number == 2:
                return await self._faulty(request, "empty")
            return await super()._answer(request, body)

    path, out = prompts(tmp_path / "p.jsonl", 4), tmp_path / "out"
    with Odd() as server:
        assert generate(path, out, server.base_url, more=["--attempts", "2"]) == 1
    assert answers(out) == {"q/2": "", **wanted([3])}
    assert "1 answers are blank" in capsys.readouterr().err


def test_dead_fleet_ends_in_one_line_before_the_first_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = prompts(tmp_path / "p.jsonl", 5)
    assert generate(path, tmp_path / "out", "http://127.0.0.1:9/v1", "http://127.0.0.1:11/v1") == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == (
        "persona-metrics: error: no endpoint answers: 127.0.0.1:9: connection failed: refused; 127.0.0.1:11: connection"
        " failed: refused; is the server up, and is --base_url its address?"
    )


def test_fleet_that_dies_on_the_way_ends_in_one_line_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = prompts(tmp_path / "p.jsonl", 60), tmp_path / "out"
    with Mortal(20) as one, Mortal(20) as two:
        assert generate(path, out, one.base_url, two.base_url, more=["--patience", "0.3"]) == 2
    assert "40 answers are kept" in capsys.readouterr().err.splitlines()[-1]
    assert len(answers(out)) == 40
    with Server() as server:
        assert generate(path, out, server.base_url) == 0
    assert answers(out) == wanted(range(60))
    assert server.counts["model"] == 20


def test_kill_loses_at_most_what_was_in_flight(tmp_path: Path) -> None:
    path, out = prompts(tmp_path / "p.jsonl", 120), tmp_path / "out"
    with Server(latency=0.1) as server:
        command = [*warm.python(), "-m", "persona_metrics", "generate", str(path), "--out", str(out), "--model", "m"]
        command += ["--base_url", server.base_url, "--concurrency", "5"]
        running = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
        while server.counts["model"] < 30 and running.poll() is None:
            time.sleep(0.01)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        before = server.counts["model"]
        # What a kill in the middle of a line leaves is as if it had never been written.
        (part,) = (out / "parts").iterdir()
        with part.open("ab") as file:
            file.write(b'{"id": "q/119", "reply": "Answ')
        assert generate(path, out, server.base_url) == 0
    assert 30 <= before < 120
    assert 120 <= server.counts["model"] <= 120 + 5
    assert answers(out) == wanted(range(120))


def test_keys_belong_to_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = prompts(tmp_path / "p.jsonl", 40)
    with Server(key="sk-first-0001", latency=0.02) as first, Server() as second:
        host = first.base_url.split("/")[2]
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", "sk-of-the-critic-0002")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", "http://localhost:1/v1")
        assert generate(path, tmp_path / "a", first.base_url) == 2
        said = capsys.readouterr().err
        assert f"{host}: HTTP 401" in said.splitlines()[-1]
        assert "PERSONA_CRITIC_API_KEYS=host=key" in said.splitlines()[-1]
        assert first.counts == {}
        monkeypatch.setenv("PERSONA_CRITIC_API_KEYS", f"{host}=sk-first-0001")
        assert generate(path, tmp_path / "a", first.base_url, second.base_url, more=["--concurrency", "2"]) == 0
        assert min(first.counts["model"], second.counts["model"]) > 0
        assert {headers.get("Authorization") for _, _, headers in first.log} == {"Bearer sk-first-0001"}
        assert {headers.get("Authorization") for _, _, headers in second.log} == {None}


def test_model_is_the_one_that_the_endpoint_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = prompts(tmp_path / "p.jsonl", 2)
    with Server() as one, Server(models=("a", "b")) as two:
        command = ["generate", str(path), "--out", str(tmp_path / "out"), "--base_url"]
        assert main([*command, one.base_url]) == 0
        assert main([*command, two.base_url]) == 2
    assert answers(tmp_path / "out") == wanted(range(2))
    assert "--model is missing, and the endpoints list 2 models (a, b)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "p.jsonl:2: not JSON"),
        ('{"prompt": "What?"}', 'p.jsonl:2: no "id"'),
        ('{"id": "x"}', 'p.jsonl:2: neither "messages"'),
        ('{"id": "x", "messages": [{"role": "system", "content": "Be."}]}', 'p.jsonl:2: neither "messages"'),
        ('{"id": "q/0", "prompt": "Again?"}', "the id 'q/0' stands twice"),
        ('{"id": "x", "prompt": "?", "generation_kwargs": {"max_gen_toks": "many"}}', "max_gen_toks must be a number"),
        ('{"id": "x", "prompt": "?", "generation_kwargs": [1]}', "generation_kwargs must be an object"),
    ],
)
def test_line_that_is_no_prompt_is_one_line_before_the_first_call(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = prompts(tmp_path / "p.jsonl", 1)
    path.write_text(path.read_text() + line + "\n")
    with Server() as server:
        assert generate(path, tmp_path / "out", server.base_url) == 2
        assert server.counts == {}
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_folder_of_another_model_s_answers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = prompts(tmp_path / "p.jsonl", 2), tmp_path / "out"
    with Server() as server:
        assert generate(path, out, server.base_url) == 0
        assert main(["generate", str(path), "--out", str(out), "--model", "n", "--base_url", server.base_url]) == 2
        assert server.counts["model"] == 2
    assert "answers of the model 'm', not 'n'" in capsys.readouterr().err


def test_first_prompts_that_all_fail_for_one_reason_end_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Strict(Server):
        async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            del request, body
            self.counts["refused"] += 1
            return web.json_response({"error": {"message": "no stop here"}}, status=400)

    path = prompts(tmp_path / "p.jsonl", 200)
    with Strict() as server:
        assert generate(path, tmp_path / "out", server.base_url, more=["--concurrency", "4"]) == 2
    assert server.counts["refused"] < 60
    assert capsys.readouterr().err.splitlines()[-1] == (
        "persona-metrics: error: the first 20 prompts all failed: HTTP 400: bad request, no stop here"
    )
