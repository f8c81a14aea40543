"""The tasks without a critic as a user runs them: lm_eval, report, leaderboard and exports, and the embedded model."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from persona_metrics import evaluate_model
from persona_metrics.cli import main
from tests.e2e.command import Install, evaluate, run
from tests.fakes.choosing import ignores, knows, letter, table
from tests.fakes.server import Server
from tests.simulated import FULL

TASKS = "persona_choice_generate,persona_opinion_generate"
BRIEF = "age,sex,religion,ideology,income,marital status"
"""What is left of a persona, so that a real model reads a prompt in a second."""


def reply(prompt: str, seed: int) -> str:
    return letter(table(1) if "Asked of adults" in prompt else knows)(prompt, seed)


def test_user_gets_numbers_both_figures_a_leaderboard_and_exports_without_any_critic(
    tmp_path: Path, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server(reply=reply) as server:
        ran = evaluate(server, TASKS, cwd=tmp_path, critic=False, metadata={"n": 40}, install=install)
        assert ran.code == 0, ran.stderr
        assert server.counts["critic"] == 0
    rows = ran.rows("persona_choice_generate")
    assert (rows["adapts"], rows["stays"]) == (1.0, 1.0)
    assert "skill" in ran.rows("persona_opinion_generate")
    assert "no critic is asked" in ran.stderr
    report, board, exported = (str(tmp_path / name) for name in ("report", "board", "exported"))
    assert main(["report", str(ran.folder), "--out", report]) == 0
    figures = {path.name for path in (tmp_path / "report" / "figures").glob("*.svg")}
    assert {"persona_choice_generate-corner.svg", "persona_opinion_generate-differences.svg"} <= figures
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "no critic needed" in page
    assert "adapts in 100%" in page
    assert main(["leaderboard", str(ran.folder), "--out", board]) == 0
    text = (tmp_path / "board" / "leaderboard.md").read_text(encoding="utf-8")
    assert "without a critic, by generated letter" in text
    headers = [row for row in text.splitlines() if row.startswith("| rank")]
    named = {cell.split(",")[0].strip() for header in headers for cell in header.split("|")}
    assert {"adapts", "stays", "acc", "prior", "skill", "steer"} <= named, headers
    for target in ("eee", "eval-results"):
        assert main(["export", str(ran.folder), "--to", target, "--out", exported, "--developer", "me"]) == 0
    (log,) = (tmp_path / "exported").rglob("*.json")
    results = json.loads(log.read_text(encoding="utf-8"))["evaluation_results"]
    assert not any("llm_scoring" in result["metric_config"] for result in results)
    capsys.readouterr()
    assert main(["export", str(ran.folder), "--to", "inspect", "--out", exported]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_two_models_are_ranked_by_adapts(tmp_path: Path) -> None:
    for name, shares in (("knows", knows), ("ignores", ignores)):
        with Server(reply=letter(shares)) as server:
            evaluate_model(name, "choice", n=40, base_url=server.base_url, output_path=tmp_path / name)
    assert main(["leaderboard", str(tmp_path), "--out", str(tmp_path / "board")]) == 0
    (board,) = json.loads((tmp_path / "board" / "leaderboard.json").read_text())["tables"]
    assert [(row["model"], row["groups"], row["rank"]) for row in board["rows"]] == [
        ("knows", "a", 1),
        ("ignores", "b", 2),
    ]


def test_dummy_model_runs_whole(tmp_path: Path) -> None:
    began = time.monotonic()
    ran = run(
        ["run", "--model", "dummy", "--tasks", "persona_judgefree", *_here(), "--output_path", "out"], cwd=tmp_path
    )
    assert ran.code == 0, ran.stderr
    assert 0.1 < ran.rows("persona_choice")["adapts"] < 0.4
    print(f"{time.monotonic() - began:.1f} s")


def test_loglikelihoods_of_a_chat_endpoint_are_refused_in_one_line(tmp_path: Path) -> None:
    with Server() as server:
        ran = evaluate(server, "persona_opinion", cwd=tmp_path, critic=False)
    assert ran.code == 2
    assert "run persona_opinion_generate instead" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_embedded_model_answers_with_a_letter_every_time(tmp_path: Path) -> None:
    found = evaluate_model("embedded", "choice", n=1, num_concurrent=1, output_path=tmp_path, columns=BRIEF)
    assert found.results.metrics["answer_failures"].value == 0.0
    assert found.samples["choice"].notna().all()
    assert found.results.task == "persona_choice_generate"


@pytest.fixture
def gguf_read_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep what transformers reads anew: 100,000 words, four times, and the tensors' names, for each module of a model.

    One thread: more of them wait for one another by spinning.
    """
    import gguf
    import torch

    for name in ("GGUFReader", "get_tensor_name_map"):
        monkeypatch.setattr(gguf, name, cache(getattr(gguf, name)))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.hf
@pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="needs the hf extra and gguf")
@pytest.mark.usefixtures("gguf_read_once")
def test_loglikelihoods_of_the_embedded_file_pick_mostly_as_its_letters_do() -> None:
    from persona_metrics.embedded_model.model import model_path

    path = model_path()
    arguments = {"pretrained": str(path.parent), "gguf_file": path.name, "dtype": "float32", "device": "cpu"}
    n, more = (6, {}) if FULL else (3, {"columns": BRIEF})
    likely = evaluate_model("hf", "choice", n=n, model_args=arguments, apply_chat_template=True, **more)
    written = evaluate_model("embedded", "choice", n=n, num_concurrent=2, **more)
    assert likely.results.metadata["pairs_hash"] == written.results.metadata["pairs_hash"]
    both = likely.samples.merge(written.samples, on=["doc_id", "variant"], suffixes=("_likely", "_written"))
    assert len(both) == 4 * n
    # Another arithmetic turns a near tie now and then.
    assert (both["choice_likely"] == both["choice_written"]).mean() >= 0.75


def _here() -> list[str]:
    from tests.e2e.command import HERE

    return HERE.flags
