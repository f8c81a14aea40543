"""What the README says is so: its commands, its options, its settings."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path

import lm_eval
import pytest
import yaml
from lm_eval._cli.harness import HarnessCLI
from lm_eval.config.evaluate_config import EvaluatorConfig

from persona_metrics import cli, evaluate_model, settings
from persona_metrics.cli import tasks
from persona_metrics.cli.run import with_metadata
from persona_metrics.harness.task_files import tasks_folder
from persona_metrics.harness.yamls import read_task
from tools.readme import README, parts, settings_table

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in [README, *sorted((ROOT / "docs").glob("*.md"))]}
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
BLOCKS = _BLOCK.findall(TEXT)
ALL = [block for text in PAGES.values() for block in _BLOCK.findall(text)]
COMMANDS = [
    line
    for kind, block in ALL
    if kind == "bash"
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("persona-metrics run ")
]


def test_table_of_settings_is_that_of_the_settings() -> None:
    assert parts()[1] == settings_table(), "run: python -m tools.readme"


def test_the_two_commands_are_those_that_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [b for k, b in BLOCKS if k == "bash"][:2] == [
        "pip install '.[local]' && persona-metrics demo\n",
        "pip install '.[test]' && pytest\n",
    ]
    # Not repeated there but taken from the README.
    assert "readme_command local" in ci
    assert "readme_command test" in ci


@pytest.mark.parametrize("command", COMMANDS)
def test_options_of_lm_eval_are_options_it_has_and_tasks_are_ours(command: str) -> None:
    words = with_metadata([w for w in shlex.split(command) if w != "…"][1:])
    parsed = HarnessCLI()._parser.parse_args(words)
    known = {path.stem for path in tasks_folder().glob("persona_*.yaml")}
    assert [t for t in parsed.tasks if t.startswith("persona_") and t not in known] == []
    settings.load(parsed.metadata or {}, where="--metadata")


def test_tables_show_the_version_that_a_task_has() -> None:
    shown = {
        (task, v) for text in PAGES.values() for task, v in re.findall(r"^\|(persona_\w+)\| *(\d+)\|\w", text, re.M)
    }
    assert {task for task, _ in shown} >= {"persona_main"}
    assert shown == {(task, f"{read_task(task)['metadata']['version']:.0f}") for task, _ in shown}


def test_lm_eval_has_as_many_tasks_of_that_name_as_is_said() -> None:
    found = set()
    for path in (Path(lm_eval.__file__).parent / "tasks" / "model_written_evals" / "persona").glob("*.yaml"):
        found |= set(re.findall(r"^task: *[\"']?(persona_[^\"'\s]+)", path.read_text(encoding="utf-8"), re.M))
    texts = [PAGES["models.md"], (ROOT / "tasks" / "README.md").read_text(encoding="utf-8"), tasks.ANOTHER]
    assert [re.findall(r"lm-eval has (\d+) tasks `persona_…`", text) for text in texts] == [[str(len(found))]] * 3


def test_subcommands_that_are_mentioned_exist() -> None:
    # The package goes by the same name: "run with persona-metrics 0.1".
    mentioned = set(
        re.findall(r"`persona-metrics ([a-z]+)|^(?:\$ )?persona-metrics ([a-z]+)", "\n".join(PAGES.values()), re.M)
    )
    mentioned = {one or two for one, two in mentioned}
    assert {"demo", "doctor", "tasks"} <= mentioned
    assert mentioned <= set(cli.COMMANDS)


def test_readme_is_read_in_one_sitting() -> None:
    assert len(TEXT.splitlines()) <= 200


def test_files_that_are_linked_exist() -> None:
    for page, text in PAGES.items():
        here = ROOT if page == README.name else ROOT / "docs"
        for target in re.findall(r"\]\((?!http|#)([^)#\s]+)(?:#[^)]*)?\)", text):
            assert (here / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("listing", ["README.md", "docs/index.md", "mkdocs.yml"])
def test_every_page_is_listed_once(listing: str) -> None:
    text = (ROOT / listing).read_text(encoding="utf-8")
    pages = sorted({name for name in PAGES if name not in ("README.md", "index.md")})
    linked = re.findall(r"(?:^\| \[.*\]\((?:docs/)?|^  - .*: )([\w-]+\.md)", text, re.M)
    assert sorted(name for name in linked if name != "index.md") == pages


def test_extras_that_are_named_exist() -> None:
    extras = re.search(r"\[project.optional-dependencies\]\n(.*?)\n\[", (ROOT / "pyproject.toml").read_text(), re.S)
    assert extras is not None
    for names in re.findall(r"'\.\[([a-z,]+)\]'", TEXT):
        for name in names.split(","):
            assert re.search(rf"^{name} = ", extras[1], re.M), name


def test_python_example_calls_what_there_is() -> None:
    code = "\n".join(b for k, b in ALL if k == "python")
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    made = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "evaluate_model"]
    assert len(made) >= 5
    for call in made:
        assert {k.arg for k in call.keywords} <= set(inspect.signature(evaluate_model).parameters)


def test_example_run_is_a_config_of_lm_eval_with_settings_of_ours() -> None:
    path = ROOT / "examples" / "persona_main.yaml"
    config = EvaluatorConfig.from_config(path)
    assert config.tasks == ["persona_main", "persona_main_baseline"]
    loaded = settings.load(config.metadata, where="--metadata")
    assert (loaded.n, loaded.critic_model) == (300, "gpt-4o-mini")
    assert "key" not in str(yaml.safe_load(path.read_text())).lower()
    # No task of lm-eval's: it would be listed as one.
    assert tasks_folder() not in Path(path).parents
