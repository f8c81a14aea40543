"""The numbers and texts that every way out hands on: rows with interval, n and scale; answers with prompt and verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import pandas as pd

from .. import analysis
from ..analysis.rates import TIED
from ..critic import Protocol, Verdict, Vote
from ..critic.protocol import named
from ..errors import PersonaError, shorten
from ..evaluations import BY_PROTOCOL, EVALUATIONS, needs_critic
from ..evaluations.facts import kind_of
from ..files import scrubbed
from ..labels.agree import Agreed
from ..labels.read import Label
from ..runs.messages import messages
from ..runs.read import ReadLog, Run, TaskRun, read_samples, tidy, variant_rows
from ..runs.rows import Scale, scale

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Score:
    """One row of a task: value, standard error, interval, and the number of pairs it rests on.

    ``stderr``, ``low`` and ``high`` are None where there are none (one pair; a row over all groups at once; a run
    without samples). ``missing`` counts the pairs that a missing verdict keeps out of the row.
    """

    row: str
    value: float
    stderr: float | None
    low: float | None
    high: float | None
    n: int | None
    missing: int | None
    scale: Scale

    @property
    def kind(self) -> str:
        """The row's name without its argument: ``importance[age]`` is ``importance``, ``pass@4`` is ``pass@k``."""
        return kind_of(self.row)[0]

    @property
    def argument(self) -> str | None:
        """What stands in the brackets, or the k; None for a row over everything."""
        return kind_of(self.row)[1]


@dataclass(frozen=True)
class Answer:
    """One variant of one pair: what was asked, what came back, and what the critic made of it."""

    row: Mapping[str, Any]
    prompt: tuple[Mapping[str, str], ...]
    verdict: Verdict | None

    @property
    def score(self) -> float | None:
        """1.0, 0.0 (also for an answer that could not be found), or None where the verdict is missing."""
        value = self.row["personalized"]
        return None if math.isnan(value) else float(value)

    @property
    def sample_id(self) -> str:
        """The pair, and the variant where there is more than one."""
        name = self.row["variant"]
        return str(self.row["pair_id"]) if name == "whole" else f"{self.row['pair_id']}/{name}"

    @property
    def explanation(self) -> str:
        """The critic's reasons as text, one section a vote; without a verdict, why there is none."""
        if self.row["variant"] in unjudged(self.row["evaluation"]):
            return "The critic compared it with the pair's other answers: their verdicts say how it fared."
        if self.row["evaluation"] in BY_PROTOCOL.values() and self.verdict is None:
            return (
                "An answer was not found, here or for this person: one that was found wins; the critic was not asked."
            )
        if self.row["answer_failure"] is not None:
            return f"No answer in the reply: {self.row['answer_failure']}. It scores 0; the critic was not asked."
        if self.verdict is None:
            return "The critic was not asked."
        protocol = named(self.verdict.protocol)
        return "\n\n".join(_vote(v, protocol) for v in self.verdict.votes) or "The critic was not asked."


def _vote(vote: Vote, protocol: Protocol) -> str:
    if vote.opinion is None:
        return f"{vote.critic}, vote {vote.number + 1}: no verdict ({vote.missing})"
    about = protocol.about({f.name: getattr(vote.opinion, f.name) for f in fields(vote.opinion)})  # type: ignore[arg-type]
    said = f"{protocol.word(vote.opinion.outcome)}{f' ({about})' if about else ''}"
    texts = (f"{heading}: {getattr(vote.opinion, name)}" for name, heading in protocol.sections)
    return "\n".join((f"{vote.critic}, vote {vote.number + 1}: {said}", *texts))


def unjudged(name: object) -> tuple[str, ...]:
    """Return the variants of an evaluation that have no verdict of their own."""
    evaluation = EVALUATIONS.get(str(name))
    return evaluation.unjudged if evaluation else ()


@dataclass(frozen=True)
class Task:
    """One task of a run, read as far as a way out needs it; ``human`` are people's labels by document and variant."""

    run: Run
    task: TaskRun
    human: Mapping[tuple[int, str], Sequence[Label]] = field(default_factory=dict, compare=False)
    agreed: Agreed | None = field(default=None, compare=False)

    def labels_of(self, answer: Answer) -> Sequence[Label]:
        """Return what people said of the answer."""
        return self.human.get((int(answer.row["doc_id"]), str(answer.row["variant"])), ())

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the run recorded of the task."""
        return self.task.metadata

    @cached_property
    def _read(self) -> tuple[Counter[str], pd.DataFrame, ReadLog]:
        log, counts = ReadLog(), Counter[str]()
        names = self.task.rows.keys()

        def counted() -> Iterator[dict[str, Any]]:
            for sample in read_samples(self.task.samples, log) if self.task.samples else ():
                counts.update(names & sample.keys())
                yield sample

        frame = tidy(counted(), self.name, self.metadata, self.run.model, heavy=False)
        return counts, frame, log

    @property
    def frame(self) -> pd.DataFrame:
        """The tidy frame without the texts; empty without samples."""
        return self._read[1]

    @property
    def lost(self) -> int:
        """Lines of the samples file that could not be read."""
        return self._read[2].lost

    @property
    def pairs(self) -> int | None:
        """How many pairs the run covers: those in the samples file, or what lm-eval says of them."""
        if self.task.samples is not None:
            return int(self.frame["doc_id"].nunique())
        return self.task.counts.effective

    @property
    def missing(self) -> int | None:
        """Verdicts (without a critic: replies) that could not be had; None without samples."""
        if self.task.samples is None:
            return None
        column = "personalized" if self.judged else "choice"
        unknown = self.frame[column].isna() & ~self.frame["variant"].isin(unjudged(self.metadata.get("evaluation")))
        return int((unknown if self.judged else unknown & self.frame["answer_failure"].isna()).sum())

    @property
    def tied(self) -> int | None:
        """Verdicts among the missing whose votes tied; None without samples."""
        return None if self.task.samples is None else int((self.frame["missing"] == TIED).sum())

    @property
    def judged(self) -> bool:
        """Whether the task's numbers rest on a critic."""
        return needs_critic(self.metadata.get("evaluation"))

    @property
    def headline(self) -> str:
        """The row that the task is known by."""
        evaluation = EVALUATIONS.get(str(self.metadata.get("evaluation")))
        return evaluation.headline if evaluation else "personalized"

    def scores(self) -> list[Score]:
        """Return every row of the task's table, the headline first."""
        counts, frame, _ = self._read
        intervals = _intervals(frame, self.metadata) if len(frame) else {}
        found = []
        for row in self.task.rows.values():
            if not math.isfinite(row.value):
                continue
            low, high = intervals.get(row.name, (None, None))
            n = (counts[row.name] if self.task.samples is not None else None) or None
            absent = None if n is None or self.pairs is None else self.pairs - n
            grouped = row.kind == "personalized" and row.argument is not None
            span = scale(row.name, self.metadata)
            found.append(Score(row.name, row.value, row.stderr, low, high, n, None if grouped else absent, span))
        evaluation = EVALUATIONS.get(str(self.metadata.get("evaluation")))
        # lm-eval lists rows as they came up: a first pair without a verdict begins with another.
        return sorted(found, key=lambda score: evaluation is not None and score.row != evaluation.headline)

    def answers(self) -> Iterator[Answer]:
        """Yield every variant of every pair, in the file's order; nothing without samples."""
        for sample in read_samples(self.task.samples) if self.task.samples else ():
            prompts = scrubbed(prompts_of(sample))
            rows = variant_rows(sample, self.name, self.metadata, self.run.model)
            for index, row in enumerate(map(scrubbed, rows)):
                prompt = prompts[index] if index < len(prompts) else ({"role": "user", "content": row["question"]},)
                yield Answer(row, prompt, self._verdict(row))

    def _verdict(self, row: Mapping[str, Any]) -> Verdict | None:
        try:
            return Verdict.from_dict(row["verdict"]) if row["verdict"] else None
        except (TypeError, AttributeError) as error:
            raise PersonaError(
                f"{self.task.samples}: doc_id {row['doc_id']}: not a verdict of this pack: {shorten(error)}"
            ) from None

    def require_samples(self, target: str) -> None:
        """Raise ``PersonaError`` where the run has no samples to hand on."""
        if self.task.samples is None:
            raise PersonaError(
                f"{self.run.path}: no samples_{self.name}_….jsonl beside it, and {target} needs the samples;"
                " run lm_eval with --log_samples"
            )


def prompts_of(sample: Mapping[str, Any]) -> list[tuple[Mapping[str, str], ...]]:
    """Return the messages each variant's request was made of; a bare text is one user message."""
    arguments = sample.get("arguments")
    listed = list(arguments.values()) if isinstance(arguments, dict) else list(arguments or ())
    return [
        tuple({"role": role or "user", "content": text} for role, text in messages(_first(item))) for item in listed
    ]


def _first(item: Any) -> Any:
    if isinstance(item, dict):
        return item.get("arg_0")
    return item[0] if isinstance(item, (list, tuple)) and item else item


def _intervals(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, tuple[float | None, float | None]]:
    name = metadata.get("evaluation")
    ends = analysis.intervals(name, analysis.tables(frame, metadata))
    return {row: (_finite(low), _finite(high)) for row, (low, high) in ends.items()}


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def date_of(run: Run) -> float | None:
    """Return when the run began, in seconds since 1970 (UTC), or None where the file does not say."""
    return run.date


def critics(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the panel as (model, endpoint)."""
    models = str(metadata.get("critic_model") or "").split(",")
    places = str(metadata.get("critic_endpoint") or "").split(",")
    return [(m, places[i] if i < len(places) else "") for i, m in enumerate(models) if m]


def votes_of(metadata: Mapping[str, Any]) -> int:
    """Return how many votes each critic had; 1 where the file does not say it in a number."""
    votes = _finite(metadata.get("critic_votes"))
    return max(int(votes), 1) if votes is not None else 1
