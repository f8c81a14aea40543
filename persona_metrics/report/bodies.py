"""One sample as the page shows it: its variants with answer, prompt, votes and outcome. Knows no page and no packing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..critic.protocol import FIRST, Protocol, named, value_of
from ..labels.items import judged_for, key_of
from ..runs.read import replies_of, results_of
from .sent import Sent

LONGEST = 16_000
"""Characters of one text; the samples file has the rest."""
LONGEST_VALUE = 1_000

YES, NO, MISSING, FAILED, MIXED, PICKED, TIED, COMPARED = range(8)
"""What came of a sample; MIXED where its variants differ, PICKED where no option is the right one, TIED where a verdict on
two answers turned with their order. COMPARED is an answer that has no verdict of its own: others are held against it."""

_NUMBERS = ("prompt_tokens", "completion_tokens", "latency", "attempts")


def person_of(persona: Mapping[str, Any]) -> dict[str, str | None]:
    """Return a persona's values, cut to what a page can hold."""
    return {str(a): None if value is None else cut(value, LONGEST_VALUE) for a, value in persona.items()}


def body(
    sample: Mapping[str, Any], metadata: Mapping[str, Any], sent: Sent, person: Callable[[dict[str, str | None]], int]
) -> list[dict[str, Any]]:
    """Return what the page shows of a sample, one dict a variant.

    ``sent`` keeps the prompts and ``person`` gives a persona a number: both hold once what many samples share.
    """
    replies, results = replies_of(sample), results_of(sample)
    own = sample["doc"].get("persona") or {}
    question = str(sample["doc"].get("question") or "")
    variants = []
    at = -1
    for result in results:
        # An answer that is judged for several people has a result for each, and one reply.
        at += "judged_for" not in result
        failure, verdict = result.get("answer_failure"), result.get("verdict") or {}
        reply = replies[at] if failure is not None and 0 <= at < len(replies) else None
        answer = result.get("answer")
        variant = {
            "name": str(result.get("variant", "whole")),
            "dropped": [str(d) for d in result.get("dropped") or ()],
            "shares": result.get("shares"),
            "answer": cut(answer, LONGEST),
            "long": _over(answer if failure is None else reply),
            "length": 0 if answer is None else len(str(answer)),
            "failure": None if failure is None else str(failure),
            "reply": None if reply is None else cut(reply, LONGEST),
            "outcome": _value(failure, verdict, result),
            "missing": verdict.get("missing") or result.get("missing"),
            "agreement": verdict.get("agreement"),
            "votes": [_vote(v, named(str(verdict.get("protocol", FIRST)))) for v in verdict.get("votes") or ()],
            "sent": sent.of(sample, at, len(results)),
        }
        variants.append(variant | _for_whom(result, own, metadata, question, person) | _rounds(result))
    return variants


def _for_whom(
    result: Mapping[str, Any],
    own: Mapping[str, Any],
    metadata: Mapping[str, Any],
    question: str,
    person: Callable[[dict[str, str | None]], int],
) -> dict[str, Any]:
    """Return the number of the person that an answer is judged for, where it is another, and the key of its labels."""
    found: dict[str, Any] = {}
    judged = judged_for(result, own, metadata)
    if isinstance(result.get("judged_for"), Mapping):
        found["person"] = person(person_of(judged))
    # Comparisons are no verdicts on one answer: there is nothing that a label could be held against. Whoever labels an
    # answer here sees its own person beside it, and so answers that were judged for another have no key.
    elif (
        isinstance(result.get("answer"), str)
        and result.get("answer_failure") is None
        and "personalized" in (result.get("verdict") or {})
    ):
        found["key"] = key_of(judged, question, str(result["answer"]))
    return found


def _rounds(result: Mapping[str, Any]) -> dict[str, Any]:
    rounds = [r for r in result.get("rounds") or () if isinstance(r, Mapping)]
    told = [{"answer": cut(r.get("answer"), LONGEST), "outcome": _yes_or_no(r.get("personalized"))} for r in rounds]
    return {"rounds": told} if len(told) > 1 else {}


def _yes_or_no(value: Any) -> int:
    return MISSING if value is None else YES if value else NO


def _vote(vote: Mapping[str, Any], protocol: Protocol) -> dict[str, Any]:
    held = vote.get(protocol.name) or {}
    value = None
    if held:
        # What was cut or edited has no outcome; its texts are shown all the same.
        with suppress(TypeError):
            value = protocol.value(protocol.restore(**held).outcome)
    numbers = {name: _number(vote.get(name)) for name in _NUMBERS}
    return {
        "critic": str(vote.get("critic", "")),
        "missing": vote.get("missing"),
        "code": _code(value),
        "about": protocol.about(held),
        "texts": [[heading, cut(held.get(name), LONGEST)] for name, heading in protocol.sections] if held else None,
        "served": None if vote.get("served_model") is None else cut(vote["served_model"], 200),
        "stored": bool(vote.get("stored")),
        **{name: value for name, value in numbers.items() if value is not None},
    }


def _number(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if known else None


def _code(value: float | None) -> int:
    return MISSING if value is None else TIED if value == 0.5 else YES if value else NO


def _value(failure: Any, verdict: Mapping[str, Any], result: Mapping[str, Any]) -> int:
    if failure is not None:
        return FAILED
    if verdict:
        return _code(value_of(verdict))
    if result.get("choice") is not None and result.get("value") is None:
        return PICKED
    if "value" in result and result["value"] is None and "choice" not in result:
        return COMPARED
    return _code(result.get("value"))


def outcome(variants: Iterable[Mapping[str, Any]]) -> int:
    """Return what came of a sample's variants: the outcome that they share, or MIXED."""
    found = {v["outcome"] for v in variants}
    # An answer that is compared has no outcome, unless there is no answer: then it lost.
    found -= {COMPARED} if len(found) > 1 else set()
    return found.pop() if len(found) == 1 else MIXED


def _over(text: Any) -> int:
    """Return the length of a text that is cut, and 0 for one that is whole."""
    length = 0 if text is None else len(str(text))
    return length if length > LONGEST else 0


def cut(text: Any, limit: int) -> str:
    """Return a text, cut where it is longer than ``limit`` characters."""
    shown = "" if text is None else str(text)
    return shown if len(shown) <= limit else shown[:limit] + "…"


def texts(variants: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the long texts of a sample: what fills a page."""
    for variant in variants:
        yield variant["answer"]
        yield from (r["answer"] for r in variant.get("rounds", ()))
        for vote in variant["votes"]:
            yield from (text for _, text in vote["texts"] or ())
