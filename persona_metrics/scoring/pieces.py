"""One line of answers at a time: its document, what the critic is asked about it, its rows, its sample. Runs no lm-eval.

What a run over all lines at once would write of this one; nothing here looks at another line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..critic import Judged, Verdict
from ..dataset.sources import Pair
from ..errors import PersonaError, shorten
from ..evaluations import Outcome
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
    """What is the same for all lines, and may travel to other machines."""

    task: str
    evaluation: Main
    settings: Settings
    columns: tuple[str, ...]
    repeats: bool
    extracted: bool
    model: str
    origin: str
    filter: str = "critic"

    @property
    def taking(self) -> Settings:
        """The settings by which answers are taken out of replies: of what is an answer already nothing is."""
        return self.settings.model_copy(update={"mode": "output_only"}) if self.extracted else self.settings

    def given(self, pairs: Sequence[Answered], n: int, digest: str) -> Given:
        """Return some of the answers as what all of them would be given as."""
        recorded = {"evaluation": Main.name, "n": n, "source": "file", "data_hash": digest, "answer_template": None}
        return Given(
            self.task,
            self.evaluation,
            self.settings,
            tuple(pairs),
            recorded,
            self.model,
            self.origin,
            extracted=self.extracted,
        )


def terms(task: str, found: Survey, overrides: Mapping[str, Any], model: str | None, origin: str) -> Terms:
    """Return the terms of ``persona_main`` over such lines; raise ``PersonaError`` for what is wrong with all of them."""
    for key in overrides:
        if key in FIXED:
            raise PersonaError(f"{key}=…: the answers are there already, so this can no longer be chosen; leave it out")
    if len(found.kinds) > 1:
        raise PersonaError(
            f'{origin}: some lines have "answer" (judged as it is), others "reply" (the answer is taken out of it); use one'
        )
    if len(found.models) > 1:
        listed = shorten(", ".join(found.models))
        raise PersonaError(f"{origin}: answers of {len(found.models)} models ({listed}): choose one with --model")
    chosen = load({"n": found.rows, **overrides}, where="--metadata")
    everybody = Persona("everybody", dict.fromkeys(found.columns, "stated"))
    return Terms(
        task,
        Main.build(chosen, [everybody]),
        chosen,
        found.columns,
        found.repeats,
        next(iter(found.kinds), True),
        model or next(iter(found.models), "elsewhere"),
        origin,
    )


@dataclass(eq=False)
class Piece:
    """One line on its way: taken apart, then judged."""

    number: int
    pair: Pair
    reply: str
    doc: dict[str, Any]
    ready: Prepared
    verdicts: list[Verdict | None] = field(default_factory=list)
    rows: dict[str, Any] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)

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
        """The pair with its reply."""
        return Answered(self.pair, (self.reply,))

    def finish(self, terms: Terms) -> list[Outcome]:
        """Make rows and results of the verdicts; return the outcomes."""
        results = self.ready.finish([verdict for verdict in self.verdicts if verdict is not None])[0]
        self.results = [Result(one) for one in results]
        outcomes = [outcome(one) for one in results]
        self.rows = rows_of_pair(terms.evaluation, self.pair.persona, self.pair.question, outcomes, terms.repeats)
        return outcomes

    @cached_property
    def doc_hash(self) -> str:
        """lm-eval's hash of the document as its request has it."""
        text = json.dumps({**self.doc, "variant": "whole"}, indent=2, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()

    def sample(self, terms: Terms) -> dict[str, Any]:
        """Return the line of lm-eval's samples file."""
        return {
            "doc_id": self.number,
            "doc": self.doc,
            "target": "",
            "arguments": {"gen_args_0": {"arg_0": "", "arg_1": {}}},
            "resps": [[self.reply]],
            "filtered_resps": [[str(one) for one in self.results]],
            "filter": terms.filter,
            "metrics": list(self.rows),
            "doc_hash": self.doc_hash,
            "prompt_hash": EMPTY,
            "target_hash": EMPTY,
            **self.rows,
        }


def piece(terms: Terms, number: int, where: str, row: Mapping[str, Any]) -> Piece:
    """Take a line apart; raise ``PersonaError`` where its persona or question is none."""
    pair = pair_in(row, where, number, {})
    reply = reply_text(text_of(row, where)[0])
    doc = document(pair, terms.columns)
    ready = prepare([[reply]], [{**doc, "variant": "whole"}], terms.taking, terms.evaluation)
    return Piece(number, pair, reply, doc, ready, [None] * len(ready.judgements))
