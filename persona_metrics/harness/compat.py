"""All that is private to lm-eval, in one place: what it does not say to a task, and what it says too much. Knows no task.

Each of these names is looked at by a test that fails where lm-eval changes it (``tests/harness/test_compat.py``).
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

CHAT_MODELS = frozenset({"LocalChatCompletion", "OpenAIChatCompletion", "AnthropicChat", "LiteLLMChatCompletion"})
"""Endpoints that take messages; without the chat template lm-eval hands them bare text and fails mid-run."""


def caller(function: str) -> Mapping[str, Any]:
    """Return the local names of the nearest calling function of that name; empty where there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == function and frame.f_globals.get("__name__", "").startswith("lm_eval."):
            return frame.f_locals
        frame = frame.f_back  # type: ignore[assignment]
    return {}


@dataclass(frozen=True)
class Running:
    """The model that lm-eval runs, its ``CachingLM`` (None without ``--use_cache``), and what told of the model."""

    model: Any
    caching: Any
    found: str
    """``chat template``, ``stack``, or nothing where neither told."""


def running(chat_template: Any = None) -> Running:
    """Return the model that ``lm_eval.evaluate`` is running.

    lm-eval tells a task nothing about the model but its arguments, which do not name its kind. The ``chat_template`` that it
    hands over is bound to the model; without one the evaluator that called us holds it as ``lm``.
    """
    from lm_eval.api.model import LM, CachingLM

    held = caller("evaluate").get("lm")
    caching = held if isinstance(held, CachingLM) else None
    owner = getattr(chat_template, "__self__", None)
    if isinstance(owner, LM):
        return Running(owner, caching, "chat template")
    model = held.lm if isinstance(held, CachingLM) else held
    return Running(model, caching, "stack") if isinstance(model, LM) else Running(None, caching, "")


def model_arguments() -> set[str]:
    """Return the names of the running model's own arguments, which lm-eval mixes into every task's metadata."""
    given = caller("simple_evaluate").get("model_args")
    if isinstance(given, str):
        return {pair.partition("=")[0].strip() for pair in given.split(",")}
    return set(given) if isinstance(given, Mapping) else set()


def output_path() -> str | None:
    """Return where lm-eval will write results, which it tells no task; None where it will not, or not the samples."""
    if not caller("evaluate").get("log_samples"):
        return None
    path = getattr(caller("simple_evaluate").get("evaluation_tracker"), "output_path", None)
    return str(path) if path else None


def other_tasks(ours: type) -> bool:
    """Return whether tasks that are not ``ours`` run beside ours."""
    found = caller("evaluate").get("eval_tasks") or {}
    tasks = found.values() if isinstance(found, Mapping) else found
    return any(not isinstance(task, ours) for task in tasks)


def model_name(model: Any) -> str | None:
    """Return the name of a model of lm-eval, or None where it has none."""
    for attribute in ("model", "pretrained", "_model", "path"):
        value = getattr(model, attribute, None)
        if isinstance(value, str):
            return value
    name = getattr(getattr(getattr(model, "_model", None), "config", None), "_name_or_path", None)
    return name if isinstance(name, str) and name else None


def flat(results: Any) -> list[Mapping[str, Any]]:
    """Return the results of a document's instances: 0.4 hands over ``[[r1], [r2]]``, 0.5 ``[r1, r2]``."""
    return [r for item in results for r in (item if isinstance(item, list) else [item])]


def takes_messages(model: Any) -> bool:
    """Return whether the model is an endpoint for chats, or derived from one (Azure's)."""
    return any(kind.__name__ in CHAT_MODELS for kind in type(model).__mro__)


def is_endpoint(model: Any) -> bool:
    """Return whether the model is asked over HTTP by lm-eval's own client."""
    return any(kind.__name__ == "TemplateAPI" for kind in type(model).__mro__) and isinstance(
        getattr(model, "base_url", None), str
    )


def request_hash(kind: str, arguments: Any) -> str:
    """Return the key under which ``--use_cache`` keeps a request's reply."""
    from lm_eval.api.model import hash_args

    return str(hash_args(kind, arguments))


# -- where tasks are looked for ----------------------------------------------------------------------------------------


@contextmanager
def looking_in(folder: Path, names: Collection[str] = (), *, linked: bool = False) -> Iterator[None]:
    """Let every ``TaskManager`` look into ``folder``, too; where a name stands twice the user's own folder wins.

    The command takes one ``--include_path`` and does not merge it with that of ``--config``; the class takes a list. Where
    the command names nothing but ``names``, all of ``folder``, lm-eval's own 13,000 files are not read, which takes seconds.
    ``linked`` says that lm-eval finds the tasks among its own already.
    """
    from lm_eval.tasks import TaskManager

    original = TaskManager.__init__

    def with_ours(*args: Any, **kwargs: Any) -> None:
        bound = signature(original).bind(*args, **kwargs)
        given = bound.arguments.get("include_path")
        own = list(given) if isinstance(given, (list, tuple)) else [given] if given else []
        known = {Path(path).expanduser().resolve() for path in own}
        place, asked = folder.resolve(), _asked()
        alone = bool(asked) and asked <= set(names) and known <= {place}
        if alone:
            bound.arguments["include_defaults"] = False
        if alone or not linked:
            ours = [] if place in known else [str(folder)]
            bound.arguments["include_path"] = [*ours, *map(str, own)]
        original(*bound.args, **bound.kwargs)

    TaskManager.__init__ = with_ours
    try:
        yield
    finally:
        TaskManager.__init__ = original


def _asked() -> set[str]:
    """Return the tasks that the command looks for; empty where it is none that runs tasks."""
    given = getattr(caller("process_tasks").get("self"), "tasks", None) or ()
    return {name for words in ([given] if isinstance(given, str) else given) for name in str(words).split(",")}


# -- what lm-eval says of our tasks that helps nobody ------------------------------------------------------------------


class _About(logging.Filter):
    """Drops what lm-eval logs about our tasks' unequal counts (a row by group has its group's); others' pass."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        task = text[1:].partition("]")[0] if text.startswith("[") else None
        return not (task in self.tasks and "not scored on the same number" in text)


class _Interrupted(logging.Filter):
    """Drops the line that lm-eval logs for each request that an interrupt takes back."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "CancelledError" not in record.getMessage()


_about = _About()


def quiet(task: str) -> None:
    """Take out of lm-eval's log what is no news about this task of ours, and git's complaint about the folder."""
    from lm_eval import evaluator

    _about.tasks.add(task)
    for name, filter_ in (("lm_eval.evaluator_utils", _about), ("lm_eval.models.api_models", _Interrupted())):
        logger = logging.getLogger(name)
        if not any(type(known) is type(filter_) for known in logger.filters):
            logger.addFilter(filter_)
    if not getattr(evaluator.get_git_commit_hash, "quiet", False):
        original = evaluator.get_git_commit_hash

        def commit() -> Any:
            return original() if _in_git() else None

        commit.quiet = True  # type: ignore[attr-defined]
        evaluator.get_git_commit_hash = commit


def _in_git() -> bool:
    try:
        return not subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, check=False).returncode
    except OSError:
        # lm-eval reads the folder's .git itself then, without a word.
        return True
