"""From replies to verdicts to outcomes: answers are taken out, judged in one batch, and read back. Knows no lm-eval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .. import answers, evaluations, settings
from ..critic import Judgement, Missing, Reason, Verdict, judge
from ..evaluations import Outcome, Variant
from ..personas import Persona, known
from .replies import NoReply


def judge_replies(
    replies: Sequence[Sequence[str]],
    docs: Sequence[Mapping[str, Any]],
    chosen: settings.Settings,
    *,
    evaluation: evaluations.Evaluation | None = None,
    ask: Callable[[Sequence[Judgement]], Sequence[Verdict]] | None = None,
) -> list[list[dict[str, Any]]]:
    """Take the answers out of ``replies`` and have them judged in one concurrent batch.

    ``replies`` and ``docs`` are aligned, one entry an instance; the result has one list an instance with a dict for each
    person that a reply is judged for (see ``runs.read``). The critic compares with the whole persona, or with the one the
    model saw where the yardstick is ``reduced``. ``ask`` stands in for the critic (verdicts of a batch file).
    """
    results: list[list[dict[str, Any]]] = [[] for _ in replies]
    judgements: list[Judgement] = []
    waiting: list[dict[str, Any]] = []
    for i, group in enumerate(replies):
        doc, own = docs[i], persona_of(docs[i])
        variant = _variant(doc, own, evaluation)
        people = evaluation.judged(variant, own, str(doc.get("question_id"))) if evaluation else ((variant.name, own),)
        for number, reply in enumerate(group):
            # What the endpoint did not give is missing; it is no answer that the model failed to give.
            lost = Verdict(None, Missing.read(str(reply).strip("[]")), None, ()) if isinstance(reply, NoReply) else None
            found = answers.Extraction(None) if lost else answers.extract(reply, variant.mode or chosen.mode)
            for name, person in people:
                made: dict[str, Any] = {
                    "variant": name,
                    "dropped": list(variant.dropped),
                    "answer": found.answer,
                    "answer_failure": found.failure,
                    "verdict": lost.to_dict() if lost else None,
                }
                if name != variant.name:
                    made |= {"reply": number, "judged_for": {"id": person.id, "persona": dict(person.attributes)}}
                results[i].append(made)
                if found.answer is not None:
                    reduced = chosen.yardstick == "reduced" and name == variant.name and variant.mode is None
                    shown = variant.persona if reduced else person
                    judgements.append(Judgement(doc["question"], shown.attributes, found.answer, chosen.template))
                    waiting.append(made)
    # Half a surrogate pair, as a model or a critic can send it, would cut the samples file at its line.
    asking = ask or partial(judge, settings=chosen)
    for made, verdict in zip(waiting, asking(judgements), strict=True):
        made["verdict"] = verdict.to_dict()
    return results


def _variant(doc: Mapping[str, Any], persona: Persona, evaluation: evaluations.Evaluation | None) -> Variant:
    name = str(doc.get("variant", "whole"))
    for variant in evaluation.variants(persona) if evaluation else ():
        if variant.name == name:
            return variant
    return Variant(name, persona)


def outcome(result: Mapping[str, Any]) -> Outcome:
    """Return what one filtered result amounts to; an answer failure scores 0, a missing verdict is None."""
    if result["answer_failure"] is not None:
        return Outcome(0.0, answer_failure=True)
    verdict = Verdict.from_dict(result["verdict"])
    personalized = None if verdict.personalized is None else float(verdict.personalized)
    voted = len(verdict.votes) > 1
    return Outcome(
        personalized,
        agreement=verdict.agreement if voted else None,
        answer=result["answer"],
        voted=voted,
        tied=verdict.missing is not None and verdict.missing.reason is Reason.TIE,
    )


def persona_of(doc: Mapping[str, Any]) -> Persona:
    """Return the persona of a document (``record.document``)."""
    return Persona(str(doc.get("persona_id", "")), known(doc["persona"]))
