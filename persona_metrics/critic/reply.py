"""Reads a chat completion: the text that may be the reply, without thoughts, and why there is none. Knows no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..answers.thoughts import CLOSE, OPEN, marked
from ..masking import conceal
from .missing import Missing, Reason
from .protocol import Opinion, Protocol

MOST_TOKENS = 10_000_000
"""A usage beyond it is no count of one reply."""

_END = re.compile(
    rf"{CLOSE.pattern}|</\s*(?:\w+:)?(?:think(?:ing)?|reason)\s*>|\[/reasoning\]|<\|?/think\|?>"
    r"|<\|channel\|>\s*final[^<]{0,80}<\|message\|>",
    re.I,
)
"""Where thinking ends: the reply begins behind it. Beside the marks of ``thoughts`` those that only a critic is read with: a
reply of the model under test may well speak of a reason."""
_START = re.compile(
    rf"\s*(?:```\w*\s*)?(?:{OPEN.pattern}|<(?:\w+:)?(?:think|thought|reason)\w*>|<\|channel\|>\s*analysis)", re.I
)
_FRAME = re.compile(
    r"<\|?(?:return|end|im_end|eot_id|eom_id|endoftext|end_of_turn|end_response|start_response|begin_of_box|end_of_box|begin_of_solution"
    r"|end_of_solution)\|?>|</?(?:answer|response|s|output|json)>|<end_of_turn>",
    re.I,
)
"""Marks of chat templates around a reply, and tags that models close their thinking with."""
_THINKING = re.compile(r"think|thought|reason", re.I)
_CUT = ("length", "max_tokens", "max_output", "token_limit", "max_completion", "context_window", "error_limit")
_BLOCKED = (
    "content_filter",
    "refus",
    "safety",
    "recitation",
    "blocklist",
    "block",
    "prohibited",
    "spii",
    "guardrail",
    "toxic",
    "sensitive",
    "filtered",
    "moderation",
    "policy",
)
_SORRY = re.compile(
    r"\s*(?:(?:i['’]?m|i am|we are|we['’]re) (?:very |so |really )?(?:sorry|afraid|unable|not able)|sorry\b"
    r"|i (?:apologi[sz]e|can(?:no|['’])?t|can not|won['’]t|will not|must decline|have to decline|decline)\b|as an ai\b"
    r"|unfortunately, i (?:can|am))",
    re.I,
)


@dataclass(frozen=True)
class Reply:
    """A chat completion, as far as it counts here. ``texts`` may be the reply, the likeliest first."""

    texts: tuple[str, ...]
    finish: str | None = None
    refusal: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    served_model: str | None = None
    thoughts: bool = False
    """Whether there are thoughts and nothing else."""
    thinks: bool = False
    """Whether there are thoughts at all, or tokens that went into some."""

    def opinion(self, protocol: Protocol) -> tuple[Opinion, str] | None:
        """Return what the protocol makes of the reply, and the text that it made it of."""
        for text in self.texts:
            if (opinion := protocol.parse(text)) is not None:
                return opinion, text
        return None

    def why_not(self, limit: int) -> Missing:
        """Return why a reply that the protocol cannot read is none; ``limit`` is the longest reply, tokens."""
        finish = re.sub(r"[^a-z]+", "_", (self.finish or "").lower())
        if self.refusal or any(word in finish for word in _BLOCKED):
            return Missing(Reason.REFUSED, self.refusal or self.finish or "")
        if any(word in finish for word in _CUT):
            return Missing(Reason.CUT, f"{limit} tokens, all of them thoughts" if self.thoughts else f"{limit} tokens")
        text = self.texts[0].strip() if self.texts else ""
        if not text or self.thoughts:
            return Missing(Reason.EMPTY)
        if len(text) < 1000 and "{" not in text and _SORRY.match(text):
            return Missing(Reason.REFUSED, " ".join(text.split()))
        return Missing(Reason.UNFIT)


def read(data: Any) -> Reply:
    """Return what a chat completion says; whatever is not there, or of another type, counts as absent."""
    found = data[0] if isinstance(data, list) and len(data) == 1 else data
    found = found if isinstance(found, Mapping) else {}
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {"content": choice.get("text")}
    usage = found.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    content, thought = _content(message.get("content"))
    elsewhere = [thought, *(_content(message.get(name))[0] for name in ("reasoning_content", "reasoning", "thinking"))]
    thoughts = next((text for text in elsewhere if text.strip()), "")
    finish = choice.get("finish_reason") or choice.get("stop_reason") or choice.get("finishReason")
    return Reply(
        # Some servers repeat the key that they were given.
        tuple(conceal(text, inner=False) for text in _readings(content, thoughts)),
        str(finish)[:100] if isinstance(finish, (str, int)) else None,
        _refusal(found, message),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _text(found.get("model")),
        thoughts=(bool(thoughts) and not content.strip()) or _opens_only(content),
        thinks=bool(thoughts) or _START.match(content) is not None or _thought(usage) > 0,
    )


def _readings(content: str, thoughts: str) -> Iterator[str]:
    """Yield what may be the reply: the content, what stands behind thinking in it, and thoughts where all else is empty."""
    yield content
    yield from _behind(content)
    if thoughts.strip() and (not _without_frame(content).strip() or _opens_only(content)):
        # Servers that split thoughts off take the whole reply for thoughts where the model marked none.
        yield thoughts
        yield from _behind(thoughts)


def _behind(text: str) -> Iterator[str]:
    if not text:
        return
    fenced = text.lstrip().startswith("```")
    # The last end of thinking first; what stands behind an earlier one has to be one reply as a whole, too.
    for end in reversed([match.end() for match in _END.finditer(text)][-20:] if marked(text) else ()):
        rest = _without_frame(text[end:]).strip()
        if fenced and rest.endswith("```") and not rest.startswith("```"):
            rest = rest[:-3].rstrip()  # the fence was opened before the thinking
        yield rest
    if (plain := _without_frame(text).strip()) != text.strip():
        yield plain


def _without_frame(text: str) -> str:
    # At the ends only: within a reply they are somebody's words.
    for _ in range(20):
        text = text.strip()
        if (first := _FRAME.match(text)) is not None:
            text = text[first.end() :]
        elif (
            last := next((m for m in _FRAME.finditer(text, max(0, len(text) - 40)) if m.end() == len(text)), None)
        ) is not None:
            text = text[: last.start()]
        else:
            break
    return text


def _opens_only(content: str) -> bool:
    opened = _START.match(content)
    return opened is not None and _END.search(content) is None


def _content(value: Any) -> tuple[str, str]:
    """Return text and thoughts of a message's content: a text, or a list of parts of several types."""
    if isinstance(value, str):
        return value, ""
    parts = value if isinstance(value, list) else [value] if isinstance(value, Mapping) else []
    texts, thoughts = [], []
    for part in parts[:10_000]:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping):
            kind = str(part.get("type", "text"))
            inner = next(
                (part[n] for n in ("text", "content", "thinking", "reasoning", "value", "summary") if part.get(n)), ""
            )
            inner = inner.get("value", "") if isinstance(inner, Mapping) else inner
            said, thought = _content(inner)
            if _THINKING.search(kind):
                thoughts.append(said + thought)
            elif kind != "refusal":
                texts.append(said)
                thoughts.append(thought)
    return "".join(texts), "".join(thoughts)


def _refusal(found: Mapping[str, Any], message: Mapping[str, Any]) -> str | None:
    if isinstance(message.get("refusal"), str) and message["refusal"].strip():
        return str(message["refusal"])
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, Mapping) and part.get("refusal"):
            return str(part["refusal"])
    for name in ("promptFeedback", "prompt_feedback"):
        feedback = found.get(name)
        if isinstance(feedback, Mapping):
            reason = feedback.get("blockReason") or feedback.get("block_reason")
            if reason:
                return str(reason)
    return None


def _thought(usage: Mapping[str, Any]) -> int:
    """Return the tokens that a usage counts as thoughts."""
    details = usage.get("completion_tokens_details")
    within = details.get("reasoning_tokens") if isinstance(details, Mapping) else None
    return _count(within) or _count(usage.get("reasoning_tokens")) or 0


def _text(value: Any) -> str | None:
    return conceal(value, inner=False) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS else None
