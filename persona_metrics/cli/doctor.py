"""``persona-metrics doctor``: every setting with its source, and whether data, critic and model endpoint work."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from .. import __version__, settings
from ..critic import check
from ..dataset import sources
from ..errors import PersonaError, shorten
from ..harness import link
from ..harness.task_files import lm_eval_folder, tasks_folder
from ..personas import ATTRIBUTE_GROUPS, ATTRIBUTES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``doctor``."""
    parser.add_argument("--model_base_url", help="also check this endpoint of the model under test")
    parser.add_argument("--attributes", action="store_true", help="list the 33 attributes and the named groups")


def run(arguments: argparse.Namespace) -> int:
    """Print settings and checks; return 1 where a check failed."""
    if arguments.attributes:
        print("\n".join(ATTRIBUTES))
        for name, members in ATTRIBUTE_GROUPS.items():
            print(f"group {name}: {', '.join(members)}")
        return 0
    print(f"persona-metrics {__version__}, lm-eval {_version('lm_eval')}, openai {_version('openai')}")
    print(f"tasks: {tasks_folder()}\n")
    chosen = settings.load()
    for name, value in chosen.masked().items():
        shown = ",".join(value) if isinstance(value, tuple) else "" if value is None else value
        print(f"  {name:20} {shorten(_without_login(str(shown)), 60):40} {settings.source_of(name)}")
    for line in settings.unknown_environment():
        print(f"  ! {line}")
    print()
    checks: list[tuple[str, Callable[[], str]]] = [
        ("lm-eval", _lm_eval),
        ("data", lambda: _data(chosen)),
        ("critic", lambda: _critic(chosen)),
    ]
    if arguments.model_base_url:
        checks.append(("model endpoint", lambda: _endpoint(arguments.model_base_url)))
    return max([_report(name, test) for name, test in checks])


def _report(name: str, test: Callable[[], str]) -> int:
    try:
        print(f"  ok    {name}: {test()}")
    except PersonaError as error:
        print(f"  FAIL  {name}: {error}")
        return 1
    return 0


def _lm_eval() -> str:
    folder = lm_eval_folder()
    state = link.inspect(folder)
    if not state.current and (state.left or state.made):
        raise PersonaError(state.describe())
    return f"{folder}; {state.describe()}"


def _data(chosen: settings.Settings) -> str:
    pool = sources.load_pool(chosen)
    drawn = sources.draw(pool, chosen.n, chosen.seed)
    return (
        f"{len(pool.personas)} personas, {len(pool.questions)} questions ({pool.label}, hash {pool.hash}),"
        f" {len(drawn)} pairs drawn"
    )


def _critic(chosen: settings.Settings) -> str:
    check(chosen)
    return f"{chosen.critic_model} answers and its verdict parses"


def _endpoint(url: str) -> str:
    base = url.rstrip("/").removesuffix("/chat/completions").removesuffix("/completions")
    if not base.startswith(("http://", "https://")):
        raise PersonaError(f"--model_base_url {shorten(url, 60)!r}: must begin with http:// or https://")
    request = urllib.request.Request(f"{base}/models")
    if key := os.environ.get("OPENAI_API_KEY"):
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            listed: Any = json.load(answer)
    except urllib.error.HTTPError as error:
        hint = "; set OPENAI_API_KEY" if error.code in (401, 403) else ""
        raise PersonaError(f"{base}/models answers {error.code}{hint}") from None
    except (OSError, ValueError) as error:
        raise PersonaError(f"{base}/models does not answer: {shorten(getattr(error, 'reason', error))}") from None
    names = [str(m.get("id")) for m in listed.get("data", [])] if isinstance(listed, dict) else []
    return f"{base} serves {shorten(', '.join(names) or 'models', 80)}"


def _without_login(text: str) -> str:
    head, at, tail = text.rpartition("@")
    scheme, slashes, _ = head.partition("://")
    # A panel's `name@url` has no login; `https://user:password@host` has one.
    return f"{scheme}://…@{tail}" if at and slashes and "://" not in tail else text


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
