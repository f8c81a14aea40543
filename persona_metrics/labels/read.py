"""Files of labels: one JSON line a label, or CSV with the same columns. Knows no run and no statistics."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten

FORMAT = "persona-metrics/label/1"
COLUMNS = ("format", "key", "label", "note", "rater", "blind", "seconds", "time", "sheet")
LABELS = ("yes", "no", "cannot tell")
"""Whether the answer needs a revision."""
_SPELT = {
    **dict.fromkeys(("yes", "y", "true"), "yes"),
    **dict.fromkeys(("no", "n", "false"), "no"),
    **dict.fromkeys(("cannot tell", "can't tell", "cannot_tell", "unsure", "?"), "cannot tell"),
}


@dataclass(frozen=True)
class Label:
    """What one person said of one answer: does it need a revision?

    ``blind`` says that neither verdict nor debate was seen; ``seconds`` how long it took, ``time`` when (ISO 8601).
    """

    key: str
    label: str
    rater: str
    note: str = ""
    blind: bool = True
    seconds: float | None = None
    time: str = ""
    sheet: str = ""

    @property
    def fits(self) -> float | None:
        """1.0: needs no revision, 0.0: needs one, None: cannot tell."""
        return {"yes": 0.0, "no": 1.0}.get(self.label)


def read_labels(paths: Sequence[Path]) -> tuple[list[Label], list[str]]:
    """Return the labels in the files, one of each rater and answer, and a note on all that was left out.

    A line that is cut is left out with a note; a label that is no label raises ``PersonaError``, as does a file without
    any. A blank label is one not given yet. Of two labels of one rater on one answer the later counts, with a note. A rater
    without a name is called as the file is.
    """
    kept: dict[tuple[str, str], Label] = {}
    notes: list[str] = []
    for path in paths:
        rows, lost = _rows(path)
        labels = [label for where, row in rows if (label := _label(row, where, path)) is not None]
        if lost:
            lines = "line" if lost == 1 else "lines"
            notes.append(f"{shorten(path)}: {lost} {lines} could not be read (cut?); the rest is used")
        if not labels:
            why = "no label in it yet" if rows else "no label could be read"
            raise PersonaError(
                f"{shorten(path)}: {why}; `persona-metrics label` makes sheets, their pages save such files"
            )
        twice, changed = 0, []
        for label in labels:
            before = kept.get((label.rater, label.key))
            if before is not None and before.label == label.label:
                twice += 1
            elif before is not None:
                changed.append(label.rater)
            if before is None or label.time >= before.time:
                kept[label.rater, label.key] = label
        if twice:
            notes.append(f"{shorten(path)}: {_answers(twice)} the same label twice from one rater; counted once")
        if changed:
            raters = shorten(", ".join(dict.fromkeys(changed)), 60)
            notes.append(
                f"{shorten(path)}: {_answers(len(changed))} two different labels from one rater ({raters}); the later counts"
            )
    return list(kept.values()), notes


def _answers(count: int) -> str:
    return "1 answer has" if count == 1 else f"{count} answers have"


def _rows(path: Path) -> tuple[list[tuple[str, Mapping[str, Any]]], int]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise PersonaError(f"{shorten(path)}: cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise PersonaError(f"{shorten(path)}: not UTF-8 text; save it as CSV UTF-8, or as JSON lines") from None
    if path.suffix.lower() == ".csv":
        return _csv_rows(text, path), 0
    rows: list[tuple[str, Mapping[str, Any]]] = []
    lost = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            lost += 1
            continue
        if not isinstance(row, dict) or row.get("format") != FORMAT:
            said = row.get("format") if isinstance(row, dict) else None
            raise PersonaError(
                f"{shorten(path)}:{number}: no label (its format is {shorten(said, 40)!r}, not {FORMAT!r})"
            )
        rows.append((f"{shorten(path)}:{number}", row))
    return rows, lost


def _csv_rows(text: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    lines = io.StringIO(text, newline="")  # a carriage return alone ends one, too
    head = lines.readline()
    lines.seek(0)
    # A spreadsheet writes what its country takes for a separator.
    reader = csv.DictReader(lines, delimiter=max(",;\t", key=head.count))
    csv.field_size_limit(10**9)  # an answer may be long
    try:
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        if not {"key", "label"} <= set(reader.fieldnames or ()):
            raise PersonaError(
                f"{shorten(path)}: no columns key and label in its first line; label a sheet of `label --out x.csv`"
            )
        return [(f"{shorten(path)}:{reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise PersonaError(f"{shorten(path)}: not CSV: {shorten(error, 80)}") from None


def _label(row: Mapping[str, Any], where: str, path: Path) -> Label | None:
    key, said = row.get("key"), row.get("label")
    if said is None or not str(said).strip():
        return None
    label = _SPELT.get(str(said).strip().lower())
    if label is None:
        raise PersonaError(
            f"{where}: the label {shorten(said, 40)!r} is none of {', '.join(LABELS)} (needs a revision?)"
        )
    if not isinstance(key, str) or not key.strip():
        raise PersonaError(f"{where}: a label without a key: nobody can tell which answer it is about")
    rater = str(row.get("rater") or "").strip() or path.name.removesuffix(path.suffix)
    blind = str(row.get("blind", True)).strip().lower() not in ("false", "no", "0")
    return Label(
        key.strip(),
        label,
        rater,
        str(row.get("note") or ""),
        blind,
        _seconds(row.get("seconds")),
        str(row.get("time") or ""),
        str(row.get("sheet") or "").strip(),
    )


def _seconds(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


def by_key(labels: Iterable[Label]) -> dict[str, list[Label]]:
    """Return the labels of each answer."""
    found: dict[str, list[Label]] = {}
    for label in labels:
        found.setdefault(label.key, []).append(label)
    return found


def consensus(labels: Sequence[Label]) -> float | None:
    """Return what most raters say, 1.0: needs no revision; None where they are split, or nobody can tell."""
    said = [value for label in labels if (value := label.fits) is not None]
    share = sum(said) / len(said) if said else 0.5
    return None if share == 0.5 else float(share > 0.5)
