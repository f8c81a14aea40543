"""Takes the answer out of a model's reply, by prompt mode, without a second model. Never the reasoning or the summary."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any

import json_repair

THINKS = {"chain_of_thought": "reasoning", "demographic_summary": "summary"}
"""Modes that ask for a JSON object, and the key that holds what the person does not see."""

# json-repair takes quadratic time on some broken texts; beyond this only the strict reader and the labels look.
_REPAIR_LIMIT = 200_000
_THOUGHTS = re.compile(r"\A\s*(?:<think(?:ing)?>)?.*?</think(?:ing)?>", re.S | re.I)
_OPEN_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>", re.I)
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.S)
_TAGGED = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.S | re.I)
_LABEL = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]*)?(?:\*\*|__)?(?:final )?answer(?:\*\*|__)?[ \t]*(?::(?:\*\*|__)?|\n)", re.I | re.M
)
_OTHER_LABEL = re.compile(r"^[ \t]*(?:#{1,6}[ \t]*)?(?:\*\*|__)?(?:reasoning|summary)(?:\*\*|__)?[ \t]*:", re.I | re.M)


@dataclass(frozen=True)
class Extraction:
    """The answer, or the reason why there is none; exactly one of the two is set."""

    answer: str | None
    failure: str | None = None


def extract(reply: str, mode: str) -> Extraction:
    """Return the answer in ``reply``.

    In ``baseline`` and ``output_only`` the reply is the answer, less a thinking block. In ``chain_of_thought`` and
    ``demographic_summary`` it is the text under ``answer``: by strict JSON, then by json-repair, then after a label
    or in an ``<answer>`` tag. A reply cut within the answer keeps what is there; one cut before it is a failure.
    """
    text = _without_thoughts(reply)
    if text is None:
        return Extraction(None, "the reply ends inside its thinking block")
    if not text.strip() or text == os.environ.get("LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER", ""):
        # lm-eval puts that placeholder where an endpoint sent null content.
        return Extraction(None, "empty reply")
    if mode not in THINKS:
        return Extraction(text.strip())
    answer = _from_json(text) or _labelled(text)
    if answer is None or not answer.strip():
        return Extraction(None, f"no answer beside the {THINKS[mode]} in the reply")
    return Extraction(answer.strip())


def _without_thoughts(reply: str) -> str | None:
    if "</think" in reply.lower():
        return _THOUGHTS.sub("", reply, count=1)
    return None if _OPEN_THOUGHT.match(reply) else reply


def _from_json(text: str) -> str | None:
    candidates = [text, *_FENCE.findall(text)[-3:]]
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        candidates.append(text[start : end + 1])
    for candidate in candidates:
        try:
            # strict=False: models put bare line breaks into JSON strings.
            found = _answer_in(json.loads(candidate, strict=False))
        except (ValueError, RecursionError):
            continue
        if found is not None:
            return found
    if start < 0 or len(text) - start > _REPAIR_LIMIT or '"answer"' not in text.replace("'", '"'):
        return None
    try:
        return _answer_in(json_repair.loads(text[start:]))
    except (ValueError, RecursionError, IndexError):
        return None


def _answer_in(data: Any) -> str | None:
    """Return what stands under ``answer``: a text, or a list of texts as its lines; of several objects the last one."""
    if isinstance(data, list):
        return next((found for item in reversed(data) if (found := _answer_in(item)) is not None), None)
    if not isinstance(data, dict):
        return None
    found = next((value for key, value in data.items() if str(key).strip().lower() in ("answer", "final_answer")), None)
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return "\n".join(found)
    return found if isinstance(found, str) else None


def _labelled(text: str) -> str | None:
    if tagged := _TAGGED.findall(text):
        return str(tagged[-1])
    labels = list(_LABEL.finditer(text))
    if not labels:
        return None
    rest = text[labels[-1].end() :]
    other = _OTHER_LABEL.search(rest)
    return rest[: other.start()] if other else rest
