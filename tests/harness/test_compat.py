"""Each name of lm-eval's private side that ``harness/compat.py`` leans on: these fail where lm-eval changes it.

All of it runs on every version that the pack is made for (``tests/e2e/test_lm_eval_versions.py``).
"""

from __future__ import annotations

import importlib.metadata
import inspect
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lm_eval import evaluator, evaluator_utils, simple_evaluate
from lm_eval.api.model import LM, CachingLM
from lm_eval.api.registry import get_model
from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.loggers import EvaluationTracker
from lm_eval.models import api_models
from lm_eval.tasks import TaskManager, manager

from persona_metrics.harness import compat
from persona_metrics.harness.compat import Running
from persona_metrics.harness.task import PersonaTask
from persona_metrics.harness.task_files import tasks_folder
from persona_metrics.harness.yamls import task_names
from tests.fakes.server import Server

VERSION = importlib.metadata.version("lm-eval")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Server() as running:
        yield running


class Seen(list[Running]):
    """What ``compat.running`` told the tasks, with what else they see of the run from where they stand."""

    arguments: set[str]
    others: bool
    output: str | None


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found, original = Seen(), compat.running

    def listening(chat_template: Any = None) -> Running:
        found.append(original(chat_template))
        found.arguments, found.others = compat.model_arguments(), compat.other_tasks(PersonaTask)
        found.output = compat.output_path()
        return found[-1]

    monkeypatch.setattr(compat, "running", listening)
    return found


def evaluate(server: Server, model: str, tasks: list[str] | None = None, **options: Any) -> dict[str, Any]:
    """Run tasks through lm-eval's own function."""
    url = server.chat_url if "chat" in model else f"{server.base_url}/completions"
    arguments = {"model": "m", "base_url": url, "tokenizer_backend": None, "tokenized_requests": False}
    critic = {"critic_model": "c", "critic_base_url": server.base_url}
    manager = TaskManager(
        include_path=[str(tasks_folder())], include_defaults=False, metadata={"n": 2, "by": "", **critic}
    )
    named = tasks or ["persona_main"]
    return dict(
        simple_evaluate(**{"model": model, "model_args": arguments, "tasks": named, "task_manager": manager, **options})
    )


# -- the model ---------------------------------------------------------------------------------------------------------


def test_model_is_the_chat_template_s_owner(server: Server, seen: Seen) -> None:
    evaluate(server, "local-chat-completions", apply_chat_template=True)
    (one,) = seen
    assert one.found == "chat template", f"lm-eval {VERSION}"
    assert type(one.model).__name__ == "LocalChatCompletion"
    assert one.caching is None


def test_model_without_a_chat_template_is_the_evaluator_s(server: Server, seen: Seen) -> None:
    evaluate(server, "local-completions", predict_only=True)
    (one,) = seen
    assert one.found == "stack", f"lm-eval {VERSION}"
    assert type(one.model).__name__ == "LocalCompletionsAPI"


@pytest.mark.parametrize("model", ["local-chat-completions", "local-completions"])
def test_cache_is_told_from_the_model_it_stands_before(server: Server, seen: Seen, model: str, tmp_path: Path) -> None:
    chat = "chat" in model
    evaluate(server, model, use_cache=str(tmp_path / "c"), apply_chat_template=chat, predict_only=True)
    (one,) = seen
    assert isinstance(one.caching, CachingLM)
    assert one.model is one.caching.lm
    assert isinstance(one.model, LM)
    # Both places that the cache is written from.
    assert one.model.cache_hook.dbdict is one.caching.dbdict
    assert one.caching.cache_db.startswith(str(tmp_path / "c"))


def test_outside_of_a_run_there_is_no_model() -> None:
    assert compat.running() == Running(None, None, "")
    assert compat.running(str.upper) == Running(None, None, "")
    assert compat.model_arguments() == set()
    assert compat.other_tasks(PersonaTask) is False
    assert compat.output_path() is None


@pytest.mark.parametrize("form", ["object", "text"])
def test_model_s_own_arguments_are_known_by_name(form: str, server: Server, seen: Seen) -> None:
    given: Any = {"model": "m", "base_url": server.chat_url, "max_retries": 1}
    if form == "text":
        given = ",".join(f"{key}={value}" for key, value in given.items())
    evaluate(server, "local-chat-completions", model_args=given, apply_chat_template=True)
    assert {"model", "base_url", "max_retries"} <= seen.arguments
    assert seen.others is False


@pytest.mark.parametrize("samples", [True, False])
def test_where_samples_will_be_written_is_known(samples: bool, server: Server, seen: Seen, tmp_path: Path) -> None:
    tracker = EvaluationTracker(output_path=str(tmp_path))
    evaluate(
        server, "local-chat-completions", apply_chat_template=True, evaluation_tracker=tracker, log_samples=samples
    )
    assert seen.output == (str(tmp_path) if samples else None)


def test_tasks_of_others_beside_ours_are_seen(server: Server, seen: Seen, tmp_path: Path) -> None:
    (tmp_path / "sums.jsonl").write_text('{"q": "1 + 1", "a": "2"}\n')
    sums = {
        "task": "sums",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": str(tmp_path / "sums.jsonl")},
        "test_split": "train",
        "output_type": "generate_until",
        "doc_to_text": "{{q}}",
        "doc_to_target": "{{a}}",
    }
    (tmp_path / "sums.yaml").write_text(yaml.safe_dump(sums))
    manager = TaskManager(
        include_path=[str(tasks_folder()), str(tmp_path)],
        include_defaults=False,
        metadata={"n": 2, "critic_model": "c", "critic_base_url": server.base_url},
    )
    evaluate(server, "local-chat-completions", ["persona_main", "sums"], task_manager=manager, apply_chat_template=True)
    assert seen.others is True


@pytest.mark.parametrize("function", [evaluator.evaluate, evaluator.simple_evaluate])
def test_evaluator_s_local_names_that_are_read(function: Any) -> None:
    names = inspect.unwrap(function).__code__.co_varnames
    assert set(names) >= ({"lm", "eval_tasks"} if function is evaluator.evaluate else {"model_args"})


# -- kinds of models ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "chat"),
    [
        ("local-chat-completions", True),
        ("openai-chat-completions", True),
        ("azure-openai-chat-completions", True),
        ("anthropic-chat-completions", True),
        ("local-completions", False),
        ("openai-completions", False),
    ],
)
def test_chat_endpoints_go_by_these_names(kind: str, chat: bool) -> None:
    model = get_model(kind)
    assert compat.takes_messages(model.__new__(model)) is chat
    assert issubclass(model, api_models.TemplateAPI)
    assert issubclass(model, LM)


def test_every_chat_model_that_is_named_is_one_of_some_version() -> None:
    text = "".join(p.read_text(encoding="utf-8") for p in Path(inspect.getfile(api_models)).parent.glob("*.py"))
    there = {name for name in compat.CHAT_MODELS if f"class {name}(" in text}
    # LiteLLM's came with 0.5.
    assert compat.CHAT_MODELS - there <= {"LiteLLMChatCompletion"}


def test_endpoint_and_its_name_are_read_from_the_model(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    made = get_model("local-chat-completions")(model="acme/large", base_url=server.chat_url)
    assert compat.is_endpoint(made)
    assert compat.model_name(made) == "acme/large"
    dummy = get_model("dummy")()
    assert not compat.is_endpoint(dummy)
    assert compat.model_name(dummy) is None


def test_guard_stands_before_these_three_of_a_model_s_methods() -> None:
    for name in ("parse_generations", "model_call", "amodel_call"):
        assert callable(getattr(api_models.TemplateAPI, name))


# -- caches, tasks, words ----------------------------------------------------------------------------------------------


def test_request_s_key_is_the_one_that_the_cache_uses(tmp_path: Path) -> None:
    model = get_model("dummy")()
    caching = CachingLM(model, str(tmp_path / "c.db"))
    model.cache_hook.add_partial("generate_until", ("prompt", {"until": []}), "reply")
    (key,) = caching.dbdict
    assert key == compat.request_hash("generate_until", ("prompt", {"until": []}))
    assert key != compat.request_hash("loglikelihood", ("prompt", {"until": []}))


def test_task_manager_takes_our_folder_beside_the_user_s_and_is_itself_again(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.yaml").write_text("task: mine\ndataset_path: json\n")
    original = TaskManager.__init__
    with compat.looking_in(tasks_folder()):
        for given in (str(own), [str(own)]):
            known = TaskManager(include_path=given, include_defaults=False).all_tasks
            assert {"mine", "persona_main"} <= set(known)
        assert "persona_main" in TaskManager(include_defaults=False).all_tasks
    assert TaskManager.__init__ is original


@pytest.mark.parametrize("linked", [False, True])
def test_lm_eval_s_own_tasks_are_read_only_where_the_command_may_need_them(
    linked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    for folder, name in ((theirs, "arc"), (own, "mine")):
        folder.mkdir()
        (folder / f"{name}.yaml").write_text(f"task: {name}\ndataset_path: json\n")
    monkeypatch.setattr(manager, "__file__", str(theirs / "manager.py"))
    names = task_names()

    def known(tasks: Any, include_path: str | None = None) -> set[str]:
        config = EvaluatorConfig(tasks=tasks, include_path=include_path)
        with compat.looking_in(tasks_folder(), names, linked=linked):
            return set(config.process_tasks().all_tasks)

    for tasks in ("persona_main", "persona_main,persona_bench", ["persona_loo", "persona_judgefree"]):
        assert known(tasks) == set(names), tasks
    assert known("arc") == ({"arc"} if linked else {"arc", *names})
    if not linked:
        assert known(["persona_main", "arc"]) == {"arc", *names}
        # What is the user's own may include lm-eval's.
        assert known("persona_main", str(own)) == {"arc", "mine", *names}
        with compat.looking_in(tasks_folder(), names):
            assert set(TaskManager().all_tasks) == {"arc", *names}  # `ls`, which names none


def test_loggers_whose_words_are_left_out_go_by_these_names() -> None:
    assert evaluator_utils.__name__ == "lm_eval.evaluator_utils"
    assert api_models.__name__ == "lm_eval.models.api_models"


def test_unequal_counts_of_our_tasks_are_no_news_and_others_are(caplog: pytest.LogCaptureFixture) -> None:
    compat.quiet("persona_of_a_test")
    logger = logging.getLogger("lm_eval.evaluator_utils")
    logger.propagate, before = True, logger.propagate
    logger.addHandler(caplog.handler)
    try:
        for task in ("persona_of_a_test", "gsm8k"):
            logger.warning("[%s] Metrics not scored on the same number of docs: …", task)
        logger.warning("another thing")
    finally:
        logger.removeHandler(caplog.handler)
        logger.propagate = before
    said = list(dict.fromkeys(record.getMessage() for record in caplog.records))
    assert [text.partition("]")[0] for text in said] == ["[gsm8k", "another thing"]


def test_words_that_are_left_out_are_lm_eval_s_own() -> None:
    text = Path(inspect.getfile(evaluator_utils)).read_text(encoding="utf-8")
    # 0.5 says nothing of unequal counts.
    assert ("not scored on the same number" in text) is VERSION.startswith("0.4")


def test_commit_is_asked_for_by_this_name_and_not_where_there_is_none(tmp_path: Path) -> None:
    assert "get_git_commit_hash()" in inspect.getsource(inspect.unwrap(evaluator.simple_evaluate))
    code = (
        "from persona_metrics.harness import compat; compat.quiet('t');"
        " from lm_eval import evaluator; print(evaluator.get_git_commit_hash())"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.strip(), done.stderr) == ("None", "")
