"""A disk that is full, short or refuses: exit code 2, one line, and no file that is not whole."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.conftest import full_attributes
from tests.fakes.runs import write_run
from tests.fakes.server import Server

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "report": "report RUN --out OUT/r",
    "leaderboard": "leaderboard RUN --out OUT/l",
    "eee": "export RUN --to eee --developer d --out OUT/e",
    "eval-results": "export RUN --to eval-results --dataset a/b --out OUT/v",
    "openai-evals": "export RUN --to openai-evals --out OUT/o",
    "promptfoo": "export RUN --to promptfoo --out OUT/f",
    "samples": "samples RUN --out OUT/s.parquet",
    "samples csv": "samples RUN --out OUT/s.csv",
    "samples jsonl": "samples RUN --out OUT/s.jsonl",
    "personas jsonl": "personas --n 200 --out OUT/p.jsonl",
    "personas csv": "personas --n 200 --out OUT/p.csv",
    "personas parquet": "personas --n 200 --out OUT/p.parquet",
    "prompts": "prompts --task persona_main --metadata n=20 --out OUT/q.jsonl",
}


def ran(arguments: str | list[str], limit: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command, where told with no file longer than ``limit`` bytes."""

    def short() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    words = arguments.split() if isinstance(arguments, str) else arguments
    return subprocess.run(
        [*warm.python(), "-m", "persona_metrics", *words],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=short,
    )


def refused(done: subprocess.CompletedProcess[str], out: Path, said: str = "cannot be written") -> None:
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert done.returncode == 2, done.stderr
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in done.stderr + done.stdout
    assert [p for p in out.rglob("*") if p.is_file()] == []


@pytest.fixture(scope="module")
def run_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), ("persona_main", "persona_pass_at_k"), n=30, k=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_write_that_ends_early_leaves_nothing(name: str, run_: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    words = COMMANDS[name].replace("RUN", str(run_)).replace("OUT", str(out))
    refused(ran(words, limit=1500), out)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["report", "leaderboard", "eee", "samples csv", "prompts"])
def test_a_file_where_a_folder_should_be_is_one_line(name: str, run_: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = ran(COMMANDS[name].replace("RUN", str(run_)).replace("OUT", str(tmp_path / "out")))
    refused(done, tmp_path / "nothing")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _answers(folder: Path, n: int = 24) -> Path:
    rows = [
        {"persona": full_attributes(), "question": f"What {i}?", "answer": "Try it. " * 40, "model": "m"}
        for i in range(n)
    ]
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _critic(server: Server, folder: Path) -> dict[str, str]:
    return {
        "PERSONA_CRITIC_MODEL": "critic-x",
        "PERSONA_CRITIC_BASE_URL": server.base_url,
        "PERSONA_CRITIC_STORE": str(folder / "store.sqlite"),
    }


@pytest.mark.slow
def test_score_on_a_full_disk_says_so_and_keeps_the_verdicts(tiny: Path, tmp_path: Path) -> None:
    with Server() as server:
        words = ["score", str(_answers(tmp_path)), "--out", str(tiny / "out")]
        done = ran(words, **_critic(server, tmp_path))
        refused(done, tiny)
        assert "the verdicts are kept in the store" in done.stderr
        asked = server.counts["critic"]
        assert asked >= 24
        words[-1] = str(tmp_path / "room")
        again = ran(words, **_critic(server, tmp_path))
        assert again.returncode == 0, again.stderr
        assert server.counts["critic"] == asked
    with contextlib.suppress(OSError), (tiny / "filler").open("wb", buffering=0) as filler:
        while filler.write(b"x" * 1024):
            pass
    with Server() as server:
        fresh = {**_critic(server, tmp_path), "PERSONA_CRITIC_STORE": str(tmp_path / "other.sqlite")}
        late = ran(["score", str(_answers(tmp_path)), "--out", str(tiny / "out")], **fresh)
        assert late.returncode == 2
        assert server.counts.total() == 0  # no room at all is found before anybody is asked


@pytest.mark.slow
@pytest.mark.parametrize("model", ["m" * 300, "..", "a/../../b", "nul", "half \ud800", "a\x00b", "x" * 120 + "é" * 90])
def test_a_model_of_any_name_is_scored_inside_out(model: str, tmp_path: Path) -> None:
    path = _answers(tmp_path, 2)
    rows = [{**json.loads(line), "model": model} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out"
    with Server() as server:
        done = ran(["score", str(path), "--out", str(out)], **_critic(server, tmp_path))
    assert done.returncode == 0, done.stderr
    written = [p for p in out.rglob("*") if p.is_file()]
    assert len(written) == 2
    assert all(len(p.relative_to(out).parts) == 2 for p in written)
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("store")) == ["answers.jsonl", "out"]
    read = ran(["samples", str(out), "--out", str(tmp_path / "t.jsonl")])
    assert read.returncode == 0, read.stderr
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 2


API = """
import sys
from persona_metrics import PersonaError, evaluate_model
try:
    evaluate_model(sys.argv[3], n=40, base_url=sys.argv[1], critic_model="c", critic_base_url=sys.argv[1],
                   critic_store=sys.argv[4], output_path=sys.argv[2])
except PersonaError as error:
    print("one line:", error)
"""


@pytest.mark.slow
def test_evaluate_model_on_a_full_disk_raises_and_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    with Server() as server:
        command = [
            *warm.python(),
            "-c",
            API.replace("PersonaError, evaluate_model", "evaluate_model").replace(
                "import sys\n", "import sys\nfrom persona_metrics.errors import PersonaError\n"
            ),
        ]
        command += [server.base_url, str(tiny / "out"), "m", str(tmp_path / "s.sqlite")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "one line:" in done.stdout, done.stderr
    assert "cannot be written" in done.stdout or "could not be written" in done.stdout
    assert [p for p in tiny.rglob("*") if p.is_file()] == []


def test_a_task_named_as_a_path_is_exported_inside_out(run_: Path, tmp_path: Path) -> None:
    from persona_metrics.cli import main

    data: dict[str, Any] = json.loads(run_.read_text())
    evil = str(tmp_path / "evil")
    for part in ("configs", "results", "n-samples"):
        data[part] = {(evil if name == "persona_main" else name): value for name, value in data[part].items()}
    place = tmp_path / "run"
    place.mkdir()
    (place / run_.name).write_text(json.dumps(data))
    for target in ("eee", "openai-evals", "promptfoo", "eval-results"):
        main(
            [
                "export",
                str(place),
                "--to",
                target,
                "--developer",
                "../../d",
                "--dataset",
                "a/b",
                "--out",
                str(tmp_path / "out"),
            ]
        )
    main(["report", str(place), "--out", str(tmp_path / "out" / "report")])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "run"]
