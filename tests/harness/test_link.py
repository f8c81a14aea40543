"""Linking the tasks beside an lm_eval, taking that back, and an lm_eval that is hidden, on real folders."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import lm_eval as real
import pytest
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import TaskIndex

from persona_metrics.cli import main
from persona_metrics.errors import PersonaError
from persona_metrics.harness import link, task_files

CHECKOUT = Path(__file__).parents[2] / "tasks"
NAMES = {path.stem for path in CHECKOUT.glob("persona_*.yaml")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty site-packages that this Python looks into first."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.delitem(sys.modules, "lm_eval")
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def lm_eval(place: Path) -> Path:
    """An lm_eval with a task of its own."""
    folder = place / "lm_eval"
    (folder / "tasks" / "arc").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "tasks" / "arc" / "arc.yaml").write_text("task: arc\n")
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def of_old_wheel(lm_eval: Path) -> Path:
    """Put the tasks where a wheel of 0.1 put them."""
    folder = lm_eval / "tasks" / "persona_bench"
    shutil.copytree(CHECKOUT, folder)
    return folder


def test_checkout_goes_first_and_needs_the_flag(lm_eval: Path) -> None:
    assert task_files.tasks_folder() == CHECKOUT
    assert task_files.lm_eval_folder() == lm_eval
    assert not link.inspect(lm_eval).current


def test_link_is_what_lm_eval_indexes_and_loads_and_unlink_takes_back_exactly_that(
    lm_eval: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(lm_eval)
    assert main(["tasks", "--link"]) == 0
    assert str(lm_eval / "tasks" / "persona_bench") in capsys.readouterr().out
    found = TaskIndex.build([lm_eval / "tasks"])
    assert found.keys() == NAMES | {"arc", "persona_modes", "persona_judgefree", "persona_judgefree_generate"}
    with monkeypatch.context() as importing:
        importing.setitem(sys.modules, "lm_eval", real)
        manager = TaskManager(include_path=str(lm_eval / "tasks"), include_defaults=False, metadata={"n": 2})
        # 0.5 puts the group's name before its tasks'.
        assert {name.rpartition("::")[2] for name in manager.load(["persona_bench"])["tasks"]} == {
            "persona_contrast",
            *("persona_main", "persona_loo", "persona_intersection", "persona_pass_at_k"),
        }
    assert link.inspect(lm_eval).current
    main(["tasks", "--link"])  # again changes nothing
    own = lm_eval / "tasks" / "persona_bench" / "mine.yaml"
    own.write_text("task: mine\n")
    assert main(["tasks", "--unlink"]) == 0
    assert everything(lm_eval) == {**before, "tasks/persona_bench/mine.yaml": b"task: mine\n"}
    own.unlink()
    main(["tasks", "--link"])
    main(["tasks", "--unlink"])
    assert everything(lm_eval) == before
    assert not own.parent.exists()
    capsys.readouterr()
    assert main(["tasks", "--unlink"]) == 0
    assert capsys.readouterr().out == "nothing to remove: there is no link\n"


@pytest.mark.usefixtures("lm_eval")
def test_link_says_what_stands_in_the_tasks_now_and_a_copied_environment_keeps_its_own(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = place / "persona_metrics" / "tasks"
    shutil.copytree(CHECKOUT, ours)
    monkeypatch.setattr(link, "tasks_folder", lambda: ours)
    link.link()
    with (ours / "persona_main.yaml").open("a") as file:
        file.write("task_alias: upgraded\n")
    moved = tmp_path / "moved"
    shutil.copytree(place, moved)
    shutil.rmtree(place)
    found = TaskIndex.build([moved / "lm_eval" / "tasks"])
    assert found.keys() >= NAMES
    assert (found["persona_main"].cfg or {})["task_alias"] == "upgraded"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ours, _: (ours / "persona_new.yaml").write_text("task: persona_new\n"), "lacks persona_new"),
        (lambda ours, _: (ours / "persona_loo.yaml").unlink(), "leads elsewhere, to files that are gone"),
        (lambda _, made: (made / "persona_loo.yaml").unlink(), "lacks persona_loo"),
        (
            lambda _, made: (made / "persona_loo.yaml").write_text(
                f"{link.MARK}\ninclude: {CHECKOUT}/persona_loo.yaml\n"
            ),
            "leads elsewhere, to " + str(CHECKOUT),
        ),
        (lambda _, made: (made / "persona_loo.yaml").write_text(f"{link.MARK}\ninclude: [\n"), "leads elsewhere"),
    ],
)
def test_link_that_an_upgrade_or_a_move_left_behind_is_named_and_mended(
    change: object,
    message: str,
    place: Path,
    lm_eval: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours = place / "persona_metrics" / "tasks"
    shutil.copytree(CHECKOUT, ours)
    for module in (link, task_files):
        monkeypatch.setattr(module, "tasks_folder", lambda: ours)
    made = link.link()
    assert made.current
    change(ours, made.folder)  # type: ignore[operator]
    assert not link.inspect(lm_eval).current  # nothing runs on it
    assert main(["tasks"]) == 0
    assert message in capsys.readouterr().out
    assert main(["doctor"]) == 1
    assert f"FAIL  lm-eval: the link in {lm_eval}" in capsys.readouterr().out
    assert link.link().current
    assert TaskIndex.build([lm_eval / "tasks"]).keys() >= {path.stem for path in ours.glob("persona_*.yaml")}


def test_copy_that_an_old_wheel_left_is_named_and_goes(lm_eval: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(lm_eval)
    of_old_wheel(lm_eval)
    assert not link.inspect(lm_eval).current
    assert main(["tasks"]) == 0
    assert "holds the tasks of an older persona-metrics" in capsys.readouterr().out
    assert main(["doctor"]) == 1
    assert link.link().current
    assert main(["tasks", "--unlink"]) == 0
    assert everything(lm_eval) == before
    of_old_wheel(lm_eval)
    main(["tasks", "--unlink"])
    assert everything(lm_eval) == before


@pytest.mark.parametrize("left", ["old wheel", "link", "empty", "caches", "emptied"])
def test_hidden_lm_eval_is_named_with_its_folder_and_unlink_uncovers_it(
    left: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hiding = place / "lm_eval"
    folder = hiding / "tasks" / "persona_bench"
    if left == "old wheel":
        of_old_wheel(hiding)
    else:
        folder.mkdir(parents=True)
    if left == "link":
        (folder / "persona_main.yaml").write_text(f"{link.MARK}\ninclude: {CHECKOUT}/persona_main.yaml\n")
    if left == "emptied":  # what pip leaves of an lm-eval that it uninstalls
        (hiding / "tasks" / "mmlu" / "default").mkdir(parents=True)
    if left == "caches":
        (hiding / "__pycache__").mkdir()
        (hiding / "__pycache__" / "x.cpython-311.pyc").touch()
    # As after `pip install -e`: the real one is found by what asks last.
    monkeypatch.setattr(sys, "path", [str(place)])
    for command in (["run", "--tasks", "persona_main"], ["tasks", "--link"]):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert str(hiding) in said
        assert "persona-metrics tasks --unlink" in said
    assert main(["doctor"]) == 1
    assert f"FAIL  lm-eval: lm_eval has no code here: {hiding}" in capsys.readouterr().out
    assert main(["tasks", "--unlink"]) == 0
    assert not hiding.exists()


def test_folder_of_the_name_that_holds_more_is_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = place / "lm_eval" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    monkeypatch.setattr(sys, "path", [str(place)])
    link.unlink()
    assert notes.read_text() == "mine"
    with pytest.raises(PersonaError, match=f"rm -r {notes.parent}"):
        task_files.lm_eval_folder()


def test_folder_that_cannot_be_written_is_one_line_with_the_other_ways(
    lm_eval: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (lm_eval / "tasks" / "persona_bench").touch()  # as good as read-only, also for root
    assert main(["tasks", "--link"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be written" in said
    assert "persona-metrics run" in said
    assert "--include_path" in said


def test_file_of_somebody_else_is_not_written_over(lm_eval: Path) -> None:
    own = lm_eval / "tasks" / "persona_bench" / "persona_main.yaml"
    own.parent.mkdir()
    own.write_text("task: persona_main\n")
    with pytest.raises(PersonaError, match="not of our making"):
        link.link()
    assert own.read_text() == "task: persona_main\n"


def test_no_lm_eval_at_all_is_one_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(place)])
    with pytest.raises(PersonaError, match="pip install 'lm-eval"):
        task_files.lm_eval_folder()
