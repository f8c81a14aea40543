"""People's labels beside other rooms' numbers: tables, sentences and warnings for the report, cells for the leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import PersonaError, shorten
from ..runs.read import Run, TaskRun
from ..settings import load, source_of
from ..settings.environment import DEFAULT
from . import words
from .agree import Agreed
from .items import answers_of
from .judged import judged
from .read import Label, read_labels
from .records import CELLS, interval, records

Key = tuple[Path, str]
Place = tuple[int, str]


@dataclass(frozen=True)
class People:
    """What labels say of some runs' tasks, by results file and task; empty where there are no labels."""

    found: Mapping[Key, Agreed] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, run: Run, task: TaskRun) -> Agreed | None:
        """Return what they say of this task; None where no label is about it."""
        return self.found.get((run.path.resolve(), task.name))

    def tables(self, run: Run, task: TaskRun) -> dict[str, pd.DataFrame]:
        """Return the tables ``people``, ``people_rates``, ``people_cells`` and ``people_groups``; none without labels."""
        one = self.of(run, task)
        return {} if one is None else tables(one)

    def sentence(self, run: Run, task: TaskRun) -> str:
        """Return agreement, corrected rate and kindness in words; empty without labels."""
        one = self.of(run, task)
        return "" if one is None else " ".join(filter(None, (words.headline(one), words.kindness(one))))

    def warning(self, run: Run, task: TaskRun) -> str:
        """Return why the critic should not be believed; empty where nothing shows it."""
        one = self.of(run, task)
        return "" if one is None else one.warning

    def labels(self, run: Run, task: TaskRun) -> dict[Place, list[Label]]:
        """Return the labels of each answer by document and variant."""
        one = self.of(run, task)
        if one is None:
            return {}
        return {(i.doc, i.variant): list(one.given[i.key]) for i in one.answers.items if i.key in one.given}

    def record(self, run: Run, task: TaskRun) -> dict[str, Any] | None:
        """Return everything as plain data; None without labels."""
        one = self.of(run, task)
        return None if one is None else records(one)


def people(tasks: Sequence[tuple[Run, TaskRun]], files: Sequence[Path] | None = None) -> People:
    """Return what the labels in ``files`` say of these tasks.

    Without ``files`` the setting ``labels`` counts: the run's own, where its files are still there, else this process's.
    Raises ``PersonaError`` where files are named and no label in them is about an answer here.
    """
    if files:
        return _of(tasks, list(files))
    found: dict[Key, Agreed] = {}
    notes: list[str] = []
    here = "" if source_of("labels") == DEFAULT else load().labels
    for run, task in tasks:
        own = [Path(name) for name in str(task.metadata.get("labels") or here or "").split(",") if name]
        if not own:
            continue
        if lost := [path for path in own if not path.is_file()]:
            notes.append(
                f"{task.name} of {run.model}: its labels {shorten(lost[0], 60)} are not here; name them with --labels"
            )
            continue
        try:
            one = _of([(run, task)], own)
        except PersonaError as error:
            notes.append(f"labels left out: {error}")
            continue
        found |= one.found
        notes += one.notes
    return People(found, tuple(dict.fromkeys(notes)))


def _of(tasks: Sequence[tuple[Run, TaskRun]], files: list[Path]) -> People:
    labels, notes = read_labels(files)
    answers = [one for run, task in tasks if task.samples is not None and (one := answers_of(run, task)).items]
    if not answers:
        raise PersonaError("--labels: these runs hold no judged answers (run lm_eval with --log_samples)")
    near = [one.run.path for one in answers]
    made = judged(answers, labels, files, notes, near=near)
    # Differences between models are agree's: a report's comparisons are over all pairs.
    found = {(one.answers.run.path.resolve(), one.answers.task.name): one for one in made.found}
    return People(found, tuple(dict.fromkeys([*made.notes, *(n for one in made.found for n in one.notes)])))


def tables(one: Agreed) -> dict[str, pd.DataFrame]:
    """Return everything that the labels say as tables."""
    a = one.agreement
    named = {
        "agreement": a.agreement,
        "kappa": a.kappa,
        "ac1": a.ac1,
        "sensitivity": a.sensitivity,
        "specificity": a.specificity,
        **({"alpha among raters": one.between} if one.between is not None else {}),
    }
    rates = [
        {
            "row": rate.row,
            "critic": rate.critic,
            **_ends(rate.result.found),
            "people_alone": rate.result.people.value,
            "people_low": rate.result.people.low,
            "people_high": rate.result.people.high,
            "labels": rate.result.found.n,
            "more_to_halve": rate.result.more,
        }
        for rate in one.rates
    ]
    rates += [{"row": name, **_ends(value), "labels": value.n} for name, value in one.differences.items()]
    made = {
        "people": pd.DataFrame([{"measure": name, **interval(value)} for name, value in named.items()]),
        "people_rates": pd.DataFrame(rates),
        "people_cells": pd.DataFrame({"answers": CELLS, "labels": a.cells, "rate": a.shares}),
        "people_groups": pd.DataFrame(
            [
                {
                    "attribute": g.attribute,
                    "group": g.group,
                    "labels": g.labels,
                    "critic": None if g.rate is None else g.rate.critic,
                    **_ends(None if g.rate is None else g.rate.result.found),
                    **_ends(g.kinder, "kinder"),
                    **_ends(g.apart, "apart"),
                    "p_adjusted": g.p_adjusted,
                }
                for g in one.groups
            ]
        ),
    }
    return {name: table for name, table in made.items() if len(table)}


def _ends(value: Any, name: str = "value") -> dict[str, float]:
    low, high = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    nan = float("nan")
    return {name: nan, low: nan, high: nan} if value is None else {name: value.value, low: value.low, high: value.high}
