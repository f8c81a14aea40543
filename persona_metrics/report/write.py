"""Writes a report: tables/*.csv, figures/*.png and *.svg, report.json and report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..costs.usage import price_of, told
from ..errors import PersonaError
from ..files import check_folder, file_name, placing, unwritable, write_text
from ..labels.people import People, people
from ..labels.read import Label, consensus
from . import browser, page, words
from .figures.draw import draw
from .figures.style import Drawn, phone, save, svg_bytes
from .load import find, read
from .pictures import FigureFile
from .progress import Stage, stages
from .schema import ComparisonReport, Report, TaskReport, UsageReport, WarningReport
from .tables import Comparison, TaskTables, comparisons, csv_text, of_entry, plain, records, stems, with_tables


@dataclass(frozen=True)
class Written:
    """What was written where, and everything worth saying on the way."""

    folder: Path
    report: Report
    figures: tuple[Path, ...]
    notes: tuple[str, ...]


def write_report(
    paths: Sequence[Path],
    out: Path,
    *,
    html: bool = True,
    figures: bool = True,
    labels: Sequence[Path] | None = None,
    live: int | None = None,
    progress: bool = False,
) -> Written:
    """Write the report on the runs that ``paths`` stand for (see ``load.find``) into ``out``.

    ``labels`` are files of people's labels (None: the runs' own setting), ``live`` the page's version while its runs go on
    (``watch``), ``progress`` shows on stderr what is being done. Raises ``PersonaError`` where there is no run, and
    where ``out`` cannot be written.
    """
    with stages(progress) as stage:
        return _written(paths, out, html, figures, labels, live, stage)


def _written(
    paths: Sequence[Path],
    out: Path,
    html: bool,
    figures: bool,
    labels: Sequence[Path] | None,
    live: int | None,
    stage: Stage,
) -> Written:
    runs, found_notes = find(paths, live=live is not None)
    stage("reading samples", 0)
    loaded = read(runs)
    said = people([(entry.run, entry.task) for entry in loaded.entries], labels)
    tables, refused = [], []
    for entry in loaded.entries:
        stage(f"counting {entry.task.called} of {entry.label}", len(loaded.entries))
        try:
            tables.append(with_tables(of_entry(entry), said.tables(entry.run, entry.task)))
        except PersonaError as error:
            refused.append(error)
    if not tables:
        raise refused[0]
    stage("comparing", 0)
    compared, apart = comparisons(tables)
    notes = (*found_notes, *loaded.notes, *apart, *said.notes, *(f"left out: {error}" for error in refused))
    report = _report(tables, compared, notes, said)
    _prepare(out)
    with placing(out) as part:
        write_text(part / "report.json", report.model_dump_json(indent=1))
        _csv(part / "tables", tables, compared)
        stage("drawing figures", 0)
        drawn = draw(tables, compared) if figures else []
        narrow = _narrow(tables, compared) if figures and html else {}
        saved: list[tuple[FigureFile, list[Path]]] = []
        for section, figure in drawn:
            stage(f"saving {figure.name}", len(drawn))
            paths_of = save(figure, part / "figures")
            forms = _others(figure, narrow.get((section, figure.name)))
            file = FigureFile(section, figure.title, figure.caption, figure.alt, paths_of[1], *forms)
            saved.append((file, paths_of))
        if html:
            stage("writing the page", 0)
            entries = [t.entry for t in tables if t.entry.has_samples]
            given = {
                number: {
                    place: most for place, several in said.labels(e.run, e.task).items() if (most := _most(several))
                }
                for number, e in enumerate(entries)
            }
            packed = browser.pack(entries, labels=given)
            shown = [figure for figure, _ in saved]
            write_text(part / "report.html", page.render_page(report, tables, compared, shown, packed, live))
    return Written(out, report, tuple(out / p.relative_to(part) for _, both in saved for p in both), notes)


def _most(labels: Sequence[Label]) -> str:
    """Return what most people say of an answer, "cannot tell" where they are split."""
    fits = consensus(labels)
    return "" if not labels else "cannot tell" if fits is None else "no" if fits else "yes"


def _narrow(tables: Sequence[TaskTables], compared: Sequence[Comparison]) -> dict[tuple[str, str], Drawn]:
    with phone():
        return {(section, figure.name): figure for section, figure in draw(tables, compared)}


def _others(figure: Drawn, narrow: Drawn | None) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return the figure's form for phones, for dark screens, and for dark phones; None where there is none of its own."""
    small_forms = (None, None) if narrow is None else (narrow.figure, narrow.dark)
    forms = (small_forms[0], figure.dark, small_forms[1])
    small, dark, dark_small = (None if one is None else svg_bytes(one) for one in forms)
    return small, dark, dark_small


def _prepare(out: Path) -> None:
    # Fails here, before a minute of work, where nothing may be written.
    check_folder(out)
    for folder in (out / "tables", out / "figures"):
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from None


def _csv(folder: Path, tables: Sequence[TaskTables], compared: Sequence[Comparison]) -> None:
    names = stems(tables)
    several = len(names) > 1
    for table in tables:
        prefix = file_name(names[table.entry.label] if several else "", table.entry.task.called)
        for name, rows in table.tables.items():
            write_text(folder / f"{prefix}-{name}.csv", csv_text(rows))
    for comparison in compared:
        name = comparison.file_name
        write_text(folder / f"{name}-rates.csv", csv_text(comparison.rates))
        if len(comparison.differences):
            write_text(folder / f"{name}-differences.csv", csv_text(comparison.differences))


def _report(tables: Sequence[TaskTables], compared: Sequence[Comparison], notes: Sequence[str], said: People) -> Report:
    return Report(
        pack_version=__version__,
        notes=list(notes),
        warnings=[
            WarningReport(text=w.text, about=w.about)
            for w in (*words.warnings(tables, compared), *_disagree(tables, said))
        ],
        tasks=[_task(t, tables, said) for t in tables],
        comparisons=[
            ComparisonReport(kind=c.kind, of=c.of, rates=records(c.rates), differences=records(c.differences))
            for c in compared
        ],
    )


def _disagree(tables: Sequence[TaskTables], said: People) -> list[words.Warning]:
    found = ((said.warning(t.entry.run, t.entry.task), f"{t.entry.task.name} of {t.entry.label}") for t in tables)
    return [words.Warning(text, about) for text, about in found if text]


def _spent(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the run recorded of its calls' price and time, and of the tested model's tokens."""
    critic, model = told(metadata, "critic"), told(metadata, "model")
    source, seconds = critic.get("price_source"), critic.get("seconds")
    return {
        "price": price_of(metadata, "critic"),
        "price_source": source if isinstance(source, str) else None,
        "seconds": float(seconds) if isinstance(seconds, (int, float)) else None,
        "model_prompt_tokens": _count(model.get("prompt_tokens")),
        "model_completion_tokens": _count(model.get("completion_tokens")),
        "model_price": price_of(metadata, "model"),
    }


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _task(table: TaskTables, every: Sequence[TaskTables], said: People) -> TaskReport:
    entry = table.entry
    usage = entry.data.usage
    metadata: dict[str, Any] = plain(dict(entry.task.metadata))
    for key in ("total_evaluation_time_seconds", "lm_eval_version", "date", "git_hash"):
        if entry.run.extra.get(key) is not None:
            metadata[key] = plain(entry.run.extra[key])
    return TaskReport(
        model=entry.label,
        task=entry.task.name,
        evaluation=entry.evaluation,
        mode=entry.mode,
        results="none so far" if entry.so_far else entry.run.path.name,
        samples=entry.task.samples.name if entry.task.samples and not entry.so_far else None,
        lines=entry.data.log.lines,
        lost=entry.data.log.lost,
        headline=words.headline(table),
        finding=" ".join(filter(None, (words.worth(table, every), words.finding(table)))),
        people=said.sentence(entry.run, entry.task),
        metadata=metadata,
        usage=UsageReport(**vars(usage), **_spent(entry.task.metadata)),
        tables={name: records(rows) for name, rows in table.tables.items()},
    )
