"""From replies to verdicts to outcomes: answers are taken out, judged in one batch, and read back. Knows no lm-eval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .. import answers, evaluations, settings
from ..critic import Judgement, Verdict, judge
from ..evaluations import Outcome
from ..files import scrubbed
from ..personas import Persona, known


def judge_replies(
    replies: Sequence[Sequence[str]],
    docs: Sequence[Mapping[str, Any]],
    chosen: settings.Settings,
    *,
    evaluation: evaluations.Evaluation | None = None,
    ask: Callable[[Sequence[Judgement]], Sequence[Verdict]] | None = None,
) -> list[list[dict[str, Any]]]:
    """Take the answers out of ``replies`` and have them judged in one concurrent batch.

    ``replies`` and ``docs`` are aligned, one entry an instance; the result has one list an instance with one dict a
    reply (see ``samples``). The critic compares with the whole persona, or with the one the model saw where the
    yardstick is ``reduced``. ``ask`` stands in for the critic (verdicts of a batch file).
    """
    flat = [(i, reply) for i, group in enumerate(replies) for reply in group]
    extracted = [answers.extract(reply, chosen.mode) for _, reply in flat]
    variants = [_variant(docs[i], evaluation) for i, _ in flat]
    asked = [n for n, found in enumerate(extracted) if found.answer is not None]
    judgements = [
        Judgement(
            docs[flat[n][0]]["question"],
            (variants[n][2] if chosen.yardstick == "reduced" else persona_of(docs[flat[n][0]])).attributes,
            extracted[n].answer or "",
        )
        for n in asked
    ]
    asking = ask or partial(judge, settings=chosen)
    verdicts = dict(zip(asked, asking(judgements), strict=True))
    results: list[list[dict[str, Any]]] = [[] for _ in replies]
    for n, (i, _) in enumerate(flat):
        name, dropped, _ = variants[n]
        results[i].append(
            # Half a surrogate pair, as a model or a critic can send it, would cut the samples file at this line.
            scrubbed(
                {
                    "variant": name,
                    "dropped": list(dropped),
                    "answer": extracted[n].answer,
                    "answer_failure": extracted[n].failure,
                    "verdict": verdicts[n].to_dict() if n in verdicts else None,
                }
            )
        )
    return results


def _variant(doc: Mapping[str, Any], evaluation: evaluations.Evaluation | None) -> tuple[str, tuple[str, ...], Persona]:
    persona = persona_of(doc)
    name = str(doc.get("variant", "whole"))
    for variant in evaluation.variants(persona) if evaluation else ():
        if variant.name == name:
            return name, variant.dropped, variant.persona
    return name, (), persona


def outcome(result: Mapping[str, Any]) -> Outcome:
    """Return what one filtered result amounts to; an answer failure scores 0, a missing verdict is None."""
    if result["answer_failure"] is not None:
        return Outcome(0.0, answer_failure=True)
    verdict = Verdict.from_dict(result["verdict"])
    personalized = None if verdict.personalized is None else float(verdict.personalized)
    agreement = verdict.agreement if len(verdict.votes) > 1 else None
    return Outcome(personalized, agreement=agreement, answer=result["answer"])


def persona_of(doc: Mapping[str, Any]) -> Persona:
    """Return the persona of a document (``record.document``)."""
    return Persona(str(doc.get("persona_id", "")), known(doc["persona"]))
