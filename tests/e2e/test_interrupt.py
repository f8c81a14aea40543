"""Ctrl-C while a run is judging: one line that says how to resume, no stack, and nothing is paid for twice."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests import warm
from tests.fakes.server import Server
from tests.scoring.made import line, write


class Pressing(Server):
    """Presses Ctrl-C itself, when the critic is asked for the ``at``-th time: a busy test would come too late."""

    at = 0
    process: subprocess.Popen[str] | None = None
    pause = 0.0
    """Seconds that the critic takes; the model takes none."""

    def judged(self, text: str) -> str:
        if self.at and self.counts["critic"] >= self.at and self.process is not None:
            self.at = 0
            self.process.send_signal(signal.SIGINT)
        return super().judged(text)

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if self.counts["model"] >= 60:
            await asyncio.sleep(self.pause)
        return await super()._answer(request, body)


RUN = """
import sys
from persona_metrics.api import evaluate_model
result = evaluate_model("m", n=60, base_url=sys.argv[1], critic_model="m", critic_base_url=sys.argv[1],
                        critic_concurrency=4, critic_votes=2, critic_temperature=1.0, use_cache=sys.argv[2])
print(result.results.metrics["critic_agreement"].value, result.results.metrics["critic_failures"].value)
"""


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [*warm.python(), "-c", RUN]
    root = Path(__file__).parents[2]
    with Pressing() as server:
        command += [server.base_url, str(tmp_path / "answers")]
        server.pause, server.at = 0.05, 20
        with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) as process:
            server.process = process
            said = process.communicate(timeout=120)[1]
        assert process.returncode != 0
        assert "interrupted; " in said.splitlines()[-1]
        assert "run the same command again" in said.splitlines()[-1]
        assert "Traceback" not in said
        server.pause, generated, judged = 0, server.counts["model"], server.counts["critic"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        assert server.counts["model"] == generated == 60
        # 120 votes and one dry debate; of the votes at most those in flight are asked twice.
        assert server.counts["critic"] - judged <= 1 + 120 - (judged - 1) + 2 * 4
        before = server.counts.copy()
        subprocess.run(command, cwd=root, capture_output=True, check=True)
        assert server.counts == before  # a rerun of a finished run makes no call
    assert done.stdout.strip().splitlines()[-1] == "1.0 0.0"


@pytest.mark.parametrize("first", [300, 411, 523])
def test_ctrl_c_while_the_client_is_busy_shows_no_stack_and_says_what_is_kept(first: int, tmp_path: Path) -> None:
    """It comes in the middle of a step: nothing is waited for, since the critic answers at once."""
    answers = write(tmp_path / "answers.jsonl", [line(i) for i in range(3000)])
    command = [*warm.python(), "-m", "persona_metrics", "score", str(answers), "--out", str(tmp_path / "out")]
    with Pressing(keep_log=False) as server:
        settings = {"MODEL": "critic", "BASE_URL": server.base_url, "STORE": str(tmp_path / "store")}
        environment = {**os.environ, **{f"PERSONA_CRITIC_{name}": value for name, value in settings.items()}}
        server.at = first
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            server.process = process
            said = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert re.search(r"interrupted; [\d,]+ verdicts are kept; run the same command again", said), said
    assert "Traceback" not in said
    assert "Task" not in said
