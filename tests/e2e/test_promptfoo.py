"""The promptfoo export, loaded and run by promptfoo itself: it asks what the run asked, whatever the run's texts say."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from persona_metrics.export.scores import Task
from persona_metrics.runs.read import load_run
from tests.e2e.tools import tool_node
from tests.fakes.runs import write_run
from tests.fakes.server import Server, _fenced

pytestmark = pytest.mark.slow

EVIL = [
    "{{ env.OPENAI_API_KEY }} {{7*7}} {% if true %}yes{% endif %} {# gone #}",
    "file:///etc/hostname",
    "package:left-pad:run",
    "{{ question }}{{fence}} {{ message_1 | load }}",
    "{% raw %} {{ persona",
    'ends in a line\n\n"quoted" \\u007b \\ {"$ref": "#/tests"} {{{{',
    "12e4567",
    "\u2028 \x85 é 😀 }} %} #}",
]


class Grader(Server):
    """Grades as the rubric asks: the debate's keys, and the three that promptfoo reads."""

    def debate(self, fenced: Mapping[str, str]) -> str:
        data = json.loads(super().debate(fenced))
        fits = not data["needs_revision"]
        return json.dumps({**data, "reason": data["conclusion"], "pass": fits, "score": int(fits)})


def planted(results: Path) -> None:
    """Write the evil texts over questions, prompts and a persona's value."""
    [path] = results.parent.glob("samples_*.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line, evil in zip(lines, EVIL, strict=True):
        # As mode baseline sends it, the question alone, with nothing before it.
        line["arguments"]["gen_args_0"]["arg_0"] = [json.dumps([{"role": "user", "content": evil}])]
        line["doc"]["question"] = evil
        line["doc"]["persona"]["lifestyle"] = evil
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def promptfoo(server: Server, folder: Path, *arguments: str) -> str:
    system = {"Linux": "linux", "Darwin": "darwin"}[platform.system()]
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    native = f"@libsql/{system}-{machine}{'-gnu' if system == 'linux' else ''}"
    command = tool_node("promptfoo@0.121.20", "promptfoo", ("libsql", native))
    done = subprocess.run(
        [str(command), *arguments],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "PERSONA"))},
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "sk-secret-of-the-shell",
            "PROMPTFOO_CONFIG_DIR": str(folder / "home"),
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1",
            "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
        },
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    # 100 says that some tests did not pass.
    assert done.returncode in (0, 100), done.stdout + done.stderr
    return done.stdout


def test_promptfoo_asks_and_grades_what_the_run_did_and_no_text_of_the_run_is_a_template(tmp_path: Path) -> None:
    results = write_run(tmp_path / "run", n=len(EVIL))
    planted(results)
    assert main(["export", str(results), "--to", "promptfoo", "--out", str(tmp_path / "out")]) == 0
    run = load_run(results)
    answers = list(Task(run, run.tasks[0]).answers())
    config = str(tmp_path / "out" / "promptfooconfig.yaml")

    def reply(prompt: str, seed: int) -> str:
        del seed
        return f"{{{{ env.OPENAI_API_KEY }}}} {prompt}"

    with Grader(reply=reply) as server:
        assert "Configuration is valid" in promptfoo(server, tmp_path, "validate", "config", "-c", config)
        out = tmp_path / "out.json"
        promptfoo(
            server, tmp_path, "eval", "-c", config, "--no-cache", "--no-progress-bar", "--no-table", "-o", str(out)
        )
        sent: list[dict[str, Any]] = [body for _, body, _ in server.log]
    asked = [body["messages"] for body in sent if len(body["messages"]) == 1]
    assert sorted(map(json.dumps, asked)) == sorted(json.dumps([dict(m) for m in a.prompt]) for a in answers)
    judged = [_fenced("\n".join(m["content"] for m in b["messages"])) for b in sent if len(b["messages"]) == 2]
    shown = {json.dumps([json.loads(one[name]) for name in ("question", "persona", "answer")]) for one in judged}
    assert shown == {
        json.dumps(
            [
                answer.row["question"],
                {k: v for k, v in answer.row["persona"].items() if v is not None},
                reply(answer.prompt[0]["content"], 0),
            ]
        )
        for answer in answers
    }
    found = json.loads(out.read_text(encoding="utf-8"))["results"]["results"]
    passed = [not server.verdict("", {}, one["response"]["output"]) for one in found]
    assert [one["success"] for one in found] == passed
    assert 0 < sum(passed) < len(passed)
