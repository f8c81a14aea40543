"""One pair of answers at a time: its document, what the critic is asked about it, its rows, its sample. Runs no lm-eval.

What a run over all pairs at once would write of this one; nothing here looks at another pair.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..critic import Judged, Verdict
from ..dataset.sources import Pair
from ..errors import PersonaError, shorten
from ..evaluations import Evaluation, Outcome
from ..evaluations.base import WHOLE
from ..evaluations.intersectionality import Intersectionality
from ..evaluations.main import Main
from ..harness.judging import Prepared, outcome, prepare
from ..harness.record import document
from ..harness.remarks import rows_of_pair
from ..harness.replies import reply_text
from ..personas import Persona
from ..runs.read import Result
from ..settings import Settings, load
from .given import FIXED, Answered, Given
from .survey import Survey
from .table import pair_in, text_of

EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Terms:
    """What is the same for all pairs, and may travel to other machines.

    ``recorded`` is what a run that holds all answers would record of them beside the evaluation's name.
    """

    task: str
    evaluation: Evaluation
    settings: Settings
    columns: tuple[str, ...]
    repeats: bool
    extracted: bool
    model: str
    origin: str
    filter: str = "critic"
    recorded: Mapping[str, Any] = field(default_factory=dict)
    left_out: int = 0
    digest: str | None = None
    """The hash of all people and questions, where some of them are left out."""
    support: Mapping[str, int] = field(default_factory=dict)
    """How many pairs each of the evaluation's groups has."""

    @property
    def taking(self) -> Settings:
        """The settings by which answers are taken out of replies: of what is an answer already nothing is."""
        return self.settings.model_copy(update={"mode": "output_only"}) if self.extracted else self.settings

    def given(self, pairs: Sequence[Answered], n: int, digest: str) -> Given:
        """Return some of the answers as what all of them would be given as."""
        about = {"source": "file", "data_hash": self.digest or digest, "answer_template": None}
        recorded = {"evaluation": self.evaluation.name, **self.recorded, "n": n, **about}
        return Given(
            self.task,
            self.evaluation,
            self.settings,
            tuple(pairs),
            recorded,
            self.model,
            self.origin,
            extracted=self.extracted,
            left_out=self.left_out,
        )


def terms(
    task: str,
    found: Survey,
    overrides: Mapping[str, Any],
    model: str | None,
    origin: str,
    kind: type[Evaluation] = Main,
    people: Sequence[Persona] = (),
) -> Terms:
    """Return the terms of lines that are a pair each; raise ``PersonaError`` for what is wrong with all of them.

    ``people`` are those of all pairs, where the evaluation (its ``kind``) is made of them.
    """
    require(found, overrides, origin)
    chosen = load({"n": found.rows, **overrides}, where="--metadata")
    built = kind.build(chosen, people or [everybody(found.columns)])
    return Terms(
        task,
        drawn(built),
        chosen,
        found.columns,
        found.repeats,
        next(iter(found.kinds), True),
        model or next(iter(found.models), "elsewhere"),
        origin,
        support=built.support(people),
    )


def drawn(built: Evaluation) -> Evaluation:
    """Return an evaluation whose pairs are drawn already, without the positions that they would be drawn by."""
    return replace(built, groups=()) if isinstance(built, Intersectionality) else built


def everybody(columns: Sequence[str]) -> Persona:
    """Return somebody who states all of ``columns``."""
    return Persona("everybody", dict.fromkeys(columns, "stated"))


def require(found: Survey, overrides: Mapping[str, Any], origin: str, free: Collection[str] = ()) -> None:
    """Raise ``PersonaError`` where lines are of two kinds or models, or an override is of what is fixed and not ``free``."""
    for key in overrides:
        if key in FIXED and key not in free:
            raise PersonaError(f"{key}=…: the answers are there already, so this can no longer be chosen; leave it out")
    if len(found.kinds) > 1:
        raise PersonaError(
            f'{origin}: some lines have "answer" (judged as it is), others "reply" (the answer is taken out of it); use one'
        )
    if len(found.models) > 1:
        listed = shorten(", ".join(found.models))
        raise PersonaError(f"{origin}: answers of {len(found.models)} models ({listed}): choose one with --model")


@dataclass(eq=False)
class Piece:
    """One pair on its way: taken apart, then judged. ``replies`` are those to its ``variants``, in their order."""

    number: int
    pair: Pair
    replies: tuple[str, ...]
    variants: tuple[str, ...]
    doc: dict[str, Any]
    ready: Prepared
    verdicts: list[Verdict | None] = field(default_factory=list)
    rows: dict[str, Any] = field(default_factory=dict)
    results: list[list[Result]] = field(default_factory=list)
    unanswered: str | None = None
    """A reply without an answer, if there is one."""

    @property
    def judgements(self) -> Sequence[Judged]:
        """What the critic is asked."""
        return self.ready.judgements

    @property
    def complete(self) -> bool:
        """Whether every verdict is there (a missing one is there, too)."""
        return all(verdict is not None for verdict in self.verdicts)

    @property
    def said(self) -> Answered:
        """The pair with its replies."""
        return Answered(self.pair, self.replies)

    def finish(self, terms: Terms) -> list[Outcome]:
        """Make rows and results of the verdicts; return the outcomes."""
        results = self.ready.finish([verdict for verdict in self.verdicts if verdict is not None])
        self.results = [[Result(one) for one in of_reply] for of_reply in results]
        for reply, of_reply in zip(self.replies, results, strict=True):
            if self.unanswered is None and any(one["answer_failure"] for one in of_reply):
                self.unanswered = reply
        outcomes = [outcome(one) for of_reply in results for one in of_reply]
        self.rows = rows_of_pair(terms.evaluation, self.pair.persona, self.pair.question, outcomes, terms.repeats)
        return outcomes

    @cached_property
    def doc_hash(self) -> str:
        """lm-eval's hash of the document as its first request has it."""
        text = json.dumps({**self.doc, "variant": self.variants[0]}, indent=2, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()

    def sample(self, terms: Terms) -> dict[str, Any]:
        """Return the line of lm-eval's samples file."""
        return {
            "doc_id": self.number,
            "doc": self.doc,
            "target": "",
            "arguments": {f"gen_args_{i}": {"arg_0": "", "arg_1": {}} for i in range(len(self.replies))},
            "resps": [[reply] for reply in self.replies],
            "filtered_resps": [[str(one) for one in of_reply] for of_reply in self.results],
            "filter": terms.filter,
            "metrics": list(self.rows),
            "doc_hash": self.doc_hash,
            "prompt_hash": EMPTY,
            "target_hash": EMPTY,
            **self.rows,
        }


def piece(terms: Terms, number: int, where: str, row: Mapping[str, Any]) -> Piece:
    """Take a line apart that is a pair of its own; raise ``PersonaError`` where its persona or question is none."""
    return of_pair(terms, number, pair_in(row, where, number, {}), {WHOLE: text_of(row, where)[0]})


def of_pair(terms: Terms, number: int, pair: Pair, said: Mapping[str, str]) -> Piece:
    """Take a pair's replies apart, one for each of the evaluation's variants by their names."""
    names = tuple(variant.name for variant in terms.evaluation.variants_of(pair.persona, pair.question.id))
    replies = tuple(reply_text(said[name]) for name in names)
    doc = document(pair, terms.columns)
    docs = [{**doc, "variant": name} for name in names]
    ready = prepare([[reply] for reply in replies], docs, terms.taking, terms.evaluation)
    return Piece(number, pair, replies, names, doc, ready, [None] * len(ready.judgements))
