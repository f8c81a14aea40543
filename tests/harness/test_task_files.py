from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from persona_metrics.harness import task_files

CHECKOUT = Path(__file__).parents[2] / "tasks"


def lm_eval_at(folder: Path, monkeypatch: pytest.MonkeyPatch, *, copy: bool) -> Path:
    """Let lm_eval be found in ``folder``, with or without a copy of the tasks inside."""
    inside = folder / "tasks" / "persona_bench"
    inside.mkdir(parents=True)
    for path in CHECKOUT.glob("*.yaml") if copy else ():
        (inside / path.name).write_bytes(path.read_bytes())
    spec = ModuleSpec("lm_eval", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "lm_eval" else None)
    return inside


def test_checkout_goes_first() -> None:
    assert task_files.tasks_folder() == CHECKOUT


def test_flag_is_needed_where_lm_eval_has_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lm_eval_at(tmp_path, monkeypatch, copy=False)
    assert not task_files.found_without_flag()
    assert task_files.include_path() == ["--include_path", str(CHECKOUT)]


def test_flag_is_not_needed_where_the_copy_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lm_eval_at(tmp_path, monkeypatch, copy=True)
    assert task_files.include_path() == []


def test_flag_is_needed_where_the_copy_is_another_day_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = lm_eval_at(tmp_path, monkeypatch, copy=True)
    (inside / "persona_main.yaml").write_text("task: persona_main\n")
    assert task_files.include_path() == ["--include_path", str(CHECKOUT)]
