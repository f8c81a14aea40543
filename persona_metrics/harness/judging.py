"""From replies to verdicts to outcomes: answers are taken out, judged in one batch, and read back. Knows no lm-eval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .. import answers, evaluations, settings
from ..critic import Judged, Missing, Reason, Verdict, judge
from ..critic.check import way
from ..critic.pairwise import NAME as PAIRWISE
from ..critic.pairwise import both_orders, joined, lost, turned_to
from ..critic.protocol import FIRST, named
from ..errors import PersonaError
from ..evaluations import Outcome, Variant
from ..personas import Persona, known
from .replies import NoReply


@dataclass(frozen=True)
class Prepared:
    """Replies whose answers are taken out, and what the critic is to be asked about them, in order.

    ``waiting`` are the results without a verdict, each with its instance's number, in the order of the judgements: one of
    them each, or ``each``.
    """

    results: list[list[dict[str, Any]]]
    judgements: Sequence[Judged]
    waiting: list[tuple[int, dict[str, Any]]]
    settle: Callable[[dict[str, Any], Sequence[Verdict]], None]
    each: int = 1

    def finish(self, verdicts: Sequence[Verdict]) -> list[list[dict[str, Any]]]:
        """Return the results, each with its verdict."""
        if len(verdicts) != len(self.judgements):
            raise ValueError(f"{len(verdicts)} verdicts on {len(self.judgements)} judgements")
        for at, (_, made) in enumerate(self.waiting):
            self.settle(made, verdicts[at * self.each : (at + 1) * self.each])
        return self.results


def _settle(made: dict[str, Any], verdicts: Sequence[Verdict]) -> None:
    made["verdict"] = verdicts[0].to_dict()


def _settle_both(made: dict[str, Any], verdicts: Sequence[Verdict]) -> None:
    verdict = joined(*verdicts)
    made["verdict"] = verdict.to_dict()
    if (place := turned_to(verdict)) is not None:
        made["choice"] = ("first", "second").index(place)


def judge_replies(
    replies: Sequence[Sequence[str]],
    docs: Sequence[Mapping[str, Any]],
    chosen: settings.Settings,
    *,
    evaluation: evaluations.Evaluation | None = None,
    ask: Callable[[Sequence[Judged]], Sequence[Verdict]] | None = None,
    prepared: Callable[[Prepared], None] | None = None,
) -> list[list[dict[str, Any]]]:
    """Take the answers out of ``replies`` and have them judged in one concurrent batch.

    ``replies`` and ``docs`` are aligned, one entry an instance; the result has one list an instance with a dict for each
    person that a reply is judged for (see ``runs.read``). The critic compares with the whole persona, or with the one the
    model saw where the yardstick is ``reduced``. ``ask`` stands in for the critic (verdicts of a batch file);
    ``prepared`` is handed what will be asked before it is.
    """
    asking = ask or partial(judge, settings=chosen)
    if evaluation is None and chosen.protocol != "debate":
        raise PersonaError(
            f"protocol={chosen.protocol}: this filter judges one answer at a time; persona_contrast compares"
        )
    ready = prepare(replies, docs, chosen, evaluation)
    if prepared is not None:
        prepared(ready)
    return ready.finish(asking(ready.judgements))


def prepare(
    replies: Sequence[Sequence[str]],
    docs: Sequence[Mapping[str, Any]],
    chosen: settings.Settings,
    evaluation: evaluations.Evaluation | None = None,
) -> Prepared:
    """Take the answers out of ``replies``, to be judged as the evaluation says; arguments as ``judge_replies`` has them."""
    if evaluation is not None and evaluation.protocol == PAIRWISE:
        return _compared(replies, docs, chosen, evaluation)
    protocol = way(chosen, FIRST if evaluation is None else evaluation.protocol)
    if protocol.judgement is None:
        raise PersonaError(f"protocol={protocol.name}: does not judge one answer by itself")
    results: list[list[dict[str, Any]]] = [[] for _ in replies]
    judgements: list[Judged] = []
    waiting: list[tuple[int, dict[str, Any]]] = []
    for i, group in enumerate(replies):
        doc, own = docs[i], persona_of(docs[i])
        variant = _variant(doc, own, evaluation)
        people = evaluation.judged(variant, own, str(doc.get("question_id"))) if evaluation else ((variant.name, own),)
        for number, reply in enumerate(group):
            # What the endpoint did not give is missing; it is no answer that the model failed to give.
            gone = Verdict(None, Missing.read(str(reply).strip("[]")), None, ()) if isinstance(reply, NoReply) else None
            found = answers.Extraction(None) if gone else answers.extract(reply, variant.mode or chosen.mode)
            for name, person in people:
                made: dict[str, Any] = {
                    "variant": name,
                    "dropped": list(variant.dropped),
                    "answer": found.answer,
                    "answer_failure": found.failure,
                    "verdict": gone.to_dict() if gone else None,
                }
                if name != variant.name:
                    made |= {"reply": number, "judged_for": {"id": person.id, "persona": dict(person.attributes)}}
                results[i].append(made)
                if found.answer is not None:
                    reduced = chosen.yardstick == "reduced" and name == variant.name and variant.mode is None
                    shown = variant.persona if reduced else person
                    judgements.append(protocol.judgement(doc["question"], shown.attributes, found.answer))
                    waiting.append((i, made))
    return Prepared(results, judgements, waiting, _settle)


def _compared(
    replies: Sequence[Sequence[str]],
    docs: Sequence[Mapping[str, Any]],
    chosen: settings.Settings,
    evaluation: evaluations.Evaluation,
) -> Prepared:
    """Have each pair's own answer compared with its others, in both orders; a comparison stands with the other answer.

    An answer that is not there loses against one that is, and the critic is not asked; of a reply that the endpoint did
    not give nobody knows, and its comparisons are missing.
    """
    made: list[dict[str, Any]] = []
    gone: dict[int, Missing] = {}
    own: dict[str, int] = {}
    for i, (group, doc) in enumerate(zip(replies, docs, strict=True)):
        variant, reply = _variant(doc, persona_of(doc), evaluation), group[0]
        if isinstance(reply, NoReply):
            gone[i] = Missing.read(str(reply).strip("[]"))
        found = answers.Extraction(None) if i in gone else answers.extract(reply, variant.mode or chosen.mode)
        made.append(
            {
                "variant": variant.name,
                "dropped": list(variant.dropped),
                "answer": found.answer,
                "answer_failure": found.failure,
                "verdict": None,
            }
        )
        if variant.name in evaluation.unjudged:
            made[i]["value"] = None
            own[str(doc["pair_id"])] = i
    waiting: list[tuple[int, dict[str, Any]]] = []
    judgements: list[Judged] = []
    for i, doc in enumerate(docs):
        first = own[str(doc["pair_id"])]
        if i == first:
            continue
        if (missing := gone.get(i) or gone.get(first)) is not None:
            made[i]["verdict"] = lost(missing).to_dict()
            continue
        ours, theirs = made[first]["answer"], made[i]["answer"]
        if ours is None or theirs is None:
            made[i]["value"] = 0.5 if ours is theirs else float(theirs is None)
            continue
        judgements += both_orders(str(doc["question"]), persona_of(doc).attributes, ours, theirs)
        waiting.append((i, made[i]))
    return Prepared([[one] for one in made], judgements, waiting, _settle_both, each=2)


_NOTHING = object()


def _variant(doc: Mapping[str, Any], persona: Persona, evaluation: evaluations.Evaluation | None) -> Variant:
    name = str(doc.get("variant", "whole"))
    for variant in evaluation.variants_of(persona, str(doc.get("question_id"))) if evaluation else ():
        if variant.name == name:
            return variant
    return Variant(name, persona)


def outcome(result: Mapping[str, Any]) -> Outcome:
    """Return what one filtered result amounts to; an answer failure scores 0, a missing verdict is None.

    A result with a ``value`` of its own has it without the critic (None: it is what others are compared with).
    """
    failed = result["answer_failure"] is not None
    if result["verdict"] is None and (found := result.get("value", _NOTHING)) is not _NOTHING:
        return Outcome(found, failed, answer=result["answer"], asked=False)
    if failed:
        return Outcome(0.0, answer_failure=True)
    verdict = Verdict.from_dict(result["verdict"])
    voted = len(verdict.votes) > 1
    return Outcome(
        named(verdict.protocol).value(verdict.outcome),
        agreement=verdict.agreement if voted else None,
        answer=result["answer"],
        voted=voted,
        tied=verdict.missing is not None and verdict.missing.reason is Reason.TIE,
        turned=result.get("choice"),
    )


def persona_of(doc: Mapping[str, Any]) -> Persona:
    """Return the persona of a document (``record.document``)."""
    return Persona(str(doc.get("persona_id", "")), known(doc["persona"]))
