"""What a run says of its own numbers once all replies are judged, where lm-eval's table cannot. Knows no lm-eval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..analysis.words import count, listed, percent
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
    lines = evaluation.remarks([pair.outcomes for pair in pairs])
    return [
        *_unanswered(pairs, settings, example),
        *_repeated(evaluation, pairs),
        *_unanimous(evaluation, pairs),
        *lines,
    ]


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


def _unanswered(pairs: Sequence[Judged], settings: Settings, example: str | None) -> Iterator[str]:
    outcomes = [o for pair in pairs for o in pair.outcomes]
    failed = sum(o.answer_failure for o in outcomes)
    if not outcomes or failed / len(outcomes) <= settings.max_answer_failures or not failed:
        return
    form = "" if settings.mode in ("baseline", "output_only") else "a model that does not keep to the JSON asked for, "
    limit = "a token limit that cuts it or that thinking uses up (--gen_kwargs max_gen_toks=…)"
    cause = f"{form}{limit}, or a wrong chat template"
    seen = f"; the first: {shorten(example, 120)!r}" if example else ""
    yield (
        f"in {failed:,} of {count(len(outcomes), 'reply', 'replies')} ({percent(failed / len(outcomes))}) no answer was found"
        f", and each scores 0 (max_answer_failures={settings.max_answer_failures:g}){seen}; likely {cause}"
    )


def _repeated(evaluation: Evaluation, pairs: Sequence[Judged]) -> Iterator[str]:
    rows = [(evaluation.metrics(p.persona, p.outcomes).get(evaluation.headline), p) for p in pairs]
    known = [(float(value), p) for value, p in rows if isinstance(value, (int, float))]
    if len(known) < 2:
        return
    found = design([v for v, _ in known], [p.persona.id for _, p in known], [p.question_id for _, p in known])
    if found is not None and found.effect > NOTABLE:
        yield (
            f"persons or questions repeat: {count(len(known), 'pair')} weigh like {len(known) / found.effect:,.0f} (design"
            f" effect {found.effect:.2f}), so multiply lm-eval's ± of {evaluation.headline} by {found.effect**0.5:.2f};"
            " persona-metrics report has the right intervals"
        )


def _unanimous(evaluation: Evaluation, pairs: Sequence[Judged]) -> Iterator[str]:
    groups: dict[str, list[float]] = {}
    for pair in pairs:
        for row, value in evaluation.metrics(pair.persona, pair.outcomes).items():
            if row.startswith("personalized[") and isinstance(value, (int, float)):
                groups.setdefault(row.partition("[")[2][:-1], []).append(float(value))
    certain = [f"{name} ({len(v)})" for name, v in groups.items() if len(set(v)) == 1 and v[0] in (0.0, 1.0)]
    if certain:
        yield (
            f"± 0 is no certainty: all pairs of {listed(certain, 4)} had the same verdict; n[…] says how many, the report has"
            " intervals"
        )


def rows_of_groups(rows: Mapping[str, Any]) -> dict[str, int]:
    """Return for each row by group the row ``n[group]`` that says how many judged pairs it rests on."""
    return {f"n[{row.partition('[')[2]}": 1 for row in rows if row.startswith("personalized[") and row.endswith("]")}
