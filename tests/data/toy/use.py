"""Makes a run of the toy evaluation up, and the report, the leaderboard and every export of it. Prints the paths."""

from __future__ import annotations

import json
from pathlib import Path

from persona_metrics.cli import main
from persona_metrics.export.scores import Task
from persona_metrics.runs.read import load_run
from tests.fakes.runs import Planted, write_run


def toy() -> None:
    """Write everything below the current folder."""
    for name, sentences in (("acme/short", 2), ("acme/long", 6)):
        write_run(Path("runs"), ("persona_main", "persona_toy"), model=name, n=40, planted=Planted(sentences=sentences))
    path = next(Path("runs/acme__short").glob("results_*"))
    assert main(["report", str(path), "--out", "report"]) == 0
    assert main(["report", "runs", "--out", "both"]) == 0
    assert main(["leaderboard", "runs", "--out", "board"]) == 0
    for target in ("eee", "eval-results", "openai-evals", "promptfoo"):
        assert main(["export", str(path), "--to", target, "--out", f"out-{target}", "--dataset", "acme/persona"]) == 0
    run = load_run(path)
    scores = {
        s.row: vars(s.scale) | {"value": s.value}
        for t in run.tasks
        for s in Task(run, t).scores()
        if t.name == "persona_toy"
    }
    Path("scores.json").write_text(json.dumps(scores))


toy()
