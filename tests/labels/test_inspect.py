"""People's labels as a second scorer of an Inspect log, read by inspect-ai itself in a venv of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from persona_metrics.cli import main
from tests.e2e.tools import tool_python
from tests.labels.planted import answered, items, label, right, run, write

CHECKOUT = Path(__file__).parents[2]
EXPORT_AND_READ = """
import json, sys
from persona_metrics.cli import main
assert main(sys.argv[1:]) == 0
from inspect_ai.log import list_eval_logs, read_eval_log
(info,) = list_eval_logs(sys.argv[-1])
log = read_eval_log(info)
(human,) = [s for s in log.results.scores if s.scorer == "human"]
print(json.dumps({
    "metrics": {k: m.value for k, m in human.metrics.items()},
    "scored": human.scored_samples,
    "samples": [[s.scores["human"].value, s.scores["human"].explanation] for s in log.samples if "human" in s.scores],
}))
"""


@pytest.mark.slow
def test_inspect_reads_people_as_a_second_scorer(tmp_path: Path) -> None:
    run(tmp_path / "run")
    assert main(["label", str(tmp_path / "run"), "--n", "30", "--out", str(tmp_path / "l.html")]) == 0
    lines = answered(tmp_path / "l.html", tmp_path / "run", right(0.9))
    other = next(key for key in items(tmp_path / "run") if key not in {line["key"] for line in lines})
    labels = write(tmp_path / "labels.jsonl", [*lines, label(other, "cannot tell")])
    python = tool_python("inspect-ai>=0.3.285,<0.4", with_ours=True)
    # In one process: inspect-ai takes seconds to import.
    command = [str(python), "-c", EXPORT_AND_READ, "export", str(tmp_path / "run"), "--to", "inspect"]
    command += ["--labels", str(labels), "--out", str(tmp_path / "logs")]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["scored"] == 30
    assert 0 < found["metrics"]["corrected"] < 1
    assert 0.5 < found["metrics"]["agreement"] <= 1
    values = [value for value, _ in found["samples"]]
    assert sum(value in (0, 1) for value in values) == 30
    assert len(values) == 31
    assert all(text.startswith("anna: ") for _, text in found["samples"])
