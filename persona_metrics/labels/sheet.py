"""The blind sheet: one page without network, or CSV. Holds persona, question and answer; no verdict, debate or model."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re

from markupsafe import Markup

from .. import __version__
from ..files import safe_cell
from ..personas import one_line
from ..prompts import environment, render, templates_folder
from .draw import Sheet
from .read import FORMAT

TEMPLATE = "critic/debate.jinja"
_TRUE_WHEN = "needs_revision is true when "
_OPENINGS = ("The personalization critic", "The helpfulness critic")


def _paragraphs() -> list[str]:
    text = render(TEMPLATE, part="system", fence="")
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]


def questions() -> list[str]:
    """Return what either critic asks, in the words of the critic's own template: one paragraph each."""
    return [part for opening in _OPENINGS for part in _paragraphs() if part.startswith(opening)]


def decision() -> str:
    """Return when an answer needs a revision, in the words of the critic's own template."""
    said = next((p.partition(_TRUE_WHEN)[2] for p in _paragraphs() if _TRUE_WHEN in p), "")
    plain = next((p for p in _paragraphs() if p.startswith("Where the persona does not bear")), "")
    when = f"An answer needs a revision when {said.replace(', and false when', '; it needs none when')}" if said else ""
    return " ".join(filter(None, (when, plain)))


def html(sheet: Sheet) -> str:
    """Return the page."""
    style, script = _own("label.css"), "\n".join(map(_own, ("book.js", "label.js")))
    data = {
        "format": FORMAT,
        "sheet": sheet.name,
        "items": [
            {"key": i.key, "persona": dict(i.persona), "question": i.question, "answer": i.answer} for i in sheet.drawn
        ],
    }
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    template = environment(html=True).get_template("report/label.html.jinja")
    return template.render(
        policy=policy,
        style=Markup(style),
        script=Markup(script),
        data=_json(data),
        number=len(sheet.drawn),
        questions=questions(),
        decision=decision(),
        version=__version__,
    )


def as_csv(sheet: Sheet) -> str:
    """Return the sheet as CSV: a line an answer, its label, note and rater to be filled in."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["key", "persona", "question", "answer", "label", "note", "rater", "sheet", "format"])
    for item in sheet.drawn:
        persona = "\n".join(f"{name}: {one_line(value)}" for name, value in item.persona.items())
        row = [item.key, persona, item.question, item.answer, "", "", "", sheet.name, FORMAT]
        out.writerow([safe_cell(cell) for cell in row])
    return text.getvalue()


def _own(name: str) -> str:
    return (templates_folder() / "report" / name).read_text(encoding="utf-8").replace("\r\n", "\n").strip()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _json(value: object) -> Markup:
    text = json.dumps(value, ensure_ascii=True)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)
