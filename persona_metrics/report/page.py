"""The page: one HTML file that needs no network, under a policy that lets nothing run but its own script."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from markupsafe import Markup

from ..analysis.words import count, listed
from ..cards import found as cards
from ..costs.prices import dollars
from ..evaluations import EVALUATIONS
from ..evaluations.facts import fact_of
from ..labels import read as labels
from ..prompts import environment, templates_folder
from . import plain, words
from .bodies import LONGEST
from .browser import Packed
from .glossary import TERMS, Linker
from .load import Entry
from .pictures import FigureFile
from .schema import Report, TaskReport
from .shown import Shown, shown
from .tables import BASELINE, Comparison, TaskTables, metadata_text

_SAMPLES = (
    "language",
    "elements",
    "search",
    "store",
    "filters",
    "list",
    "exporting",
    "markdown",
    "diff",
    "parts",
    "sample",
    "pair",
    "book",
)
SCRIPTS = ("tables.js", *(f"{name}.js" for name in _SAMPLES), "labelling.js", "links.js", "live.js", "samples.js")
STYLES = ("style.css", "samples.css")
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
    sentences: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Each with the counts of its pairs: their text and the address of their samples."""
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
    live: int | None = None,
) -> str:
    """Return the page's HTML. ``live`` is the version of a page that is served while its runs go on (``watch``)."""
    style = "\n".join(_read(name) for name in STYLES)
    script = "\n".join(_read(name) for name in SCRIPTS)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    policy += "; connect-src 'self'" if live is not None else ""
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
            critics=words.critics,
            of=lambda text: _of(text, several),
            terms=TERMS,
            compared=_compared_all(compared, figures, [t.entry for t in tables if t.entry.has_samples]),
            comparison_figures=[f for f in figures if f.section == "comparison" and f.svg.stem not in own],
            packed=packed,
            config=_json({**_config(tables, packed), "live": live, "going": any(t.entry.so_far for t in tables)}),
            several=several,
        )
    )


def _config(tables: Sequence[TaskTables], packed: Packed) -> dict[str, Any]:
    """Return what the page's script has to know. ``place`` names the drafts of labels: the same for the same runs."""
    runs = sorted({(t.entry.run.path.name, t.entry.label) for t in tables})
    place = hashlib.blake2b(json.dumps(runs).encode(), digest_size=8).hexdigest()
    return {
        "shown": packed.shown,
        "total": packed.total,
        "longest": LONGEST,
        "place": place,
        "label_format": labels.FORMAT,
    }


def _once(sections: Sequence[Section], tables: Sequence[TaskTables]) -> tuple[list[Section], list[tuple[str, str]]]:
    """Return the sections without what several of them say in the same words, and each of those once with its sections.

    Of several models all is said at once for whom the rate is another: whom some of them serve worse would else stand in
    a fold, below the sentence that the others serve all alike.
    """
    models = len({table.entry.label for table in tables})
    said: dict[str, list[tuple[str, str]]] = {}
    raised: dict[str, bool] = {}
    for table in tables:
        found = words.finding(table)
        for text in filter(None, (words.worth(table, tables), found)):
            called = words.title(table.entry) + words.so_far([table.entry])
            said.setdefault(text, []).append((called, table.entry.label))
        if models > 1 and table.entry.evaluation == "main":
            raised[found] = bool(table.tables["differ"]["differs"].any())
    several = {text: about for text, about in said.items() if len(about) > 1 or text in raised}
    # Groups that differ come before groups that do not.
    several = dict(sorted(several.items(), key=lambda one: not raised.get(one[0], False)))
    left = []
    for section in sections:
        finding = section.report.finding
        for text in several:
            finding = finding.replace(text, "").strip()
        left.append(replace(section, finding=finding))
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
        " · ".join(names) + (f" of {listed(models, 12)}" if named else "") for names, models in together.items()
    )


def _of(text: str, named: bool) -> str:
    """Return a warning's "task of model; task of model" with what repeats said once; ``named``: with the models."""
    parts = [part.rpartition(" of ") for part in text.split("; ")]
    whole = all(task and " " not in task for task, _, _ in parts)
    return about([(task, model) for task, _, model in parts], named=named) if whole else text


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
        title=words.title(entry)
        + (f" · {entry.label}" if several else "")
        + (f" · so far, {entry.so_far}" if entry.so_far else ""),
        report=report,
        figures=tuple(f for f in figures if f.section == f"{entry.label}/{entry.task.called}"),
        tables=tuple(shown(n, t, *_units(table)) for n, t in table.tables.items() if len(t)),
        run=_run(report, words.needs_critic(entry)),
        judged=words.needs_critic(entry),
        plain=plain.sentence(table),
        statistics=words.statistics(table),
    )


def _run(report: TaskReport, judged: bool) -> tuple[tuple[str, str], ...]:
    values = {"model": report.model, "task": report.task, **report.metadata, "critic_card": cards.name(report.metadata)}
    seconds = values.pop("total_evaluation_time_seconds", None)
    values.pop("usage", None)
    ordered = [*(k for k in _FIRST if k in values), *(k for k in values if k not in _FIRST)]
    rows = [(k.replace("_", " "), _fact(k, values[k])) for k in ordered if values[k] not in (None, "", [], {})]
    rows += _replying(report)
    rows += _judging(report) if judged else [("judging", "none: no critic is needed")]
    if seconds is not None:
        rows.append(("time of the whole run", _duration(seconds)))
    rows += [("results file", report.results), ("samples file", report.samples or "none")]
    return tuple(rows)


def _fact(name: str, value: Any) -> str:
    """Return what was recorded as a reader wants it: a date as a date, a list with commas."""
    if name in ("critic_model", "critic_endpoint"):
        return ", ".join(str(value).split(","))
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
    if fresh:
        rows.append(("critic's time a vote", f"{usage.latency / fresh:.2f} s"))
    if fresh or usage.price:
        rows.append(("critic's price", _price(usage.price, usage.price_source)))
    if usage.seconds is not None:
        rows.append(("time of judging", _duration(usage.seconds)))
    return rows


def _replying(report: TaskReport) -> list[tuple[str, str]]:
    usage = report.usage
    if usage.model_prompt_tokens is None or usage.model_completion_tokens is None:
        return []
    tokens = f"{usage.model_prompt_tokens:,} in, {usage.model_completion_tokens:,} out"
    return [("model's tokens", tokens), ("model's price", _price(usage.model_price, None))]


def _price(amount: float | None, source: str | None) -> str:
    return dollars(amount) + (f" ({source})" if source and amount is not None else "")


def _duration(value: Any) -> str:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return metadata_text(value)
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.0f} s"


def _compared_all(
    compared: Sequence[Comparison], figures: Sequence[FigureFile], packed: Sequence[Entry]
) -> list[Compared]:
    """Return the comparisons, models before modes; of many only the first is unfolded."""
    ordered = sorted(compared, key=lambda c: (c.kind != "models", BASELINE in c.of))
    found = []
    for number, comparison in enumerate(ordered):
        drawn = tuple(f for f in figures if f.section == "comparison" and f.svg.stem == comparison.file_name)
        found.append(replace(_compared(comparison, packed), figures=drawn, folded=number > 0 and len(ordered) > FEW))
    return found


FEW = 2
"""More comparisons than these are folded, but for the first."""


def _compared(comparison: Comparison, packed: Sequence[Entry]) -> Compared:
    of_task = words.title(comparison.entries[0]) if comparison.entries else comparison.of
    if comparison.entries and (number := words.compared(comparison.entries[0])):
        of_task = f"{of_task}, {number}"
    title = f"Models · {of_task}" if comparison.kind == "models" else f"Modes of {comparison.of}"
    title += words.so_far(comparison.entries)
    sentences = [
        (words.difference(row, words.names(comparison)), _counts(row, comparison, packed))
        for row in comparison.differences.head(28).to_dict("records")
    ]
    tables = [shown("rates", comparison.rates)]
    if len(comparison.differences):
        tables.append(shown("differences", comparison.differences))
    return Compared(title, tuple(sentences), tuple(tables))


def _counts(row: Mapping[Any, Any], comparison: Comparison, packed: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
    """Return the text of each count of pairs that one side has and the other lacks, and the address of their samples.

    ``packed`` are the entries in the order in which the page's samples number them.
    """
    if row.get("row") not in (None, "personalized"):
        return ()
    called = words.names(comparison)
    numbers = {id(entry): number for number, entry in enumerate(packed)}
    named = zip(comparison.rates["name"], comparison.entries, strict=True)
    places = {str(name): numbers.get(id(entry)) for name, entry in named}
    found = []
    sides = ((row["first"], row["second"], row["only_first"]), (row["second"], row["first"], row["only_second"]))
    for one, other, number in sides:
        won, lost = places.get(str(one)), places.get(str(other))
        if won is not None and lost is not None and number == number and number:
            text = f"{int(number):,} only {called(one)}, not {called(other)}"
            found.append((text, f"#samples?between={won}-{lost}"))
    return tuple(found)


def _units(table: TaskTables) -> tuple[frozenset[str], frozenset[str]]:
    """Return the rows of lm-eval's table that are no shares (attempts, say), and those that are differences."""
    evaluation = EVALUATIONS.get(table.entry.evaluation)
    facts = evaluation.rows if evaluation else ()
    listed = {str(row) for frame in table.tables.values() if "row" in frame for row in frame["row"]}
    of = {row: fact_of(row, facts) for row in listed}
    shares = {row for row, fact in of.items() if fact.unit == "proportion"}
    return frozenset(listed - shares), frozenset(row for row in shares if of[row].least < 0)
