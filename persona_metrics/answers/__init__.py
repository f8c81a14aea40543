"""Takes the answer out of a model's reply, by prompt mode, without a second model. Never the reasoning or the summary."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import json_repair

from ..files import whole_characters
from .thoughts import without_thoughts

THINKS = {"chain_of_thought": "reasoning", "demographic_summary": "summary"}
"""Modes that ask for a JSON object, and the key that holds what the person does not see."""
CUT = "the reply ends inside its thinking block: raise max_gen_toks (--gen_kwargs max_gen_toks=…)"

_REASONING = frozenset({"thinking", "reasoning", "thought", "redacted_thinking", "reasoning_content", "summary"})

# json-repair takes quadratic time on some broken texts; beyond this only the strict reader and the labels look.
_REPAIR_LIMIT = 200_000
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


def extract(reply: Any, mode: str) -> Extraction:
    """Return the answer in ``reply``; whatever a server sent, this raises nothing.

    In ``baseline`` and ``output_only`` the reply is the answer, less its reasoning (see ``thoughts``). In
    ``chain_of_thought`` and ``demographic_summary`` it is the text under ``answer``: by strict JSON, then by json-repair,
    then after a label or in an ``<answer>`` tag. A reply cut within the answer keeps what is there; one cut before it is a
    failure.
    """
    said = text_of(reply)
    if not said.strip() or said == os.environ.get("LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER", ""):
        # lm-eval puts that placeholder where an endpoint sent null content.
        return Extraction(None, "empty reply")
    text, cut = without_thoughts(said, data=mode in THINKS)
    if cut:
        return Extraction(None, CUT)
    if not text.strip():
        return Extraction(None, "nothing after the thinking block")
    if mode not in THINKS:
        return Extraction(text.strip())
    answer = _from_json(text) or _labelled(text)
    if answer is None or not answer.strip():
        return Extraction(None, f"no answer beside the {THINKS[mode]} in the reply")
    return Extraction(whole_characters(answer.strip()))


def text_of(reply: Any, depth: int = 0) -> str:
    """Return a reply as text: Mistral and gateways send a list of parts, of which those that are reasoning are left out.

    Half a surrogate pair becomes ``?``, since no file can hold it.
    """
    if reply is None or depth > 8:
        return ""
    if isinstance(reply, str):
        return whole_characters(str(reply))
    if isinstance(reply, Mapping):
        if str(reply.get("type", "text")).lower() in _REASONING or reply.get("thought") is True:
            return ""
        return text_of(
            next((reply[key] for key in ("text", "content", "value") if reply.get(key) is not None), None), depth + 1
        )
    if isinstance(reply, (list, tuple)):
        return "".join(text_of(part, depth + 1) for part in reply)
    return whole_characters(str(reply))


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
    except Exception:  # the library says nothing of what it raises, and the other answers are paid for
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
