"""``lm_eval`` from PyPI and from a source folder both run the tasks after our wheel, by our command and by a link."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from persona_metrics.cli import main
from tests.e2e.command import CHECKOUT, HERE, Install, evaluate, run
from tests.e2e.conftest import VERSIONS, FromSource
from tests.fakes.server import Server

N = 6


def ours(server: Server, tasks: str, *more: str, cwd: Path, install: Install = HERE) -> dict[str, object]:
    """Run tasks through ``persona-metrics run`` and return the results file."""
    ran = evaluate(
        server, tasks, *more, cwd=cwd, install=install, module="persona_metrics", metadata={"n": N, "by": ""}
    )
    assert ran.code == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "overrides existing task" not in ran.stderr
    return ran.results()


@pytest.mark.slow
@pytest.mark.parametrize("name", VERSIONS)
def test_wheel_on_lm_eval_s_wheel_runs_linked_and_by_our_command(
    name: str, installed: Callable[[str], Install], tmp_path: Path
) -> None:
    install = replace(installed(name), waits=False)  # as a user starts it
    for module in ("lm_eval", "persona_metrics"):
        cwd = tmp_path / module
        cwd.mkdir()
        with Server() as server:
            ran = evaluate(server, "persona_main", cwd=cwd, install=install, module=module, metadata={"n": N, "by": ""})
        assert ran.code == 0, ran.stderr
        assert server.counts == {"model": N, "critic": N + 1}
        assert "overrides existing task" not in ran.stderr


@pytest.mark.slow
def test_wheel_holds_the_tasks_and_nothing_of_lm_eval_s(wheel: Path) -> None:
    listed = subprocess.run(["unzip", "-l", str(wheel)], capture_output=True, text=True, check=True).stdout
    assert "persona_metrics/tasks/persona_main.yaml" in listed
    assert "persona_metrics/tasks/_persona.yaml" in listed
    assert "lm_eval/" not in listed


@pytest.mark.slow
def test_source_install_hidden_by_what_an_uninstalled_wheel_left_is_named_and_uncovered(
    from_source: FromSource,
) -> None:
    left = next(Path(from_source.install.python).parents[1].glob("lib/python*/site-packages")) / "lm_eval"
    assert f"FAIL  lm-eval: lm_eval has no code here: {left}" in from_source.doctor
    assert f"removed {left}\n" in from_source.unlinked
    found = subprocess.run(
        [from_source.install.python, "-c", "import lm_eval; print(lm_eval.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=from_source.folder.parent,
    )
    assert found.stdout == f"{from_source.folder / 'lm_eval' / '__init__.py'}\n"


@pytest.mark.slow
def test_source_install_runs_by_our_command_and_by_a_link_that_leaves_no_trace(
    from_source: FromSource, tmp_path: Path
) -> None:
    install = from_source.install
    inside = from_source.folder / "lm_eval" / "tasks" / "persona_bench"
    with Server() as server:
        assert "persona_main" in ours(server, "persona_main", cwd=tmp_path, install=install)["results"]  # type: ignore[operator]
    linked = run(["tasks", "--link"], cwd=tmp_path, install=install, module="persona_metrics")
    assert str(inside) in linked.stdout
    (tmp_path / "linked").mkdir()
    with Server() as server:
        ran = evaluate(server, "persona_main", cwd=tmp_path / "linked", install=install, metadata={"n": N})
    assert ran.code == 0, ran.stderr
    assert server.counts["model"] == N
    assert run(["tasks", "--unlink"], cwd=tmp_path, install=install, module="persona_metrics").code == 0
    assert not inside.exists()
    with Server() as server:
        gone = evaluate(server, "persona_main", cwd=tmp_path / "linked", install=install)
    assert "Tasks not found: persona_main" in gone.stderr


def test_no_task_of_lm_eval_s_whole_library_has_a_name_of_ours(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["run", "validate", "--tasks", "persona_main,arc_easy,mmlu"]) == 0
    printed = capsys.readouterr()
    assert "All tasks found and valid" in printed.out
    assert "overrides existing task" not in printed.err + caplog.text


# -- our command, on this checkout -------------------------------------------------------------------------------------


@pytest.fixture
def own_tasks(tmp_path: Path) -> Path:
    """A folder of the user's own tasks: one new, and one of ours with another template."""
    folder = tmp_path / "own tasks"
    folder.mkdir()
    base = f"include: {CHECKOUT / 'tasks' / 'persona_main.yaml'}\n"
    (folder / "mine.yaml").write_text(f"{base}task: mine\n")
    (folder / "main.yaml").write_text(f"{base}doc_to_text: 'My own words. {{{{question}}}}'\n")
    return folder


@pytest.mark.parametrize("way", ["option", "equals", "abbreviation", "config"])
def test_own_folder_joins_ours_however_lm_eval_is_told_of_it(way: str, own_tasks: Path, tmp_path: Path) -> None:
    flags = {
        "option": ["--include_path", str(own_tasks)],
        "equals": [f"--include_path={own_tasks}"],
        "abbreviation": ["--include", str(own_tasks)],
    }.get(way, [])
    if way == "config":
        (tmp_path / "run.yaml").write_text(yaml.safe_dump({"include_path": [str(own_tasks)]}))
        flags = ["-C", "run.yaml"]
    with Server() as server:
        ran = evaluate(
            *(server, "mine,persona_main,persona_loo", *flags),
            cwd=tmp_path,
            module="persona_metrics",
            metadata={"n": 2, "by": "", "attributes": "age"},
        )
    assert ran.code == 0, ran.stderr
    assert {"mine", "persona_main", "persona_loo"} <= ran.results()["results"].keys()
    assert sum("My own words" in str(body["messages"]) for _, body, _ in server.log) == 2  # the user's own wins


def test_lists_panels_and_pairs_reach_the_task_in_every_spelling(tmp_path: Path) -> None:
    with Server() as server:
        ran = run(
            [
                *("run", "-M", "local-chat-completions", "-a", f"model=m,base_url={server.chat_url}"),
                *("--apply_chat_template", "-t", "persona_loo", "-o", "out"),
                *("--metadata", "n=2,attributes=age,sex", "critic_model=c,d", f"critic_base_url={server.base_url}"),
            ],
            cwd=tmp_path,
            module="persona_metrics",
            OPENAI_API_KEY="none",
        )
    assert ran.code == 0, ran.stderr
    metadata = ran.results()["configs"]["persona_loo"]["metadata"]
    assert metadata["n"] == 2
    assert metadata["attributes"] == ["age", "sex"]
    assert metadata["critic_model"] == "c,d"
    assert {body["model"] for _, body, _ in server.log} == {"m", "c", "d"}


def test_exit_code_and_words_are_lm_eval_s(tmp_path: Path) -> None:
    for arguments in (["--no_such_option"], ["--model", "dummy", "--tasks", "no_such_task"]):
        theirs = run(["run", *arguments], cwd=tmp_path)
        own = run(["run", *arguments], cwd=tmp_path, module="persona_metrics")
        assert own.code == theirs.code != 0
        assert own.stderr.splitlines()[-1] == theirs.stderr.splitlines()[-1]
    listed = run(["run", "ls", "tasks"], cwd=tmp_path, module="persona_metrics")
    assert (listed.code, "|persona_main " in listed.stdout) == (0, True)
    typo = run(["run", "--model", "dummy", "--tasks", "persona_mian"], cwd=tmp_path, module="persona_metrics")
    assert typo.code == 2
    assert typo.stderr.splitlines()[-1].startswith(
        "persona-metrics: error: --tasks persona_mian: no such task (did you mean 'persona_main'?)"
    )
    assert "Traceback" not in typo.stderr


def test_metadata_in_json_passes(tmp_path: Path) -> None:
    given = json.dumps({"n": 2, "critic_model": "c", "k": 2})
    with Server() as server:
        ran = run(
            [
                *("run", "--model", "local-chat-completions", f"--model_args=model=m,base_url={server.chat_url}"),
                *("--apply_chat_template", "--tasks", "persona_pass_at_k", "--output_path", "out", "--metadata", given),
            ],
            cwd=tmp_path,
            module="persona_metrics",
            OPENAI_API_KEY="none",
            PERSONA_CRITIC_BASE_URL=server.base_url,
        )
    assert ran.code == 0, ran.stderr
    assert server.counts["model"] == 4
