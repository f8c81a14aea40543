"""The YAML files: lm-eval skips a broken one without a word, so each is loaded here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from lm_eval.tasks import TaskManager

from persona_metrics.harness.metrics import ROWS
from persona_metrics.harness.task import PersonaTask
from persona_metrics.harness.task_files import tasks_folder
from persona_metrics.harness.yamls import read_task

FILES = sorted(p for p in tasks_folder().glob("persona_*.yaml") if p.stem != "persona_bench")
JUDGEFREE = ["persona_choice", "persona_opinion"]
GENERATED = [f"{name}_generate" for name in JUDGEFREE]
MODES = ["persona_main", "persona_main_baseline", "persona_main_chain_of_thought", "persona_main_demographic_summary"]


@pytest.fixture(scope="module")
def manager() -> TaskManager:
    return TaskManager(include_path=str(tasks_folder()), include_defaults=False)


def read(path: Path) -> dict[str, object]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8").replace("!function ", "")))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_task_loads_under_the_name_of_its_file(path: Path, manager: TaskManager) -> None:
    task = manager.load([path.stem])["tasks"][path.stem]
    assert isinstance(task, PersonaTask)
    assert task.config.task == path.stem
    written = read_task(path.stem)
    assert task.config.metadata["version"] == written["metadata"]["version"]
    assert written["output_type"] == task.OUTPUT_TYPE
    assert {m["metric"] for m in task.config.metric_list} <= set(ROWS)
    critic = [f["filter"][0]["function"] for f in task.config.filter_list or () if f["filter"]]
    assert critic == ([] if path.stem in JUDGEFREE + GENERATED else ["persona_critic"])


def names(manager: TaskManager, group: str) -> list[str]:
    # 0.5 puts the group's name before its tasks'.
    return sorted(name.rpartition("::")[2] for name in manager.load([group])["tasks"])


def test_tag_and_group_hold_the_tasks_they_should(manager: TaskManager) -> None:
    assert names(manager, "persona_modes") == MODES
    assert names(manager, "persona_judgefree") == JUDGEFREE
    assert names(manager, "persona_judgefree_generate") == GENERATED
    assert names(manager, "persona_bench") == [
        "persona_contrast",
        "persona_intersection",
        "persona_loo",
        "persona_main",
        "persona_pass_at_k",
    ]


def test_tasks_need_no_critic_and_no_key_to_load(manager: TaskManager) -> None:
    task = manager.load(["persona_main"])["tasks"]["persona_main"]
    assert task.config.metadata["critic_model"] is None
    assert len(task.dataset["test"]) == 300


def test_what_tasks_share_stands_once() -> None:
    for path in FILES:
        own = read(path)
        shared = read(tasks_folder() / str(own["include"]))
        base = own["include"] if path.stem in GENERATED else "_persona.yaml"
        assert own["include"] == ("_persona_choosing.yaml" if path.stem in JUDGEFREE else base)
        assert [key for key in own if own[key] == shared.get(key)] == []


def test_every_name_begins_with_ours_and_no_python_stands_beside_a_yaml() -> None:
    # lm-eval has a tag `persona` of its own, and `!function` looks for a .py beside the YAML first.
    assert all(read(path)["task"] == path.stem for path in FILES)
    assert {p.suffix for p in tasks_folder().iterdir()} <= {".yaml", ".md"}


def test_readme_names_every_task() -> None:
    readme = (tasks_folder() / "README.md").read_text(encoding="utf-8")
    assert [p.stem for p in tasks_folder().glob("persona_*.yaml") if f"`{p.stem}`" not in readme] == []


def test_the_entry_point_for_tasks_names_the_folder_that_the_wheel_holds(tmp_path: Path) -> None:
    """As lm-eval's pull request 4015 reads it: a package's path, whose folder it searches; ours has no Python in it."""
    text = (tasks_folder().parent / "pyproject.toml").read_text(encoding="utf-8")
    named = re.search(r'entry-points."lm_eval.tasks"\]\npersona_bench = "([\w.]+)"', text)
    assert named is not None
    assert f'"tasks" = "{named[1].replace(".", "/")}"' in text
    place = tmp_path.joinpath(*named[1].split("."))
    place.mkdir(parents=True)
    (tmp_path / "persona_metrics" / "__init__.py").write_text("")
    (place / "persona_main.yaml").write_text("task: persona_main")
    code = f"import importlib.resources as r; print([p.name for p in r.files({named[1]!r}).iterdir()])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['persona_main.yaml']", done.stderr
