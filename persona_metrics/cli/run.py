"""``persona-metrics run``: the ``lm_eval`` command in this process, which also finds the pack's tasks."""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import PersonaError, shorten, suggest
from ..harness.exits import UserExit
from ..harness.task_files import lm_eval_folder, tasks_folder
from ..settings import Settings, canonical
from .metadata import split_pairs

LM_EVAL = ("run", "ls", "validate")
ABOUT = """usage: persona-metrics run --model MODEL --tasks persona_main … (all options of `lm_eval run`)

Runs lm_eval with the pack's tasks beside its own. `persona-metrics run ls tasks` and `… run validate` work, too.
What follows is lm_eval's own help.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: what follows ``run`` is lm_eval's."""
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="lm_eval's own")


def run(arguments: argparse.Namespace) -> int:
    """Run ``lm_eval`` with these arguments."""
    return lm_eval(arguments.arguments)


def lm_eval(given: Sequence[str]) -> int:
    """Run ``lm_eval run GIVEN`` (or the subcommand that GIVEN begins with) and return its exit code.

    Raises ``PersonaError`` where lm_eval cannot be imported, or a task of a name like ours does not exist.
    """
    lm_eval_folder()
    words = with_metadata(list(given) if given and given[0] in LM_EVAL else ["run", *given])
    if any(word in ("-h", "--help") for word in words):
        print(ABOUT, flush=True)
    before, sys.argv = sys.argv, ["lm_eval", *words]
    try:
        from lm_eval.__main__ import cli_evaluate

        from ..harness.compat import looking_in
        from ..harness.link import inspect
        from ..harness.yamls import task_names

        # Linked, they would be found twice, and lm-eval would say so of each.
        with looking_in(tasks_folder(), task_names(), linked=inspect(lm_eval_folder()).current):
            cli_evaluate()
    except ValueError as error:
        if (missing := _ours_of(str(error))) is None:
            raise
        raise PersonaError(missing) from None
    except UserExit as stopped:
        return int(stopped.code or 0)
    finally:
        sys.argv = before
    return 0


def with_metadata(words: Sequence[str]) -> list[str]:
    """Return the words with ``--metadata`` as one JSON object, the form that every version of lm-eval takes.

    Values of ours stay texts, so that ``critic_model=a,b`` and ``attributes=age,sex`` are lists; lm-eval would cut there.
    """
    kept: list[str] = []
    pairs: list[str] = []
    found: dict[str, Any] = {}
    inside = False
    for word in words:
        option, equals, value = word.partition("=")
        if option == "--metadata":
            inside = True
            pairs += [value] if equals else []
        elif inside and not word.startswith("-"):
            pairs.append(word)
        else:
            inside = False
            kept.append(word)
    for pair in pairs:
        if pair.lstrip().startswith("{"):
            try:
                found |= json.loads(pair)
            except (ValueError, RecursionError, TypeError) as error:
                raise PersonaError(f"--metadata: not JSON: {shorten(error)}") from None
        else:
            split = split_pairs([pair])
            found |= {k: v if canonical(k) in Settings.model_fields else _literal(v) for k, v in split.items()}
    return [*kept, "--metadata", json.dumps(found)] if found else kept


def _literal(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value = ast.literal_eval(text)
        json.dumps(value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text
    return value


def _ours_of(text: str) -> str | None:
    """Return the line for lm-eval's "Tasks not found", where the names look like ours."""
    head, colon, names = text.partition("Tasks not found: ")
    wrong = [name.strip() for name in names.split(",")] if colon and not head else []
    if not any(name.startswith("persona") for name in wrong):
        return None
    from ..harness.yamls import task_names

    hints = "".join(suggest(name, task_names()) for name in wrong[:1])
    return f"--tasks {','.join(wrong)}: no such task{hints}; `persona-metrics tasks` lists ours"
