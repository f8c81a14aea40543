"""The commands as a user types them, but for those that have a file of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from persona_metrics import __version__
from persona_metrics.cli import COMMANDS, main
from persona_metrics.harness.task_files import tasks_folder

CHECKOUT = Path(__file__).parents[2]


def test_every_subcommand_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert f"persona-metrics {name}" in capsys.readouterr().out


def test_version_and_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"persona-metrics {__version__}\n"
    with pytest.raises(SystemExit) as ended:
        main(["dmeo"])
    assert ended.value.code == 2


def test_tasks_lists_group_tag_and_tasks_and_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks"]) == 0
    shown = capsys.readouterr().out
    for path in tasks_folder().glob("persona_*.yaml"):
        assert any(line.startswith(f"{path.stem} ") for line in shown.splitlines()), path.stem
    assert "[tag persona_modes]" in shown
    assert f"folder: {tasks_folder()}" in shown
    assert main(["tasks", "--path"]) == 0
    assert capsys.readouterr().out == f"{tasks_folder()}\n"


def test_reader_that_has_had_enough_is_no_error() -> None:
    command = f"{sys.executable} -m persona_metrics tasks | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--n", "0"], "--n 0: at least one pair"),
        (["serve", "--port", "99999"], "--port 99999: must be between 0 and 65535"),
    ],
)
def test_wrong_argument_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"persona-metrics: error: {message}\n"


def test_local_model_that_is_none_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.gguf").write_bytes(b"no model")
    for given, message in ((tmp_path / "x.gguf", "not a GGUF file"), (tmp_path / "none", "no such file")):
        monkeypatch.setenv("PERSONA_LOCAL_MODEL", str(given))
        assert main(["serve", "--port", "0"]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_serve_prints_its_address_answers_like_openai_and_ends_on_a_signal() -> None:
    serving = subprocess.Popen(
        [sys.executable, "-m", "persona_metrics", "serve", "--port", "0"],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stdout is not None
        address = serving.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        body = {"model": "embedded", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 4}
        request = urllib.request.Request(
            f"{address}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            reply = json.load(answer)
        assert isinstance(reply["choices"][0]["message"]["content"], str)
        port = address.split(":")[2].split("/")[0]
        second = subprocess.run(
            [sys.executable, "-m", "persona_metrics", "serve", "--port", port],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (second.returncode, second.stderr.count("\n")) == (2, 1)
        assert "take another, or 0" in second.stderr
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(60) == 0
