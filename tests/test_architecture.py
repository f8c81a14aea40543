"""The house's rules: an evaluation is four files and one line, and imports point downward only."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

from persona_metrics import evaluations
from tests.e2e.tools import tool_python
from tests.fakes.runs import TASKS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "persona_metrics"
TOY = Path(__file__).parent / "data" / "toy"

LEVELS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli", "__init__"),
    ("api", "leaderboard", "revise", "rewards", "planning", "cluster"),
    ("exam",),
    ("scoring", "report", "export"),
    ("harness", "labels"),
    ("analysis", "runs"),
    ("evaluations", "cards"),
    ("dataset", "critic"),
    ("settings",),
    ("answers", "embedded_model", "synthesis"),
    ("files", "personas", "prompts", "costs"),
    ("errors",),
    ("statistics", "masking", "consoles", "loopback", "_version"),
)
"""The rooms from the top down: a room imports from those below it, never sideways or upward."""

MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PURE = ("evaluations", "statistics", "analysis")
FORBIDDEN = {"lm_eval", "openai", "pathlib", "os", "io", "shutil", "tempfile", "sqlite3", "httpx2", "requests"}


def level(room: str) -> int:
    return next(i for i, rooms in enumerate(LEVELS) if room in rooms)


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the room of the package, or the foreign module, that each import of a file names."""
    inside = list(path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield _room(name.name.split(".")), node
        elif isinstance(node, ast.ImportFrom):
            named = _named(node, inside)
            where = ["persona_metrics", *named] if node.level else named
            if len(where) > 1 or not node.level:
                yield _room(where), node
            else:
                for alias in node.names:
                    yield "_version" if alias.name == "__version__" else alias.name, node


def _named(node: ast.ImportFrom, inside: list[str]) -> list[str]:
    """Return the parts of the module that an import names; a relative one's below the package, seen from ``inside`` it."""
    start = inside[: len(inside) - node.level + 1] if node.level else []
    return [*start, *(node.module.split(".") if node.module else [])]


def _room(parts: list[str]) -> str:
    return parts[1] if parts[0] == "persona_metrics" and len(parts) > 1 else parts[0]


def files(room: str) -> list[Path]:
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]


ROOMS = sorted(
    {p.stem if p.is_file() else p.name for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_downward_only(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {target}"
        for path in files(room)
        for target, node in imports(path)
        if target in ROOMS and target != room and level(target) <= level(room)
    ]
    assert wrong == []


def _modules(path: Path) -> Iterator[str]:
    """Yield the package's modules that a file imports when it is imported itself, by their dotted names below the package."""
    inside = list(path.relative_to(PACKAGE).parts[:-1])
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    for node in nodes:
        # What a function imports, or what only types need, waits until the module is there.
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            continue
        nodes.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.ImportFrom) and node.level:
            start = _named(node, inside)
            for alias in node.names:
                below = PACKAGE.joinpath(*start, alias.name)
                found = below.with_suffix(".py").is_file() or (below / "__init__.py").is_file()
                yield ".".join([*start, alias.name] if found else start)


def test_no_two_modules_import_each_other() -> None:
    graph = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        graph[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = set(_modules(path))
    assert sum(map(len, graph.values())) > 1000
    TopologicalSorter(graph).prepare()  # raises with the circle that it finds


def test_every_room_has_its_level_and_nothing_imports_the_command_line() -> None:
    assert {room for rooms in LEVELS for room in rooms} >= set(ROOMS)
    users = {room for room in ROOMS for path in files(room) for target, _ in imports(path) if target == "cli"}
    assert users <= {"cli", "__main__"}


def test_map_draws_the_arrows_and_the_rooms_that_there_are() -> None:
    drawn = re.search(r"^    cli → .*?\n\n", MAP, re.M | re.S)
    assert drawn is not None
    steps = [frozenset(re.split(r",\s*", step.strip())) for step in drawn[0].split("→")]
    # The door itself is no room that a reader looks for.
    assert steps == [frozenset(rooms) - {"__main__", "__init__"} for rooms in LEVELS[1:]]
    table = MAP.split("| room | what it is for |")[1].split("\n\n", 1)[0]
    named = {
        Path(name).parts[0] for name in re.findall(r"`([\w/]+)`", "".join(re.findall(r"^\| ([^|]*) \|", table, re.M)))
    }
    assert named - {"tasks", "templates"} == set(ROOMS) - {"__main__", "__init__"}


def test_map_lists_every_evaluation() -> None:
    table = MAP.split("| evaluation | variants of one pair |")[1].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| (\w+)", table, re.M)) == set(evaluations.EVALUATIONS)


@pytest.mark.parametrize("room", PURE)
def test_what_counts_knows_no_harness_no_client_and_no_file(room: str) -> None:
    for path in files(room):
        assert not {target for target, _ in imports(path)} & FORBIDDEN, path
        calls = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "open"], path


def test_files_that_docs_and_docstrings_name_exist() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "tasks" / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        (page, name)
        for page in [*pages, *PACKAGE.rglob("*.py"), *(ROOT / "tools").glob("*.py")]
        for name in re.findall(
            r"(?<![\w/.-])(?:tests|bench|tools|examples)/[\w/.-]*\w", page.read_text(encoding="utf-8")
        )
    }
    assert {name for _, name in named} >= {"tests/harness/test_compat.py", "tests/test_architecture.py"}
    assert [f"{page.relative_to(ROOT)}: {name}" for page, name in named if not (ROOT / name).exists()] == []


def test_python_modules_that_docs_tell_to_run_exist() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    for module in re.findall(r"python -m (tools\.\w+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


# -- an evaluation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", evaluations.NAMES)
def test_evaluation_has_its_class_analysis_figure_and_task(name: str) -> None:
    for folder in ("evaluations", "analysis", "report/figures"):
        assert (PACKAGE / folder / f"{name}.py").is_file(), f"{folder}/{name}.py is missing"
    evaluation = evaluations.EVALUATIONS[name]
    assert (evaluation.name, bool(evaluation.title)) == (name, True)
    assert TASKS[evaluation.task]["metadata"]["evaluation"] == name
    assert yaml.safe_load((ROOT / "tasks" / f"{evaluation.task}.yaml").read_text())["task"] == evaluation.task
    assert evaluation.headline.partition("@")[0] in {f.kind.partition("@")[0] for f in evaluation.rows}


def test_every_task_runs_an_evaluation_that_there_is() -> None:
    assert {str(task["metadata"]["evaluation"]) for task in TASKS.values()} == set(evaluations.NAMES)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the pack with one evaluation more: four files and one line, and what its made-up run led to."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("persona_metrics", "tasks", "templates", "tests/fakes"):
        shutil.copytree(ROOT / name, copy / name)
    (copy / "tests" / "__init__.py").touch()
    shutil.copy(TOY / "evaluation.py", copy / "persona_metrics" / "evaluations" / "toy.py")
    shutil.copy(TOY / "analysis.py", copy / "persona_metrics" / "analysis" / "toy.py")
    shutil.copy(TOY / "figure.py", copy / "persona_metrics" / "report" / "figures" / "toy.py")
    shutil.copy(TOY / "persona_toy.yaml", copy / "tasks")
    names = copy / "persona_metrics" / "evaluations" / "__init__.py"
    names.write_text(names.read_text().replace('    "main",\n', '    "main",\n    "toy",\n', 1))
    work = tmp_path_factory.mktemp("work")
    done = subprocess.run(
        [sys.executable, str(TOY / "use.py")],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (work / "copy").symlink_to(copy)
    return work


def value_of(toy: Path, row: str = "brevity,critic") -> float:
    path = next((toy / "runs" / "acme__short").glob("results_*"))
    return float(json.loads(path.read_text())["results"]["persona_toy"][row])


@pytest.mark.slow
def test_added_evaluation_is_in_the_report(toy: Path) -> None:
    report = json.loads((toy / "report" / "report.json").read_text())
    task = next(t for t in report["tasks"] if t["task"] == "persona_toy")
    value = value_of(toy)
    assert 1 < value < 10
    assert task["headline"].startswith(f"Answers had {value:.1f} of 10 points")
    assert task["tables"]["headline"][0]["value"] == pytest.approx(value)
    assert (toy / "report" / "figures" / "persona_toy-brevity.svg").is_file()
    assert (toy / "report" / "tables" / "persona_toy-headline.csv").is_file()
    page = (toy / "report" / "report.html").read_text()
    assert "<h2>Toy" in page or ">Toy<" in page
    assert f"Answers had {value:.1f} of 10 points" in page
    assert not any("points to a side" in w["text"] for w in report["warnings"] if "persona_toy" in w["about"])


@pytest.mark.slow
def test_added_evaluation_of_two_models_is_not_compared_as_a_share(toy: Path) -> None:
    report = json.loads((toy / "both" / "report.json").read_text())
    assert {c["of"] for c in report["comparisons"]} == {"persona_main"}
    assert (
        "not compared on persona_toy: brevity is no share of answers; the models' own sections have it"
        in report["notes"]
    )


@pytest.mark.slow
def test_added_evaluation_has_a_column_on_the_leaderboard(toy: Path) -> None:
    (table,) = json.loads((toy / "board" / "leaderboard.json").read_text())["tables"]
    cells = {row["model"]: row["others"]["brevity"] for row in table["rows"]}
    assert cells["acme/short"]["value"] == pytest.approx(value_of(toy))
    assert cells["acme/short"]["low"] < cells["acme/short"]["value"] < cells["acme/short"]["high"]
    assert cells["acme/long"]["value"] < cells["acme/short"]["value"]
    assert not cells["acme/short"]["share"]
    text = (toy / "board" / "leaderboard.md").read_text()
    assert f"| {value_of(toy):.2f} (" in text
    assert "*brevity*: Toy: points for a short answer." in text
    (row, _) = sorted(
        csv.DictReader((toy / "board" / "leaderboard.csv").open()), key=lambda r: r["model"], reverse=True
    )
    assert float(row["brevity"]) == pytest.approx(value_of(toy))


@pytest.mark.slow
def test_added_evaluation_is_exported_with_its_scale(toy: Path) -> None:
    scores: dict[str, Any] = json.loads((toy / "scores.json").read_text())
    assert scores["brevity"] == {"least": 0.0, "most": 10.0, "higher_is_better": True, "value": value_of(toy)}
    (path,) = (toy / "out-eee").rglob("*.json")
    listed = {
        r["metric_config"]["metric_name"]: r
        for r in json.loads(path.read_text())["evaluation_results"]
        if "toy" in r["evaluation_result_id"]
    }
    metric = listed["brevity"]["metric_config"]
    assert (metric["min_score"], metric["max_score"], metric["metric_unit"]) == (0.0, 10.0, "points")
    assert metric["evaluation_description"] == "points for a short answer"
    assert "llm_scoring" not in metric
    assert "llm_scoring" in listed["personalized"]["metric_config"]
    entries = yaml.safe_load((toy / "out-eval-results" / ".eval_results" / "persona_bench.yaml").read_text())
    assert value_of(toy) in [entry["value"] for entry in entries]
    assert "brevity" in (toy / "out-eval-results" / "model-index.md").read_text()
    assert (toy / "out-openai-evals" / "data" / "persona_bench" / "persona_toy.jsonl").is_file()
    assert (toy / "out-promptfoo" / "persona_toy" / "promptfooconfig.yaml").is_file()


READ_INSPECT = """
import json, sys
from inspect_ai.log import list_eval_logs, read_eval_log
logs = {log.eval.task: log for log in map(read_eval_log, list_eval_logs(sys.argv[1]))}
log = logs["persona_toy"]
print(json.dumps({
    "status": log.status, "samples": len(log.samples), "model": log.eval.model,
    "metrics": {f"{s.name}/{n}": m.value for s in log.results.scores for n, m in s.metrics.items()},
}))
"""


@pytest.mark.slow
def test_added_evaluation_s_export_is_opened_by_inspect(toy: Path) -> None:
    python = str(tool_python("inspect-ai>=0.3.285,<0.4", with_ours=True))
    environment = {**os.environ, "PYTHONPATH": str(toy / "copy"), "PYTHONSAFEPATH": "1"}
    path = next((toy / "runs" / "acme__short").glob("results_*"))
    for command in (
        ["-m", "persona_metrics", "export", str(path), "--to", "inspect", "--out", "logs"],
        ["-c", READ_INSPECT, "logs"],
    ):
        done = subprocess.run([python, *command], cwd=toy, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    read = json.loads(done.stdout)
    assert (read["status"], read["samples"], read["model"]) == ("success", 40, "acme/short")
    assert value_of(toy) in read["metrics"].values()
