"""What a run took stands in its results and on its last lines, and a limit stops it with everything kept."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from tests.e2e.command import evaluate
from tests.fakes.runs import write_run
from tests.fakes.server import Server

PRICES = "c: {input: 1, output: 10}\nm: {input: 2, output: 20}\n"


@pytest.mark.slow
def test_a_run_says_what_it_took_and_what_comes_next(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    with Server() as server:
        ran = evaluate(
            server, "persona_main,persona_contrast", cwd=tmp_path, metadata={"n": 6, "prices": "prices.yaml"}
        )
        assert ran.code == 0, ran.stderr
        calls = server.counts["critic"] - 1  # without the check before the run
        assert calls == 6 + 12
    usage = [ran.results()["configs"][task]["metadata"]["usage"] for task in ("persona_main", "persona_contrast")]
    assert sum(one["critic"]["calls"] for one in usage) == calls
    assert [one["critic"]["from_store"] for one in usage] == [0, 6] or [one["critic"]["calls"] for one in usage] == [
        0,
        18,
    ]
    assert [one["model"]["calls"] for one in usage] == [6, 12]
    assert [one["model"]["prompt_tokens"] for one in usage] == [6 * 700, 12 * 700]
    assert usage[0]["model"]["price"] == pytest.approx(6 * (700 * 2 + 80 * 20) / 1e6)
    assert sum(one["critic"]["price"] for one in usage) == pytest.approx(calls * (700 + 800) / 1e6)
    assert {one["critic"]["price_source"] for one in usage} == {"prices.yaml"}
    last = ran.stderr.strip().splitlines()[-4:]
    assert last[0] == f"persona-metrics: 24 verdicts ({calls + 1} calls of critics, 6 votes from the store), 0 missing"
    assert last[1].startswith(
        f"persona-metrics: critic: {(calls + 1) * 700:,} tokens in, {(calls + 1) * 80:,} out, $0.029"
    )
    assert last[2] == "persona-metrics: model: 18 replies, 12,600 tokens in, 1,440 out, $0.054"
    assert last[3] == "persona-metrics: next: persona-metrics report out"
    # One count over all tasks: what is ahead is known before the first is judged.
    assert "critic persona_main (1 of 2):  25%|██▌       | 6/24" in ran.stderr
    assert "critic persona_contrast (2 of 2): 100%|██████████| 24/24" in ran.stderr
    assert "price=$0.0" in ran.stderr


@pytest.mark.slow
def test_a_cost_stop_ends_the_command_in_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    metadata = {"n": 40, "prices": "prices.yaml", "critic_concurrency": 4}
    with Server(latency=0.02) as server:
        ran = evaluate(
            server, "persona_main", cwd=tmp_path, metadata=metadata, PERSONA_CRITIC_MAX_COST=str(11 * 0.0015)
        )
        assert ran.code == 2
        asked = server.counts["critic"]
        assert 11 <= asked <= 11 + 4
        assert "is reached" in ran.stderr
        assert "verdicts are kept; raise it, and run the same command again" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert "next:" not in ran.stderr
        ran = evaluate(server, "persona_main", cwd=tmp_path, metadata=metadata)
        assert ran.code == 0, ran.stderr
        assert server.counts["critic"] == 41  # the check's is kept, too


def _spent(price: float | None) -> dict[str, Any]:
    side = {"calls": 10, "prompt_tokens": 7000, "completion_tokens": 800, "price_source": "prices.yaml"}
    return {"usage": {"critic": {**side, "price": price, "seconds": 12.5}, "model": {**side, "price": 0.02}}}


def test_report_and_leaderboard_have_tokens_price_and_time(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", model="told", n=20, metadata=_spent(0.015))
    write_run(tmp_path / "runs", model="half-told", n=20, metadata=_spent(None))
    write_run(tmp_path / "runs", model="untold", n=20)
    assert main(["report", str(tmp_path / "runs"), "--out", str(tmp_path / "report")]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    of = {task["model"]: task["usage"] for task in report["tasks"]}
    assert (of["told"]["price"], of["told"]["seconds"], of["told"]["model_prompt_tokens"]) == (0.015, 12.5, 7000)
    assert (of["half-told"]["price"], of["half-told"]["model_price"]) == (None, 0.02)
    assert (of["untold"]["price"], of["untold"]["seconds"], of["untold"]["model_price"]) == (None, None, None)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "$0.015 (prices.yaml)" in page
    assert "no price known" in page

    assert main(["leaderboard", str(tmp_path / "runs"), "--out", str(tmp_path / "board")]) == 0
    with (tmp_path / "board" / "leaderboard.csv").open() as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert (rows["told"]["tokens"], rows["told"]["price"]) == ("15600", "0.035")
    # A sum of which one part is not known is not known, and never 0.
    assert (rows["half-told"]["tokens"], rows["half-told"]["price"]) == ("15600", "")
    assert (rows["untold"]["tokens"], rows["untold"]["price"]) == ("", "")


@pytest.mark.parametrize(
    "usage", [3, [], {"critic": []}, {"critic": {"price": "free", "prompt_tokens": True}}, {"model": {"price": -1}}]
)
def test_usage_that_is_none_is_left_out(tmp_path: Path, usage: Any) -> None:
    write_run(tmp_path / "runs", n=5, metadata={"usage": usage})
    assert main(["report", str(tmp_path / "runs"), "--out", str(tmp_path / "report")]) == 0
    (task,) = json.loads((tmp_path / "report" / "report.json").read_text())["tasks"]
    assert task["usage"]["price"] is task["usage"]["model_price"] is None
    assert main(["leaderboard", str(tmp_path / "runs"), "--out", str(tmp_path / "board")]) == 0
