"""What a report says in words: headlines, captions, and the warnings that stand before any number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import analysis
from ..analysis.words import count, p_value, percent, plus_minus, points
from ..cards import found as cards
from ..evaluations import EVALUATIONS, Evaluation
from ..runs.terms import differing, terms_of
from .load import Entry
from .tables import BASELINE, Comparison, TaskTables

_PICKED = {"generate": "by a written letter", "loglikelihood": "by loglikelihood"}
"""How an option was picked, by the form that a run without a critic records as its mode."""
_FLOOR = "The model did not see the persona: this is the floor that other modes are read against, not the model's rate."


@dataclass(frozen=True)
class Warning:
    """One line, and the tasks (with their models) that it is about."""

    text: str
    about: str = ""


def spoken(mode: str) -> str:
    """Return a mode's name as a reader says it: ``chain of thought``."""
    return mode.replace("_", " ")


def so_far(entries: Iterable[Entry]) -> str:
    """Return what a title or caption adds where one of its runs goes on; empty where none does."""
    return " · so far" if any(entry.so_far for entry in entries) else ""


def names(comparison: Comparison) -> Callable[[object], str]:
    """Return what the page calls the sides of a comparison; models keep their names."""
    return (lambda name: spoken(str(name))) if comparison.kind == "modes" else str


def title(entry: Entry) -> str:
    """Return what a page calls the task."""
    name = EVALUATIONS[entry.evaluation].title if entry.evaluation in EVALUATIONS else entry.evaluation
    return f"{name}, {spoken(entry.mode)}" if entry.evaluation == "main" else name


def _facts(entry: Entry) -> type[Evaluation]:
    return EVALUATIONS.get(entry.evaluation, Evaluation)


def compared(entry: Entry) -> str:
    """Return which of a task's numbers models are compared by; empty where it has one."""
    return _facts(entry).compared[0]


def compared_share(entry: Entry) -> str:
    """Return what that number is a share of."""
    return _facts(entry).compared[1]


def statistics(table: TaskTables) -> str:
    """Return the task's main number with its interval and counts."""
    return analysis.headline(table.entry.evaluation, table.tables)


def headline(table: TaskTables) -> str:
    """Return the task's main number as a sentence, and where the model saw no persona, that it is the floor."""
    said = statistics(table)
    counted = table.headline is not None and len(table.headline) > 0 and int(table.headline["n"].iloc[0]) > 0
    said = f"So far, {table.entry.so_far}: {said}" if table.entry.so_far else said
    return f"{said} {_FLOOR}" if counted and table.entry.mode == BASELINE else said


def finding(table: TaskTables) -> str:
    """Return the second sentence of a task: what its own evaluation is about."""
    return analysis.finding(table.entry.evaluation, table.tables) if _judged(table) else ""


def worth(table: TaskTables, others: Sequence[TaskTables]) -> str:
    """Return what stands beside every rate of main: contrast and lift on the same terms, or that nothing shows either.

    A rate rises with any good answer, adapted or not; without the two it does not say that the persona mattered.
    """
    if table.entry.evaluation != "main" or not _judged(table):
        return ""
    if table.entry.mode == BASELINE:
        return ""
    found = [t for t in others if t.entry.evaluation in _WORTH and _same_terms(table, t) and _judged(t)]
    if not found:
        return (
            "Nothing here yet shows that the persona mattered: an answer that would fit anybody counts, too"
            " (persona_contrast tells)."
        )
    first = {t.entry.evaluation: t for t in reversed(found)}
    rows = [
        (_WORTH[name], row) for name, t in first.items() for row in t.tables["worth"].to_dict("records") if row["n"]
    ]
    said = [reads(row) for reads, row in rows]
    return f"What the persona is worth (persona_contrast): {'; '.join(said)}."


def _paired(row: Mapping[Any, Any]) -> str:
    said = points(float(row["difference"]), float(row["low"]), float(row["high"]))
    return f"{row['row']} {said}, {p_value(float(row['p']))}"


def _preferred(row: Mapping[Any, Any]) -> str:
    said = plus_minus(float(row["preferred"]), float(row["low"]), float(row["high"]))
    return f"{row['row']} {said}, {p_value(float(row['p']))} against half"


_WORTH = {"contrast": _paired, "pairwise": _preferred}
"""What shows what the persona is worth, and how a row of its table ``worth`` reads."""


def _judged(table: TaskTables) -> bool:
    return table.headline is not None and len(table.headline) > 0 and int(table.headline["n"].iloc[0]) > 0


def _same_terms(one: TaskTables, two: TaskTables) -> bool:
    left, right = terms_of(one.entry.task), terms_of(two.entry.task)
    return one.entry.label == two.entry.label and not differing(left, right, ("version",))


def needs_critic(entry: Entry) -> bool:
    """Return whether the task's numbers rest on a critic."""
    evaluation = EVALUATIONS.get(entry.evaluation)
    return evaluation is None or evaluation.needs_critic


def caption(entry: Entry, n: int | None = None) -> str:
    """Return what every figure says of itself: n, model, critic."""
    meta = entry.task.metadata
    pairs = n if n is not None else entry.data.frame["doc_id"].nunique()
    judged = (
        f"critic {_critic(meta)} · mode {spoken(entry.mode)}"
        if needs_critic(entry)
        else _PICKED.get(entry.mode, entry.mode)
    )
    so_far = f" so far, of {entry.task.counts.effective or 0:,}" if entry.so_far else ""
    return f"n = {count(pairs, 'pair')}{so_far} · model {entry.label} · {judged}."


def _critic(meta: Mapping[str, Any]) -> str:
    card = cards.name(meta)
    return f"{critics(meta)}{f' ({card})' if card else ''}"


def critics(metadata: Mapping[str, Any]) -> str:
    """Return the critic's name, those of a panel with commas between them."""
    return ", ".join(str(metadata.get("critic_model") or "none").split(","))


def warnings(tables: Sequence[TaskTables], comparisons: Sequence[Comparison]) -> list[Warning]:
    """Return everything that makes these numbers mean less than they seem to, the gravest first."""
    found: list[Warning] = []
    for table in tables:
        found += [Warning(text, _name(table.entry)) for text in _meaningless(table.entry)]
    for table in tables:
        found += [Warning(text, _name(table.entry)) for text in _doubtful(table)]
    for comparison in comparisons:
        found += [Warning(text, f"{comparison.kind} of {comparison.of}") for text in _turned(comparison)]
    return _grouped(found)


def _name(entry: Entry) -> str:
    return f"{entry.task.called} of {entry.label}"


def _grouped(found: Sequence[Warning]) -> list[Warning]:
    by_text: dict[str, list[str]] = {}
    for warning in found:
        by_text.setdefault(warning.text, []).append(warning.about)
    return [Warning(text, "; ".join(dict.fromkeys(about))) for text, about in by_text.items()]


def _meaningless(entry: Entry) -> list[str]:
    meta = entry.task.metadata
    critics = str(meta.get("critic_model") or "").split(",")
    lines = []
    if "embedded" in critics:
        lines.append("The embedded 135M critic judged: its verdicts mean nothing. They show that everything runs.")
    if meta.get("model_name") in critics and meta.get("model_name") is not None:
        lines.append(f"The critic {meta['model_name']} is the model under test: models favour their own answers.")
    lines += cards.doubts(meta)
    if meta.get("yardstick") == "reduced":
        lines.append(
            "yardstick=reduced: the critic saw what the model saw, so leaving a fact out could not be noticed."
        )
    return lines


def _doubtful(table: TaskTables) -> list[str]:
    lines = analysis.doubts(table.entry.evaluation, table.tables) if table.headline is not None else []
    frame = table.entry.data.frame
    if len(frame) and (share := float(frame["answer_failure"].notna().mean())) > 0.05:
        lines.append(f"In {percent(share)} of replies no answer was found; they {_facts(table.entry).unanswered}.")
    return lines


def _turned(comparison: Comparison) -> list[str]:
    table = comparison.differences
    if not len(table) or "undetermined" not in table:
        return []
    # A difference of exactly 0 has no sign to turn.
    turned = table[table["undetermined"].astype(bool) & (table["difference"].abs() > 0)]
    if not len(turned):
        return []
    called = names(comparison)
    named = "; ".join(f"{called(r['first'])} – {called(r['second'])}" for _, r in turned.head(4).iterrows())
    return [f"Missing verdicts alone could turn the sign of {count(len(turned), 'difference')}: {named}."]


def difference(row: Mapping[Any, Any], called: Callable[[object], str] = str) -> str:
    """Return one paired difference in words; ``called`` is what the page calls either side."""
    first, second = called(row["first"]), called(row["second"])
    value, p = float(row["difference"]), float(row["p_adjusted"])
    of = "" if row.get("row") in (None, "personalized") else f" in {row['row']}"
    if math.isnan(value):
        return f"{first} and {second} share no judged pair."
    verdict = "told apart" if p <= 0.05 else "cannot be told apart"
    said = points(value, float(row["low"]), float(row["high"]))
    return f"{first} less {second}{of}: {said} over {count(int(row['n']), 'pair')}, {p_value(p)}: {verdict}."
