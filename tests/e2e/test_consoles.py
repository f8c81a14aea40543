"""Consoles that lack characters, readers that go, streams that are closed, Ctrl-C: the work is done, or ends in one line."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from persona_metrics.dataset.sources import load_pool
from persona_metrics.settings import Settings
from tests import warm
from tests.conftest import full_attributes
from tests.e2e.command import evaluate
from tests.fakes.runs import Planted, Texts, write_run
from tests.fakes.server import Server

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
ODD = "Grüße – ↑ 日本 \u202e 😀"
COMMANDS = {
    "tasks": ("tasks", None),
    "doctor": ("doctor --attributes", None),
    "report": ("report RUN --out OUT/r --no_figures", "r/report.html"),
    "leaderboard": ("leaderboard RUN --out OUT/l", "l/leaderboard.csv"),
    "export": ("export RUN --to eval-results --dataset a/b --out OUT/e", "e/model-index.md"),
    "samples": ("samples RUN --out OUT/s.csv", "s.csv"),
    "prompts": ("prompts --task persona_main --metadata n=3 --out OUT/q.jsonl", "q.jsonl"),
    "personas": ("personas --n 3 --out OUT/p.jsonl", "p.jsonl"),
    "help": ("--help", None),
}
ENDINGS = {
    "head": "| head -c 1",
    "closed": ">&-",
    "both closed": ">&- 2>&-",
    "input closed": "<&- >/dev/null",
    "errors closed": "2>&- >/dev/null",
    "head of both": "2>&1 | head -c 1",
    "errors full": "2>/dev/full >/dev/null",
}
CONSOLES = (
    {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0"},
)
QUICK = ("tasks", "help")
"""Commands that meet every ending and every console; each of the others meets some, and among them they meet all."""


def turns(name: str, of: Sequence[T], step: int) -> Sequence[T]:
    """Return those of ``of`` that the command meets: each ``step``-th, from its own place on."""
    return of if name in QUICK else of[list(COMMANDS).index(name) % step :: step]


@pytest.fixture(scope="module")
def run_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = Texts(question=lambda pair, text: f"{text} {ODD}")  # noqa: ARG005
    return write_run(tmp_path_factory.mktemp("run"), model=f"m-{ODD}", n=8, planted=Planted(texts=texts))


def shell(name: str, run_: Path, out: Path, ending: str, **console: str) -> subprocess.CompletedProcess[bytes]:
    out.mkdir(exist_ok=True)
    words = COMMANDS[name][0].replace("RUN", f"'{run_}'").replace("OUT", f"'{out}'")
    line = f"set -o pipefail; {shlex.join(warm.python(**console))} -m persona_metrics {words} {ending}"
    return subprocess.run(
        ["bash", "-c", line],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **console},
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_work_is_done_whoever_reads(name: str, run_: Path, tmp_path: Path) -> None:
    for ending, written in turns(name, list(ENDINGS.items()), 3):
        done = shell(name, run_, tmp_path / ending.replace(" ", "-"), written)
        # doctor finds no critic here, which is its 1.
        assert done.returncode in ((0, 1) if name == "doctor" else (0,)), (ending, done.stderr)
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr
        if file := COMMANDS[name][1]:
            assert (tmp_path / ending.replace(" ", "-") / file).stat().st_size > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_any_console_takes_what_is_printed(name: str, run_: Path, tmp_path: Path) -> None:
    for number, environment in enumerate(turns(name, CONSOLES, 3)):
        done = shell(name, run_, tmp_path / str(number), "", **environment)
        assert done.returncode in ((0, 1) if name == "doctor" else (0,)), done.stderr
        assert b"Traceback" not in done.stderr
        if file := COMMANDS[name][1]:
            assert (tmp_path / str(number) / file).stat().st_size > 100


@pytest.mark.slow
def test_a_full_standard_output_is_one_line(run_: Path, tmp_path: Path) -> None:
    for name in ("tasks", "report"):
        done = shell(name, run_, tmp_path, ">/dev/full")
        assert done.returncode == 2
        assert done.stderr.decode().splitlines()[-1] == (
            "persona-metrics: error: standard output: No space left on device"
        )


@pytest.mark.slow
def test_lm_evals_own_table_and_samples_survive_console_and_replies(tmp_path: Path) -> None:
    """The console is ASCII; every third reply holds half a surrogate pair, which no file can."""
    replies = iter(range(10**6))

    def reply(prompt: str, seed: int) -> str:  # noqa: ARG001
        return f"Half \ud83d pair – {ODD}." if next(replies) % 3 == 0 else "Try it."

    with Server(reply=reply) as server:
        ran = evaluate(
            server,
            "persona_main",
            cwd=tmp_path,
            metadata={
                "critic_model": "c",
                "critic_base_url": server.base_url,
                "n": 12,
            },
            PYTHONIOENCODING="ascii",
            LC_ALL="C",
        )
    assert ran.code == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "personalized" in ran.table("persona_main")
    samples = ran.samples("persona_main")
    assert len(samples) == 12
    assert sum("Half \ufffd pair" in sample["resps"][0][0] for sample in samples) == 4


LONG = {
    "personas": "personas --n 3000000 --out OUT/p.jsonl",
    "check": "personas --check PERSONAS",
    "report": "report BIG --out OUT/r",
    "leaderboard": "leaderboard BIG --out OUT/l",
    "export": "export BIG --to eee --developer d --out OUT/e",
    "samples": "samples BIG --out OUT/s.parquet",
    "prompts": "prompts --task persona_main --metadata n=20000 --out OUT/q.jsonl",
}


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("big")
    run = write_run(folder, ("persona_loo",), n=400, attributes="age,sex,race,education,income,religion")
    people = folder / "people.jsonl"
    embedded = [dict(persona.attributes) for persona in load_pool(Settings()).personas]
    people.write_text("".join(json.dumps({**one, "id": f"{i}"}) + "\n" for i, one in enumerate(embedded * 20)))
    return {"BIG": str(run), "PERSONAS": str(people)}


# As the installed script; what interrupts Python before it has come so far is not ours.
UP = "from persona_metrics.cli import main\nprint('up', flush=True)\nraise SystemExit(main())"


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_ctrl_c_ends_in_one_line(name: str, big: dict[str, str], tmp_path: Path) -> None:
    words = LONG[name]
    for key, value in {**big, "OUT": str(tmp_path)}.items():
        words = words.replace(key, value)
    for wait in (0.2, 1.0):
        command = [*warm.python(), "-c", UP, *words.split()]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            time.sleep(wait)
            running = process.poll() is None
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=60)
        assert "Traceback" not in out + said
        if running and process.returncode not in (0, 1):
            assert process.returncode in (130, -signal.SIGINT)
            assert said.splitlines()[-1] == "persona-metrics: interrupted"
            assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
def test_ctrl_c_while_scoring_ends_in_one_line_and_keeps_the_verdicts(tmp_path: Path) -> None:
    rows = [{"persona": full_attributes(), "question": f"What {i}?", "answer": "Try it."} for i in range(60)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [
        *warm.python(),
        "-m",
        "persona_metrics",
        "score",
        str(tmp_path / "a.jsonl"),
        "--out",
        str(tmp_path / "out"),
    ]
    with Server() as server:
        server.latency = 0.2
        environment = {
            **os.environ,
            "PERSONA_CRITIC_MODEL": "c",
            "PERSONA_CRITIC_BASE_URL": server.base_url,
            "PERSONA_CRITIC_STORE": str(tmp_path / "store.sqlite"),
            "PERSONA_CRITIC_CONCURRENCY": "2",
        }
        with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
            while server.counts["critic"] < 10:
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
        assert process.returncode in (130, -signal.SIGINT)
        assert "Traceback" not in said
        assert "interrupted" in said.splitlines()[-1]
        asked = server.counts["critic"]
        server.latency = 0
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        # One dry debate, and at most those that were on their way.
        assert server.counts["critic"] - asked <= 60 - asked + 1 + 1 + 2 * 2
