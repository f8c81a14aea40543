"""What nobody runs in CI still says what it takes, and asks commands for options that they have: benches, tools, examples."""

from __future__ import annotations

import argparse
import ast
import importlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from persona_metrics import cli

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for folder in ("bench", "tools", "examples") for path in (ROOT / folder).rglob("*.py"))


def nodes(path: Path) -> Iterator[ast.AST]:
    """Yield every node of a file, and those of the programs that stand in its strings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        yield node
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            with suppress(SyntaxError):
                yield from ast.walk(ast.parse(node.value))


def words(items: list[ast.expr]) -> list[str]:
    return [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]


def calls(path: Path, name: str) -> list[ast.Call]:
    return [
        n for n in nodes(path) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == name
    ]


def options(command: str) -> set[str]:
    """Return the options of one of the package's commands."""
    (commands,) = (a for a in cli.parser(command)._actions if isinstance(a, argparse._SubParsersAction))
    return set(commands.choices[command]._option_string_actions)


OWN = {word for path in SCRIPTS for call in calls(path, "add_argument") for word in words(call.args)}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_options_that_a_script_gives_are_there(path: Path) -> None:
    """Those beside a command's name are that command's; others are a script's own, or go on with a command named before."""
    lists = [words(n.elts) for n in nodes(path) if isinstance(n, ast.List)]
    named = {word for one in lists for word in one if word in cli.COMMANDS}
    for one in lists:
        given = {word for word in one if word.startswith("--")}
        if not given or "pip" in one:
            continue
        beside = set(one) & named
        known = set[str]().union(*map(options, beside)) if beside else OWN.union(*map(options, named))
        assert given <= known, f"of {', '.join(sorted(beside or named)) or 'our own scripts'}"


def test_scripts_that_are_run_by_hand_answer_help() -> None:
    """`--help` is no name of a file, and no reason to write one."""
    run = [path for path in SCRIPTS if '__name__ == "__main__"' in path.read_text(encoding="utf-8")]
    assert len(run) > 20
    mute = {str(path.relative_to(ROOT)) for path in run if not calls(path, "ArgumentParser")}
    assert mute == {"bench/peer_run.py"}, "bench/peer.py alone starts that one"


def test_what_scripts_import_of_the_package_is_there() -> None:
    """What moves takes its name along here, too."""
    wrong, found = [], 0
    for path in (*SCRIPTS, *(ROOT / "environments").rglob("*.py")):
        for node in nodes(path):
            if (
                not isinstance(node, ast.ImportFrom)
                or node.level
                or (node.module or "").split(".")[0] != "persona_metrics"
            ):
                continue
            for alias in node.names:
                found += 1
                try:
                    if not hasattr(importlib.import_module(str(node.module)), alias.name):
                        importlib.import_module(f"{node.module}.{alias.name}")
                except ModuleNotFoundError as error:
                    wrong.append(f"{path.relative_to(ROOT)}: {error}")
    assert found > 20
    assert wrong == []
