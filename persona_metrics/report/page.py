"""The page: one HTML file that needs no network, under a policy that lets nothing run but its own script."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from ..analysis.words import count, listed
from ..evaluations import EVALUATIONS
from ..evaluations.facts import fact_of
from ..exam import found as cards
from ..prompts import environment, templates_folder
from . import plain, words
from .browser import LONGEST, Packed
from .glossary import TERMS, Linker
from .schema import Report, TaskReport
from .tables import BASELINE, Comparison, TaskTables, metadata_text

SCRIPTS = ("tables.js", "store.js", "detail.js", "samples.js")
_SHARES = frozenset(
    {"value", "low", "high", "stderr", "rate", "difference", "bound_low", "bound_high", "pooled", "pooled_low"}
    | {"pooled_high", "detectable", "pass_at_k", "pass_hat_k", "hat_low", "hat_high", "hat_stderr", "worst_group"}
    | {"between_group_sd", "hat_bound_low", "hat_bound_high", "partial_low", "partial_high", "overall", "never"}
    | {"worst_low", "worst_high", "worst_probability", "worst_raw", "worst_raw_low", "worst_raw_high", "gap", "gap_low"}
    | {"gap_high", "sd_low", "sd_high", "distinct"}
    | {"equal_length", "people_alone", "people_low", "people_high", "critic", "kinder", "kinder_low", "kinder_high"}
    | {"apart", "apart_low", "apart_high", "preferred", "order_bias"}
)
_DIGITS = re.compile(rb"(\d\.\d{2})\d+")
_TESTS = frozenset({"p", "p_adjusted", "p_bh"})
_PATHS = re.compile(rb' d="[^"]*"|translate\([^)]*\)')
_GAPS = re.compile(rb"\s*([A-Za-z])\s+")
_BETWEEN = re.compile(rb"<metadata>.*?</metadata>|<!--.*?-->|^ +|\n(?=<)", re.DOTALL | re.MULTILINE)
_FIRST = (
    "model",
    "task",
    "critic_model",
    "critic_endpoint",
    "critic_card",
    "mode",
    "n",
    "seed",
    "source",
    "data_hash",
    "pairs_hash",
)


@dataclass(frozen=True)
class FigureFile:
    """A saved figure and the section it stands in."""

    section: str
    title: str
    caption: str
    alt: str
    svg: Path
    others: tuple[tuple[str, bytes], ...] = ()
    """Other forms as SVG, each with the screens that get it (a media query)."""

    @property
    def source(self) -> str:
        """The picture as a data URI: an SVG in ``img`` runs no script and loads nothing."""
        return _data(self.svg.read_bytes())

    @property
    def sources(self) -> list[tuple[str, str]]:
        """The other forms as data URIs."""
        return [(media, _data(svg)) for media, svg in self.others]


def _data(svg: bytes) -> str:
    # A hundredth of a point cannot be seen; more digits are half of a figure's bytes.
    svg = _PATHS.sub(lambda path: _GAPS.sub(rb"\1", _DIGITS.sub(rb"\1", path[0])), _BETWEEN.sub(b"", svg))
    svg = svg.replace(b"xlink:href", b"href").replace(b"DejaVuSans-", b"d")
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


@dataclass(frozen=True)
class Cell:
    """A table cell: its text, and the number that it sorts by where it is one."""

    text: str
    sort: float | None = None

    @property
    def key(self) -> str | None:
        """What a number sorts by where its text does not begin with it (``< 0.001``); a table of thousands is short of bytes."""
        if self.sort is None:
            return None
        began = re.match(r"-?[\d,]+(\.\d+)?", self.text)
        near = began and abs(float(began[0].replace(",", "")) - self.sort * (100 if "%" in self.text else 1)) < 0.06
        return None if near and abs(self.sort) >= 0.1 else f"{self.sort:.6g}"


@dataclass(frozen=True)
class Shown:
    """A table as the page shows it."""

    name: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Section:
    """One task of one model on the page."""

    anchor: str
    title: str
    report: TaskReport
    figures: tuple[FigureFile, ...]
    tables: tuple[Shown, ...]
    run: tuple[tuple[str, str], ...]
    judged: bool = True
    plain: str = ""
    """The result in everyday words; empty where there is none."""
    statistics: str = ""
    finding: str = ""


@dataclass(frozen=True)
class Overview:
    """Models by tasks: the tasks' names, and of each model its cells, each with the section it leads to (None: not run)."""

    tasks: tuple[str, ...]
    models: tuple[tuple[str, tuple[tuple[str, str] | None, ...]], ...]


@dataclass(frozen=True)
class Compared:
    """One comparison on the page."""

    title: str
    sentences: tuple[str, ...]
    tables: tuple[Shown, ...]
    figures: tuple[FigureFile, ...] = ()
    folded: bool = False
    """Whether the page shows its heading alone until somebody opens it."""


def render_page(
    report: Report,
    tables: Sequence[TaskTables],
    compared: Sequence[Comparison],
    figures: Sequence[FigureFile],
    packed: Packed,
) -> str:
    """Return the page's HTML."""
    style = _read("style.css")
    script = "\n".join(_read(name) for name in SCRIPTS)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    several = len({t.entry.label for t in tables}) > 1
    sections = [_section(n, t, r, figures, several) for n, (t, r) in enumerate(zip(tables, report.tasks, strict=True))]
    sections, repeated = _once(sections, tables)
    own = {c.file_name for c in compared}
    return (
        environment(html=True)
        .get_template("report/page.html.jinja")
        .render(
            policy=policy,
            style=Markup(style),
            script=Markup(script),
            report=report,
            title=_title(tables),
            sections=sections,
            repeated=repeated,
            overview=_overview(tables, sections) if several else None,
            link=Linker(),
            of=_of,
            terms=TERMS,
            compared=_compared_all(compared, figures),
            comparison_figures=[f for f in figures if f.section == "comparison" and f.svg.stem not in own],
            packed=packed,
            config=_json({"shown": packed.shown, "total": packed.total, "longest": LONGEST}),
            several=several,
        )
    )


def _once(
    sections: Sequence[Section], tables: Sequence[TaskTables]
) -> tuple[list[Section], list[tuple[str, str]]]:
    """Return the sections without what several of them say in the same words, and each of those once with its sections."""
    said: dict[str, list[tuple[str, str]]] = {}
    for table in tables:
        for text in filter(None, (words.worth(table, tables), words.finding(table))):
            said.setdefault(text, []).append((words.title(table.entry), table.entry.label))
    several = {text: about for text, about in said.items() if len(about) > 1}
    left = []
    for section in sections:
        finding = section.report.finding
        for text in several:
            finding = finding.replace(text, "").strip()
        left.append(replace(section, finding=finding))
    models = len({table.entry.label for table in tables})
    return left, [(text, about(found, named=models > 1)) for text, found in several.items()]


def about(found: Sequence[tuple[str, str]], *, named: bool = True) -> str:
    """Return tasks with their models, the models of which the same tasks are meant together; ``named``: with the models."""
    tasks: dict[str, list[str]] = {}
    for task, model in found:
        tasks.setdefault(model, []).append(task)
    together: dict[tuple[str, ...], list[str]] = {}
    for model, names in tasks.items():
        together.setdefault(tuple(names), []).append(model)
    return "; ".join(
        " · ".join((*names, f"of {listed(models, 12)}") if named else names) for names, models in together.items()
    )


def _of(text: str) -> str:
    """Return a warning's "task of model; task of model" with what repeats said once."""
    parts = [part.rpartition(" of ") for part in text.split("; ")]
    whole = len(parts) > 1 and all(task and " " not in task for task, _, _ in parts)
    return about([(task, model) for task, _, model in parts]) if whole else text


def _overview(tables: Sequence[TaskTables], sections: Sequence[Section]) -> Overview:
    tasks = {table.entry.task.called: words.title(table.entry) for table in tables}
    at = {
        (t.entry.label, t.entry.task.called): (plain.cell(t), s.anchor) for t, s in zip(tables, sections, strict=True)
    }
    models = dict.fromkeys(t.entry.label for t in tables)
    return Overview(
        tuple(tasks.values()), tuple((model, tuple(at.get((model, task)) for task in tasks)) for model in models)
    )


def _title(tables: Sequence[TaskTables]) -> str:
    models = list(dict.fromkeys(t.entry.label for t in tables))
    return models[0] if len(models) == 1 else f"{len(models)} models compared"


def _read(name: str) -> str:
    return (templates_folder() / "report" / name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _json(value: Any) -> Markup:
    """Return JSON that may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=True)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def _section(
    number: int, table: TaskTables, report: TaskReport, figures: Sequence[FigureFile], several: bool
) -> Section:
    entry = table.entry
    return Section(
        anchor=f"task-{number}",
        title=words.title(entry) + (f" · {entry.label}" if several else ""),
        report=report,
        figures=tuple(f for f in figures if f.section == f"{entry.label}/{entry.task.called}"),
        tables=tuple(shown(n, t, _no_shares(table)) for n, t in table.tables.items() if len(t)),
        run=_run(report, words.needs_critic(entry)),
        judged=words.needs_critic(entry),
        plain=plain.sentence(table),
        statistics=words.statistics(table),
    )


def _run(report: TaskReport, judged: bool) -> tuple[tuple[str, str], ...]:
    values = {"model": report.model, "task": report.task, **report.metadata, "critic_card": cards.name(report.metadata)}
    seconds = values.pop("total_evaluation_time_seconds", None)
    ordered = [*(k for k in _FIRST if k in values), *(k for k in values if k not in _FIRST)]
    rows = [(k.replace("_", " "), _fact(k, values[k])) for k in ordered if values[k] not in (None, "", [], {})]
    rows += _judging(report) if judged else [("judging", "none: no critic is needed")]
    if seconds is not None:
        rows.append(("time of the whole run", _duration(seconds)))
    rows += [("results file", report.results), ("samples file", report.samples or "none")]
    return tuple(rows)


def _fact(name: str, value: Any) -> str:
    """Return what was recorded as a reader wants it: a date as a date, a list with commas."""
    if name == "date" and isinstance(value, (int, float)) and 0 < value < 1e11:
        return f"{datetime.fromtimestamp(value, timezone.utc):%d %B %Y, %H:%M} UTC".lstrip("0")
    if isinstance(value, (list, tuple)) and all(isinstance(one, (str, int, float)) for one in value):
        return listed([*map(str, value)], 40)
    return metadata_text(value)


def _judging(report: TaskReport) -> list[tuple[str, str]]:
    usage = report.usage
    fresh = usage.votes - usage.stored
    rows = [
        ("judging", f"{count(usage.votes, 'vote')}, {usage.stored:,} of them from the store"),
        ("critic's tokens", f"{usage.prompt_tokens:,} in, {usage.completion_tokens:,} out"),
    ]
    return [*rows, ("critic's time a vote", f"{usage.latency / fresh:.2f} s")] if fresh else rows


def _duration(value: Any) -> str:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return metadata_text(value)
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.0f} s"


def _compared_all(compared: Sequence[Comparison], figures: Sequence[FigureFile]) -> list[Compared]:
    """Return the comparisons, models before modes; of many only the first is unfolded."""
    ordered = sorted(compared, key=lambda c: (c.kind != "models", BASELINE in c.of))
    found = []
    for number, comparison in enumerate(ordered):
        drawn = tuple(f for f in figures if f.section == "comparison" and f.svg.stem == comparison.file_name)
        found.append(replace(_compared(comparison), figures=drawn, folded=number > 0 and len(ordered) > FEW))
    return found


FEW = 2
"""More comparisons than these are folded, but for the first."""


def _compared(comparison: Comparison) -> Compared:
    of_task = words.title(comparison.entries[0]) if comparison.entries else comparison.of
    title = f"Models · {of_task}" if comparison.kind == "models" else f"Modes of {comparison.of}"
    sentences = [words.difference(row) for _, row in comparison.differences.head(28).iterrows()]
    tables = [shown("rates", comparison.rates)]
    if len(comparison.differences):
        tables.append(shown("differences", comparison.differences))
    return Compared(title, tuple(sentences), tuple(tables))


def _no_shares(table: TaskTables) -> frozenset[str]:
    """Return the rows of lm-eval's table that are no shares: attempts, say, are numbers from 1 to K."""
    facts = EVALUATIONS[table.entry.evaluation].rows if table.entry.evaluation in EVALUATIONS else ()
    listed = [frame["row"] for frame in table.tables.values() if "row" in frame]
    return frozenset(str(row) for rows in listed for row in rows if fact_of(str(row), facts).unit != "proportion")


def shown(name: str, table: pd.DataFrame, no_shares: frozenset[str] = frozenset()) -> Shown:
    """Return a table's cells as a reader wants them: shares as per cent, p-values short, empty for what is not known.

    ``no_shares`` are values of the column ``row`` whose numbers are no shares.
    """
    numeric = tuple(bool(pd.api.types.is_numeric_dtype(t)) and t != np.dtype(bool) for t in table.dtypes)
    columns = [str(c) for c in table.columns]
    at = columns.index("row") if "row" in columns else None
    rows = [
        tuple(
            _cell(column, value, share=at is None or str(row[at]) not in no_shares)
            for column, value in zip(columns, row, strict=True)
        )
        for row in table.itertuples(index=False, name=None)
    ]
    headings = [c.replace("_", " ") for c in columns]
    folded = _folded(headings, numeric, rows)
    return _upright(name.replace("_", " "), *folded)


def _folded(
    headings: Sequence[str], numeric: Sequence[bool], rows: Sequence[tuple[Cell, ...]]
) -> tuple[list[str], list[bool], list[tuple[Cell, ...]]]:
    """Return the table with the two ends of each interval in one column, which sorts by its lower end."""
    ends = {i: headings.index(h.removesuffix("low") + "high") for i, h in enumerate(headings) if _low(h, headings)}
    gone = set(ends.values())
    kept = [i for i in range(len(headings)) if i not in gone]
    names = [headings[i].removesuffix("low") + ("" if headings[i] == "bound low" else "interval") for i in kept]
    said = [{"bound ": "bounds"}.get(n, n) if i in ends else headings[i] for i, n in zip(kept, names, strict=True)]
    made = [tuple(_interval(row[i], row[ends[i]]) if i in ends else row[i] for i in kept) for row in rows]
    return said, [numeric[i] for i in kept], made


def _low(heading: str, headings: Sequence[str]) -> bool:
    stem = heading.removesuffix("low")
    return stem != heading and (not stem or stem.endswith(" ")) and f"{stem}high" in headings


def _interval(low: Cell, high: Cell) -> Cell:
    if not low.text or not high.text:
        return Cell(low.text or high.text, low.sort)
    return Cell(f"{low.text.removesuffix('%')} to {high.text}", low.sort)


UPRIGHT = 6
"""A table of one row with more columns than this stands upright, a column a line."""


def _upright(name: str, headings: list[str], numeric: list[bool], rows: list[tuple[Cell, ...]]) -> Shown:
    if len(rows) == 1 and len(headings) > UPRIGHT:
        lines = tuple((Cell(heading), cell) for heading, cell in zip(headings, rows[0], strict=True) if cell.text)
        return Shown(name, ("what", "value"), (False, True), lines)
    return Shown(name, tuple(headings), tuple(numeric), tuple(rows))


def _cell(column: str, value: Any, *, share: bool = True) -> Cell:
    if isinstance(value, (bool, np.bool_)):
        return Cell("yes" if value else "no", float(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isnan(number):
            return Cell("", None)
        if math.isinf(number):
            return Cell("∞", 1e300)
        if share and column in _SHARES and abs(number) <= 1:
            return Cell(f"{100 * number:.1f}%", number)
        # At the least that a permutation of 1,000 can say, it says no more.
        if (column in _TESTS or column.endswith("_p")) and number < 0.00105:
            return Cell("< 0.001", number)
        return Cell(f"{number:,.0f}" if number == int(number) and abs(number) > 1 else f"{number:.3g}", number)
    if isinstance(value, (int, np.integer)):
        return Cell(f"{int(value):,}", float(value))
    if value is None or value is pd.NA:
        return Cell("")
    return Cell(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
