"""What a run says of its own numbers once all replies are judged, where lm-eval's table cannot. Knows no lm-eval."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..analysis.words import count, listed, percent
from ..dataset.questions import Question
from ..errors import shorten
from ..evaluations import Evaluation, Outcome
from ..personas import Persona
from ..settings import Settings
from ..statistics.clusters import design

NOTABLE = 1.1
"""A design effect beyond this is said: lm-eval's ± is then too small by its square root."""


@dataclass(frozen=True)
class Judged:
    """One pair after judging: whose it is, which question, and what came of each judgement."""

    persona: Persona
    question_id: str
    outcomes: list[Outcome]


def remarks(evaluation: Evaluation, pairs: Sequence[Judged], settings: Settings, example: str | None) -> list[str]:
    """Return what makes the run's numbers mean less than they seem to, one line each; ``example`` is a reply without one."""
    outcomes = [o for pair in pairs for o in pair.outcomes]
    rows = [(evaluation.metrics(p.persona, p.outcomes), p) for p in pairs]
    known = [(float(v), p) for r, p in rows if isinstance(v := r.get(evaluation.headline), (int, float))]
    groups: dict[str, list[float]] = {}
    for row, value in ((row, value) for found, _ in rows for row, value in found.items()):
        if row.startswith("personalized[") and isinstance(value, (int, float)):
            groups.setdefault(row, []).append(float(value))
    failed = sum(o.answer_failure for o in outcomes)
    clusters = ([v for v, _ in known], [p.persona.id for _, p in known], [p.question_id for _, p in known])
    named = {row: (len(v), set(v)) for row, v in groups.items()}
    return [
        *of_sums(evaluation.headline, failed, len(outcomes), settings, example, clusters, named),
        *evaluation.remarks([pair.outcomes for pair in pairs]),
    ]


def of_sums(
    headline: str,
    failed: int,
    replies: int,
    settings: Settings,
    example: str | None,
    clusters: tuple[Any, Any, Any],
    groups: Mapping[str, tuple[int, Collection[float]]],
) -> Iterator[str]:
    """Yield the remarks that every evaluation's pairs may call for, from what the pairs add up to.

    ``failed`` of the ``replies`` held no answer, as ``example``; ``clusters`` are the headline's values with their persons
    and questions; ``groups`` gives a row by group how many pairs it rests on, and their different values.
    """
    yield from unanswered(failed, replies, settings, example)
    yield from repeated(headline, *clusters)
    yield from unanimous(groups)


def design_effect(packed: Any) -> float:
    """Return the design effect of the texts ``value|persona|question`` that pairs hand on; 1.0 where it is not to be had."""
    rows = [str(text).split("\t") for text in packed]
    found = (
        design(*([float(r[0]) for r in rows], [r[1] for r in rows], [r[2] for r in rows])) if len(rows) > 1 else None
    )
    return 1.0 if found is None else found.effect


def packed(value: Any, persona_id: str, question_id: str) -> str:
    """Return what ``design_effect`` reads: a pair's value, persona and question."""
    return "\t".join((f"{float(value):.12g}", persona_id.replace("\t", " "), question_id.replace("\t", " ")))


def unanswered(failed: int, replies: int, settings: Settings, example: str | None) -> Iterator[str]:
    """Yield a line where more replies than the settings allow had no answer; ``example`` is one of them."""
    if not failed or failed / replies <= settings.max_answer_failures:
        return
    form = "" if settings.mode in ("baseline", "output_only") else "a model that does not keep to the JSON asked for, "
    limit = "a token limit that cuts it or that thinking uses up (--gen_kwargs max_gen_toks=…)"
    cause = f"{form}{limit}, or a wrong chat template"
    seen = f"; the first: {shorten(example, 120)!r}" if example else ""
    yield (
        f"in {failed:,} of {count(replies, 'reply', 'replies')} ({percent(failed / replies)}) no answer was found"
        f", and each scores 0 (max_answer_failures={settings.max_answer_failures:g}){seen}; likely {cause}"
    )


def repeated(headline: str, values: Any, persons: Any, questions: Any) -> Iterator[str]:
    """Yield a line where persons or questions repeat so much that ± is too small; arrays of one entry a judged pair."""
    if len(values) < 2:
        return
    found = design(values, persons, questions)
    if found is not None and found.effect > NOTABLE:
        yield (
            f"persons or questions repeat: {count(len(values), 'pair')} weigh like {len(values) / found.effect:,.0f} (design"
            f" effect {found.effect:.2f}), so multiply lm-eval's ± of {headline} by {found.effect**0.5:.2f};"
            " persona-metrics report has the right intervals"
        )


def unanimous(groups: Mapping[str, tuple[int, Collection[float]]]) -> Iterator[str]:
    """Yield a line for rows ``personalized[group]`` where all pairs (how many) had one value (of those there were)."""
    certain = [
        f"{row.partition('[')[2][:-1]} ({size})"
        for row, (size, values) in groups.items()
        if len(values) == 1 and next(iter(values)) in (0.0, 1.0)
    ]
    if certain:
        yield (
            f"± 0 is no certainty: all pairs of {listed(certain, 4)} had the same verdict; n[…] says how many, the report has"
            " intervals"
        )


def rows_of_pair(
    evaluation: Evaluation, persona: Persona, question: Question, outcomes: Sequence[Outcome], repeats: bool
) -> dict[str, Any]:
    """Return a pair's rows; ``repeats`` says that persons or questions of the run do, so that their effect is a row."""
    rows: dict[str, Any] = dict(evaluation.metrics(persona, outcomes))
    rows |= evaluation.of_question(rows, question)
    rows |= rows_of_groups(rows)
    if repeats and evaluation.headline in rows:
        rows["design_effect"] = packed(rows[evaluation.headline], persona.id, question.id)
    return rows


def rows_of_groups(rows: Mapping[str, Any]) -> dict[str, int]:
    """Return for each row by group the row ``n[group]`` that says how many judged pairs it rests on."""
    return {f"n[{row.partition('[')[2]}": 1 for row in rows if row.startswith("personalized[") and row.endswith("]")}
