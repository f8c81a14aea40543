"""The leaderboard as Markdown, CSV, JSON and one HTML page. Everything that comes from a file is text."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..files import placing, safe_cell, write_text
from ..prompts import environment, templates_folder
from ..runs.terms import NO_CRITIC, TERMS
from .board import PASS_STEPS, Board, Row
from .collect import PAIRS
from .columns import SCORE, Column, every, shown

SCHEMA = "persona-metrics/leaderboard/1"
_NUMBERS = ("personalized", "low", "high", "n", "missing", "answer_failures", "worst_group", "between_group_sd")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~#&])")


def write(boards: Sequence[Board], notes: Sequence[str], out: Path, roots: Sequence[Path] = ()) -> list[Path]:
    """Write leaderboard.md, .csv, .json and .html into ``out`` and return their paths.

    The page links each model's report where one lies below ``roots`` (``reports``).
    """
    contents = {
        "leaderboard.md": markdown(boards, notes),
        "leaderboard.csv": as_csv(boards),
        "leaderboard.json": as_json(boards, notes),
        "leaderboard.html": html(boards, notes, reports(roots, out)),
    }
    with placing(out) as part:
        for name, text in contents.items():
            write_text(part / name, text)
    return [out / name for name in contents]


def title(number: int, board: Board) -> str:
    """Return a table's heading: what it was measured with."""
    if board.terms["critic_model"] == NO_CRITIC:
        return f"Table {number}: without a critic, by {board.terms['mode'].replace('generate', 'generated letter')}"
    return f"Table {number}: mode {board.terms['mode']}, critic {board.terms['critic_model']}"


def described(board: Board) -> str:
    """Return the terms of a table in one line."""
    without = board.terms["critic_model"] == NO_CRITIC
    names = {k: v for k, v in TERMS.items() if board.terms[k] != NO_CRITIC} if without else {**TERMS, **PAIRS}
    return "; ".join(f"{label} {board.terms[name]}" for name, label in names.items())


def all_notes(board: Board) -> list[str]:
    """Return the table's notes and those of its rows."""
    return [*board.notes, *(f"{row.model}: {note}" for row in board.rows for note in row.notes)]


def markdown(boards: Sequence[Board], notes: Sequence[str]) -> str:
    """Return the tables in GitHub's Markdown; rates are percentages."""
    lines = ["# PERSONA Bench leaderboard", ""]
    for number, board in enumerate(boards, 1):
        columns = shown(board)
        lines += [f"## {_escape(title(number, board))}", ""]
        if board.reasons:
            lines += [f"Not ranked with table 1: {_escape('; '.join(board.reasons))}.", ""]
        lines.append("| " + " | ".join(column.heading for column in columns) + " |")
        lines.append("|" + "".join(" --- |" if column.text else " ---: |" for column in columns))
        lines += ["| " + " | ".join(_escape(column.show(row)) for column in columns) + " |" for row in board.rows]
        lines += ["", f"Measured with: {_escape(described(board))}.", ""]
        lines += [*(f"- {_escape(note)}" for note in all_notes(board)), ""] if all_notes(board) else []
    seen = {column.name for board in boards for column in shown(board)}
    meanings = [f"*{c.name}*: {_escape(c.meaning)}." for c in every(boards) if c.meaning and c.name in seen]
    lines += [" ".join(meanings), ""]
    lines += [f"- {_escape(note)}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"


def _escape(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def as_csv(boards: Sequence[Board]) -> str:
    """Return one line a model over all tables; shares as numbers in 0…1, blank where not measured."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    terms = [*TERMS, *PAIRS]
    others = sorted({name for board in boards for row in board.rows for name in row.others})
    head = [
        "table",
        "rank",
        "rank_low",
        "rank_high",
        "model",
        "groups",
        *_NUMBERS,
        "worst_group_name",
        "top_importances",
        "by_people",
        "kappa",
        "labels",
        "tokens",
        "price",
        "seconds",
    ]
    out.writerow([*head, *(f"pass@{k}" for k in PASS_STEPS), *others, *terms, "run", "notes"])
    for number, board in enumerate(boards, 1):
        for row in board.rows:
            values: list[Any] = [number, row.rank, row.rank_low, row.rank_high, row.model, row.groups]
            values += [*(getattr(row, name) for name in _NUMBERS)]
            values += [row.worst_group_name, _importances(row)]
            values += [*(c and c.value for c in (row.people.corrected, row.people.kappa)), row.people.labels or None]
            values += [row.took.tokens, row.took.price, row.took.seconds]
            values += [*(row.passes.get(k) for k in PASS_STEPS)]
            values += [(row.others[name].value if name in row.others else None) for name in others]
            values += [*(board.terms[name] for name in terms), row.run, "; ".join(row.notes)]
            out.writerow([safe_cell(value) for value in values])
    return text.getvalue()


def _importances(row: Row) -> str:
    # Shares like the file's other numbers.
    return ", ".join(f"{i.item} {i.difference:+.4f}{'*' if i.survives else ''}" for i in row.importances)


def as_json(boards: Sequence[Board], notes: Sequence[str]) -> str:
    """Return everything, comparisons included; what was not measured is null."""
    data = {
        "schema": SCHEMA,
        "pack_version": __version__,
        "tables": [board.to_dict() for board in boards],
        "notes": list(notes),
    }
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def reports(roots: Sequence[Path], out: Path) -> dict[tuple[str, str], str]:
    """Return the address of each report.html below ``roots`` relative to ``out``, by a model's name and its results file."""
    found: dict[tuple[str, str], str] = {}
    for path in sorted({one for root in roots if root.is_dir() for one in root.rglob("report.json")}):
        page = path.with_name("report.html")
        try:
            tasks = json.loads(path.read_text(encoding="utf-8"))["tasks"]
            names = [(str(task["metadata"].get("model_name") or task["model"]), str(task["results"])) for task in tasks]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
        if page.is_file():
            address = quote(Path(os.path.relpath(page.resolve(), out.resolve())).as_posix())
            found |= dict.fromkeys(names, address)
    return found


def html(boards: Sequence[Board], notes: Sequence[str], linked: Mapping[tuple[str, str], str] | None = None) -> str:
    """Return the page: one file without network, whose policy lets nothing run but its own script.

    ``linked`` are the addresses of the models' reports (``reports``).
    """
    style, script = (_own(name) for name in ("leaderboard.css", "leaderboard.js"))
    tables: list[dict[str, Any]] = [
        {
            "title": title(number, board),
            "reasons": board.reasons,
            "described": described(board),
            "notes": all_notes(board),
            "columns": _own_to_rows(board),
            "rows": board.rows,
        }
        for number, board in enumerate(boards, 1)
    ]
    seen = {column.name for table in tables for column in table["columns"]}
    return (
        environment(html=True)
        .get_template("report/leaderboard.html.jinja")
        .render(
            tables=tables,
            explained=[column for column in every(boards) if column.meaning and column.name in seen],
            notes=notes,
            version=__version__,
            linked=linked or {},
            score=SCORE,
            style=style,
            script=script,
            policy=f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'",
        )
    )


def _own_to_rows(board: Board) -> list[Column]:
    """Return the columns without the data's hash where it is one for all: it stands below the table, among the terms."""
    return [c for c in shown(board) if c.name != "data" or len({c.show(row) for row in board.rows}) > 1]


def _own(name: str) -> str:
    return (templates_folder() / "report" / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
