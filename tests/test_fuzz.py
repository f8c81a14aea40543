"""Whatever stands in a file, every command ends with 0, 1 or 2 and never with a stack."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from tests import warm
from tests.conftest import full_attributes
from tests.fakes.runs import Planted, write_run
from tests.fakes.server import Server

ODD: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "12",
    "0.5",
    "NaN",
    -1,
    0,
    2,
    10**30,
    0.5,
    float("nan"),
    float("inf"),
    [],
    ["x"],
    [[]],
    {},
    {"x": 1},
    {"": None},
    "\ud800",
    "a\x00b",
    "../../x",
    "=1+1",
    "\u2028",
    "y" * 400,
)
TASKS = ("persona_main", "persona_loo", "persona_intersection", "persona_pass_at_k")


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value of nested data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def changed(data: Any, path: Sequence[Any], value: Any) -> Any:
    """Return nested data with one value replaced, or taken out where ``value`` is ``...``."""
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    if len(path) == 1 and value is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def spoiled(data: Any, luck: random.Random) -> Any:
    for _ in range(luck.choice((1, 1, 2, 4))):
        listed = places(data)[1:]
        data = changed(data, luck.choice(listed), luck.choice((..., *ODD))) if listed else luck.choice(ODD)
    return data


def broken(text: bytes, luck: random.Random) -> bytes:
    kind = luck.randrange(10)
    if kind == 0:
        return text[: luck.randrange(len(text) + 1)]
    if kind == 1:
        return b"[" * 100_000 + text
    if kind == 2:
        return text.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")
    if kind == 3:
        at = luck.randrange(len(text) + 1)
        return text[:at] + bytes(luck.randrange(256) for _ in range(4)) + text[at:]
    if kind == 4:
        return b"\xef\xbb\xbf" + text
    if kind == 5:
        return b'{"a":' * 50_000
    return b"" if kind == 6 else text


def called(*arguments: object) -> tuple[int, str, str]:
    """Run the command in this process; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, out.getvalue(), err.getvalue()


def sound(result: tuple[int, str, str]) -> None:
    code, out, err = result
    assert code in (0, 1, 2), err
    assert "Traceback" not in out + err
    if code == 2:
        assert sum("error:" in line for line in err.splitlines()) == 1, err


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    return write_run(
        folder, TASKS, n=6, k=3, attributes="age,sex", min_support=2, planted=Planted(missing=0.2, failures=0.2)
    )


READERS: dict[str, Callable[[Path, Path], tuple[Any, ...]]] = {
    "report": lambda run, out: ("report", run, "--out", out, "--no_figures"),
    "leaderboard": lambda run, out: ("leaderboard", run, "--out", out),
    "eee": lambda run, out: ("export", run, "--to", "eee", "--developer", "d", "--out", out),
    "eval-results": lambda run, out: ("export", run, "--to", "eval-results", "--dataset", "a/b", "--out", out),
    "openai-evals": lambda run, out: ("export", run, "--to", "openai-evals", "--out", out),
    "promptfoo": lambda run, out: ("export", run, "--to", "promptfoo", "--out", out),
    "samples.csv": lambda run, out: ("samples", run, "--out", out / "t.csv"),
    "samples.parquet": lambda run, out: ("samples", run, "--out", out / "t.parquet"),
}

# The same ones wherever the tests run: what fails in CI fails on a laptop.
SEEDS = range(int(os.environ.get("PERSONA_FUZZ", "12")))


def spoiled_run(good: Path, folder: Path, luck: random.Random) -> None:
    """Write a copy of the run with something wrong in the results or in the lines of the samples."""
    in_results = luck.random() < 0.5
    data = json.loads(good.read_text())
    text = json.dumps(spoiled(data, luck) if in_results and luck.random() < 0.8 else data).encode()
    text = broken(text, luck) if in_results and luck.random() < 0.3 else text
    packed = luck.random() < 0.2
    name, whole = (good.name + ".gz", gzip.compress(text)) if packed else (good.name, text)
    (folder / name).write_bytes(whole[: len(whole) - 5] if packed and luck.random() < 0.3 else whole)
    for samples in good.parent.glob("samples_*"):
        lines = samples.read_text().splitlines()
        if not in_results:
            lines = [_spoiled_line(line, luck) if luck.random() < 0.6 else line for line in lines]
        body = "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"
        (folder / samples.name).write_bytes(broken(body, luck) if not in_results and luck.random() < 0.2 else body)


def _spoiled_line(line: str, luck: random.Random) -> str:
    data = json.loads(line)
    if luck.random() < 0.6:
        index = luck.randrange(len(data["filtered_resps"]))
        data["filtered_resps"][index] = [json.dumps(spoiled(json.loads(data["filtered_resps"][index][0]), luck))]
        return json.dumps(data)
    return json.dumps(spoiled(data, luck), ensure_ascii=luck.random() < 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", READERS)
def test_spoiled_runs_are_read_or_refused(name: str, seed: int, good: Path, tmp_path: Path) -> None:
    luck = random.Random(f"{name}{seed}")
    spoiled_run(good, tmp_path, luck)
    target = tmp_path / good.name if luck.random() < 0.3 and (tmp_path / good.name).exists() else tmp_path
    sound(called(*READERS[name](target, tmp_path / "out")))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_spoiled_personas_and_questions_are_read_or_refused(seed: int, tmp_path: Path) -> None:
    luck = random.Random(seed)
    personas = [{**full_attributes(), "id": str(i)} for i in range(3)]
    questions = [{"id": str(i), "question": f"What {i}?", "topic": "t"} for i in range(3)]
    for name, rows in (("p.jsonl", personas), ("q.jsonl", questions)):
        listed = [spoiled(row, luck) if luck.random() < 0.3 else row for row in rows]
        body = "\n".join(json.dumps(row) for row in listed).encode()
        (tmp_path / name).write_bytes(broken(body, luck) if luck.random() < 0.3 else body)
    given_ = [f"personas={tmp_path / 'p.jsonl'}", f"questions={tmp_path / 'q.jsonl'}", "n=2"]
    sound(called("prompts", "--task", "persona_main", "--out", tmp_path / "out.jsonl", "--metadata", *given_))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_spoiled_answers_are_scored_or_refused(seed: int, tmp_path: Path) -> None:
    luck = random.Random(seed)
    rows = [
        {"persona": full_attributes(), "question": f"What {i}?", "reply": "Try it.", "model": "m"} for i in range(3)
    ]
    listed = [spoiled(row, luck) if luck.random() < 0.4 else row for row in rows]
    body = "\n".join(json.dumps(row) for row in listed).encode()
    (tmp_path / "a.jsonl").write_bytes(broken(body, luck) if luck.random() < 0.3 else body)
    with Server() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONA_CRITIC_MODEL", "critic-x")
        patch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        patch.setenv("PERSONA_CRITIC_STORE", str(tmp_path / "store.sqlite"))
        sound(called("score", tmp_path / "a.jsonl", "--out", tmp_path / "out"))


# -- files that are none ---------------------------------------------------------------------------------------------


def _trap(folder: Path, good: Path) -> None:
    """Put everything beside a good run that a folder can hold instead of files."""
    stamp = good.name.removeprefix("results_").removesuffix(".json")
    (folder / "results_2027-01-01T00-00-00.000001.json").mkdir()
    os.mkfifo(folder / "results_2027-01-02T00-00-00.000001.json")
    (folder / "results_2027-01-03T00-00-00.000001.json").symlink_to("results_2027-01-03T00-00-00.000001.json")
    (folder / "results_2027-01-04T00-00-00.000001.json").write_text("{")
    (folder / "results_2027-01-05T00-00-00.000001.json.gz").write_bytes(gzip.compress(good.read_bytes())[:100])
    (folder / "results_2027-01-06T00-00-00.000001.json").write_text(
        '{"configs": {"mmlu": {"metadata": [1]}}, "results": {}}'
    )
    os.mkfifo(folder / f"samples_persona_other_{stamp}.jsonl")
    (folder / "circle").symlink_to(folder)
    unix = socket.socket(socket.AF_UNIX)
    place = Path.cwd()
    os.chdir(folder)  # a socket's path may have 108 characters at most
    unix.bind("results_2027-01-07T00-00-00.000001.json")
    os.chdir(place)
    unix.close()
    for path in good.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())


@pytest.mark.parametrize("name", READERS)
def test_traps_beside_a_good_run_are_left_out_in_one_line_each(name: str, good: Path, tmp_path: Path) -> None:
    _trap(tmp_path, good)
    code, out, err = called(*READERS[name](tmp_path, tmp_path / "out"))
    assert code == 0, err
    said = [
        line for line in (out + err).replace("\\", "").splitlines() if "left out: " in line and "results_2027" in line
    ]
    # The leaderboard shows its notes in its page, too; export stops at the newest run, which is older than both.
    assert {line[line.index("results_2027") :][:18] for line in said} >= {"results_2027-01-04", "results_2027-01-05"}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["fifo", "circle", "nowhere", "cut.gz", "binary", "no permission"])
def test_a_path_that_is_no_file_is_one_line(name: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "results_2027-01-01T00-00-00.000001.json"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "circle":
        path.symlink_to(path)
    elif kind == "cut.gz":
        path = path.with_name(path.name + ".gz")
        path.write_bytes(gzip.compress(os.urandom(5000))[:2000])
    elif kind == "binary":
        path.write_bytes(os.urandom(2000))
    elif kind == "no permission":
        path.write_text("{}")
        path.chmod(0)
    result = called(*READERS[name](path, tmp_path / "out"))
    sound(result)
    assert result[0] == 2


# -- real processes --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_processes_end_as_calls_do(good: Path, tmp_path: Path) -> None:
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        spoiled_run(good, folder, random.Random(seed))
        ran = subprocess.run(
            [*warm.python(), "-m", "persona_metrics", "leaderboard", folder, "--out", folder / "out"],
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": warm.path()},
            capture_output=True,
            text=True,
            check=False,
        )
        sound((ran.returncode, ran.stdout, ran.stderr))
