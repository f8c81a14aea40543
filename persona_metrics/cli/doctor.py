"""``persona-metrics doctor``: every setting with its source, and whether data, critic and model endpoint work."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timezone
from typing import Any

from .. import __version__, masking, settings
from ..critic import check, faults, keys
from ..critic.http import httpx
from ..critic.request import panel
from ..dataset import sources
from ..errors import PersonaError, shorten
from ..harness import link
from ..harness.task_files import lm_eval_folder, tasks_folder
from ..personas import ATTRIBUTE_GROUPS, ATTRIBUTES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``doctor``."""
    parser.add_argument("--model_base_url", help="also check this endpoint of the model under test")
    parser.add_argument(
        "--attributes",
        action="store_true",
        help="list the attributes and their groups",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print settings and checks; return 1 where a check failed."""
    if arguments.attributes:
        chosen = settings.load()
        own = chosen.personas or chosen.columns
        print("\n".join(sources.load_people(chosen)[0].columns if own else ATTRIBUTES))
        for name, members in ATTRIBUTE_GROUPS.items():
            print(f"group {name}: {', '.join(members)}")
        return 0
    print(f"persona-metrics {__version__}, lm-eval {_version('lm_eval')}, openai {_version('openai')}")
    print(f"tasks: {tasks_folder()}\n")
    chosen = settings.load()
    values = chosen.masked()
    width = max(map(len, values))
    for name, value in values.items():
        shown = ",".join(value) if isinstance(value, tuple) else "" if value is None else value
        print(f"  {name:{width}} {shorten(shown, 60):40} {settings.source_of(name)}")
    for line in settings.unknown_environment():
        print(f"  ! {line}")
    for line in _hosts(chosen, arguments.model_base_url):
        print(f"  {line}")
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
    drawn = sources.draw(pool, chosen.n, chosen.seed, counterparts=chosen.counterparts)
    remarks = "".join(f"\n  ! {line}" for line in pool.remarks)
    return (
        f"{len(pool.personas)} personas, {len(pool.questions)} questions ({pool.label}, data {pool.data}, hash {pool.hash}),"
        f" {len(drawn)} pairs drawn{remarks}"
    )


def _critic(chosen: settings.Settings) -> str:
    check(chosen)
    ends = "".join(f"; {line}" for line in _critics_end(chosen))
    return f"{chosen.critic_model} answers and its verdict parses{ends}"


def _critics_end(chosen: settings.Settings) -> Iterator[str]:
    """Yield a line for each critic whose endpoint lists it with the day of its end; one without a list says nothing."""
    for critic in (member for one in panel(chosen) for member in one.members):
        if critic.model == "embedded":
            continue
        secret = critic.secret(chosen)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        try:
            with httpx.Client(timeout=20, follow_redirects=False) as client:
                listed = client.get(f"{critic.base_url.rstrip('/')}/models", headers=headers).json()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ImportError, ValueError, RecursionError):
            continue
        models = listed.get("data") if isinstance(listed, dict) else None
        found = [m for m in models if isinstance(m, dict)] if isinstance(models, list) else []
        yield from shutdowns(found, critic.model)


def _hosts(chosen: settings.Settings, model_url: str | None) -> Iterator[str]:
    """Yield, for the critics and the model under test, who named the host, and which key goes there."""
    with suppress(PersonaError):  # the check of the critic says it
        for critic in (member for one in panel(chosen) for member in one.members):
            if critic.model == "embedded" and not critic.own_address and chosen.critic_base_url is None:
                yield "critic embedded: in this process, no key"
                continue
            choice = critic.choice(chosen)
            field = "critic_model" if critic.named_by(chosen) != chosen.set_by("critic_base_url") else "critic_base_url"
            yield (
                f"critic {shorten(critic.model, 40)}: host {critic.host} ({settings.source_of(field)}),"
                f" key {choice.name or 'none'}"
            )
            if choice.why_none:
                yield f"! {choice.why_none}"
    if model_url:
        key = "OPENAI_API_KEY (environment)" if os.environ.get("OPENAI_API_KEY") else "none"
        yield f"model: host {keys.origin(model_url) or shorten(model_url, 60)} (--model_base_url), key {key}, as lm_eval"


def _endpoint(url: str) -> str:
    base = url.strip().rstrip("/").removesuffix("/chat/completions").removesuffix("/completions")
    if keys.origin(base) is None:
        raise PersonaError(f"--model_base_url {shorten(url, 60)!r}: must begin with http:// or https://, then a host")
    shown = shorten(masking.shown_url(base), 80)
    # lm_eval sends this key to the model's address, whoever that is; so does the check.
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {keys.checked(key, 'OPENAI_API_KEY (environment)')}"} if key else {}
    try:
        with httpx.Client(timeout=20, follow_redirects=False) as client:
            answer = client.get(f"{base}/models", headers=headers)
        if 300 <= answer.status_code < 400:
            onward = shorten(masking.shown_url(answer.headers.get("Location", "")), 60)
            raise PersonaError(f"{shown}/models answers {answer.status_code} and points to {onward}: give that address")
        if answer.status_code != 200:
            hint = "; set OPENAI_API_KEY" if answer.status_code in (401, 403) else ""
            raise PersonaError(f"{shown}/models answers {answer.status_code}{hint}")
        listed: Any = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ImportError) as error:
        raise PersonaError(f"{shown}/models does not answer: {faults.described(error)}") from None
    except (ValueError, RecursionError) as error:
        raise PersonaError(f"{shown}/models answers no JSON: {shorten(error, 80)}") from None
    models = listed.get("data") if isinstance(listed, dict) else None
    listed_models = [m for m in models if isinstance(m, dict)] if isinstance(models, list) else []
    names = [str(m.get("id")) for m in listed_models]
    ends = "".join(f"; {line}" for line in shutdowns(listed_models))
    return f"{shown} serves {shorten(', '.join(names) or 'models', 80)}{ends}"


def shutdowns(models: Sequence[Mapping[str, Any]], wanted: str | None = None) -> list[str]:
    """Return a line for each listed model (or ``wanted`` alone) whose endpoint says when it ends: a ``shutdown_date``."""
    lines = []
    for model in models:
        name, ends = str(model.get("id")), model.get("shutdown_date")
        day = _day(ends)
        if day is not None and wanted in (None, name):
            gone = "was shut down on" if day <= date.today() else "will be shut down on"
            lines.append(
                f"! {shorten(name, 40)} {gone} {day.isoformat()}: choose another for runs that are to be repeated"
            )
    return lines[:5]


def _day(value: Any) -> date | None:
    """Return the day that a date, a time or seconds since 1970 name; None for anything else."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, timezone.utc).date()
        return date.fromisoformat(str(value)[:10])
    except (ValueError, OverflowError, OSError):
        return None


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
