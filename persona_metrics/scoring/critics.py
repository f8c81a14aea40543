"""The same answers judged by several critics, one folder each, and what depends on the critic. Reads and writes runs."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .. import analysis
from ..analysis import critics as tables
from ..critic import check_once
from ..errors import PersonaError, shorten
from ..files import file_name, write_text
from ..runs.find import Keep, find
from ..runs.read import load_run, read_samples, tidy
from . import given as answers
from . import replay
from .given import Given

FORMAT = "persona-metrics/critics/1"
Say = Callable[[str], None]


def names_of(text: str) -> list[str]:
    """Return the critics of ``--critics a,b@http://…,c``; raise ``PersonaError`` for fewer than two, or one twice."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) < 2 or len(set(names)) < len(names):
        raise PersonaError(
            f"--critics {shorten(text, 80)!r}: name two critics or more, each once: a,b@http://host/v1,c"
        )
    folders = [file_name(name) for name in names]
    if len(set(folders)) < len(folders):
        raise PersonaError(f"--critics {shorten(text, 80)!r}: two names that become one folder's")
    return names


def read(path: Path, task: str | None, overrides: Mapping[str, Any]) -> list[Given]:
    """Return the answers of the newest run of each model and task at ``path``."""
    runs = find([path], Keep.NEWEST_OF_EACH).runs
    found: dict[tuple[str, str], Path] = {}
    for run in runs:
        for one in run.tasks:
            if one.samples is not None and task in (None, one.name) and one.called == one.name:
                found.setdefault((run.model, one.name), one.samples)
    if overrides.get("protocol", "debate") != "debate":
        raise PersonaError("--critics compares verdicts on single answers; score comparisons once a critic")
    if not found:
        raise PersonaError(
            f"{shorten(path)}: no samples of {task or 'a persona task'} there (run lm_eval with --log_samples)"
        )
    return [answers.from_samples(file, answers.read_lines(file), overrides) for file in found.values()]


def score(
    path: Path, critics: Sequence[str], out: Path, overrides: Mapping[str, Any], task: str | None, say: Say
) -> list[str]:
    """Judge the answers at ``path`` by each critic into ``out``/<critic>, write ``critics.json``, and return what it says.

    All critics are tried before the first answer is judged. Verdicts come from the store where it has them, so that a
    second run asks nothing. Raises ``PersonaError`` where a critic does not work.
    """
    if "critic_model" in overrides:
        raise PersonaError("--critics names the critics; leave critic_model out of --metadata")
    by_critic = {name: read(path, task, {**overrides, "critic_model": name}) for name in critics}
    for given in by_critic.values():
        check_once(given[0].settings)
    short = _short(critics)
    frames: dict[str, dict[str, dict[str, pd.DataFrame]]] = {}
    for name, given in by_critic.items():
        for model in dict.fromkeys(one.model for one in given):
            say(f"{name} judges the answers of {model}")
            # lm-eval's table of each would bury what they are compared for.
            with contextlib.redirect_stdout(io.StringIO()):
                written = replay.score([one for one in given if one.model == model], out / file_name(name))
            for task_name, frame in _frames(written).items():
                frames.setdefault(task_name, {}).setdefault(short[name], {})[model] = frame
    found = {name: tables.compare(by) for name, by in frames.items()}
    write_text(out / "critics.json", json.dumps(_record(found), indent=1, ensure_ascii=False) + "\n")
    return [line for name, one in found.items() for line in tables.sentences(one, name)]


def _short(names: Sequence[str]) -> dict[str, str]:
    """Return the names without addresses, where that leaves them distinct."""
    bare = {name: name.partition("@http")[0] or name for name in names}
    return bare if len(set(bare.values())) == len(bare) else {name: name for name in names}


def _frames(written: Sequence[Path]) -> dict[str, pd.DataFrame]:
    results = next(path for path in written if path.name.startswith("results_"))
    run = load_run(results)
    return {
        task.name: tidy(read_samples(task.samples), task.name, task.metadata, run.model, heavy=False)
        for task in run.tasks
        if task.samples is not None
    }


def _record(found: Mapping[str, tables.Critics]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "confidence_level": analysis.LEVEL,
        "tasks": [
            {
                "task": name,
                "row": one.row,
                "rates": _plain(one.rates),
                "critics": _plain(one.agreement),
                "order": tables.order(one) if len(one.models) > 1 else None,
                "turns": [
                    {
                        "first": turn.first,
                        "second": turn.second,
                        "critics": list(turn.critics),
                        "differences": list(turn.differences),
                        "apart": {k: getattr(turn.apart, k) for k in ("value", "low", "high", "n")},
                        "beyond_chance": turn.beyond_chance,
                    }
                    for turn in one.turns
                ],
            }
            for name, one in found.items()
        ],
    }


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(k): v.item() if hasattr(v, "item") else v for k, v in row.items()} for row in rows]
