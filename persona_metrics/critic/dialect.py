"""What an endpoint understands, learned from what it rejects. Only words about a feature change that feature."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from .protocol import Messages
from .rejection import Rejection

FORMATS = ("json_schema", "json_object", "text")
SMALLEST = 64
"""Tokens; a reply has no use for less."""
THINKING = 16_384
"""Tokens that a reply may have, thoughts among them, of a critic that was seen to think."""

_FORMAT = re.compile(
    r"response[_ -]?format|json[_ -]?schema|json[_ -]?object|json[_ -]?mode|structured|grammar|guided|output[_ -]?format"
    r"|xgrammar|outlines|in context=\(|additionalproperties|requested parameters|schema|constrained|logits[_ ]?processor"
)
_LIMIT = re.compile(r"max_(?:completion_|output_|new_)?tokens|maxoutputtokens|(?:completion|output|maximum|max) tokens")
_TOO_LARGE = re.compile(
    r"too (?:large|high|big|many)|at most|maximum|exceed|less than|<=|≤|range|above|up to|smaller|greater than"
    r"|must be|between|limit"
)
_BOUND = re.compile(
    r"(?:at most|less than or equal to|less than|<=|≤|maximum(?: allowed)?(?: value)?(?: is| of)?|up to"
    r"|exceeds?|limit(?: is| of)?|smaller than|[\[(]\s*\d+\s*,|between \d+ and|larger than|greater than|above)\D{0,24}(\d+)"
)
_CONTEXT = re.compile(
    r"context (?:length|window|size|limit)\D{0,40}(\d+)|must be <= (\d+)|maximum (?:input|sequence|model) length\D{0,30}(\d+)"
)
_SYSTEM = re.compile(
    r"(?:system|developer)['\"`]? ?(?:role|message|prompt|instruction)"
    r"|roles? (?:of |named )?['\"`]?system|'system'|roles must alternate"
)
_NOT_TAKEN = re.compile(
    r"not (?:be )?(?:supported|allowed|enabled|permitted|accepted|available|valid|recogni[sz]ed|defined|implemented)"
    r"|unsupported|invalid(?!_request)|(?:does|do|did) ?n[o']t (?:support|accept|allow|take|recogni[sz]e|know)"
    r"|only (?:support|user)|unexpected|unknown|must alternate|not support|unrecogni[sz]ed|extraneous|forbidden"
    r"|deprecated|no longer|no such|cannot find|in favou?r of|can ?not be|must not be|mandatory"
)
_NAMES = re.compile(r"\b(max_tokens|max_completion_tokens)\b")
_ADVISED = re.compile(
    r"\b(?:use|try|switch to|set|send|provide|in favou?r of|replaced (?:by|with))\W+(?:the \W*)?(max_\w+)"
)
_INSTEAD = re.compile(r"instead of\W+(max_\w+)")
_EFFORT = re.compile(r"reasoning[_. -]?effort|reasoning\.effort")
_THOUGHT = re.compile(r"\breasoning\b|\bthinking\b|\bthink\b|\beffort\b")
"""What servers call it that name no parameter."""


@dataclass
class Dialect:
    """What requests are made of; begins with everything, and leaves out what turns out to be rejected."""

    format: int = 0
    max_tokens: str = "max_tokens"
    """The name of the token limit; empty where the endpoint takes neither."""
    other_name: bool = True
    """Whether the limit's other name is still to be tried."""
    temperature: bool = True
    effort: bool = True
    """Whether a ``reasoning_effort`` that is set is sent."""
    seed: bool = True
    system: bool = True
    ceiling: int | None = None
    """The largest token limit that the endpoint takes."""
    thinks: int = 0
    """Tokens that a reply may have where nobody set a limit, once one was seen to think; 0 where none was."""
    proven: bool = False
    """Whether a request in this dialect has been answered; then a rejected one is to blame itself."""

    def step_down(self, rejection: Rejection, limit: int, *, effort: bool = False) -> bool:
        """Change what the words of ``rejection`` are about; return False where they are about nothing that can change.

        ``limit`` is the token limit that the rejected request asked for, ``effort`` whether a ``reasoning_effort`` is set.
        """
        text = rejection.text
        if rejection.refused or rejection.spent or rejection.broken_json or rejection.status in (401, 402, 408, 429):
            return False
        asked = rejection.status in (0, 400, 404, 405, 415, 416, 422, 500, 501)
        not_taken = _NOT_TAKEN.search(text) is not None
        exact = rejection.status in (0, 400, 422) or (asked and not_taken)
        effort = effort and self.effort
        if exact and self.max_tokens and self.max_tokens == _advised_against(text):
            self._rename_limit()
        elif asked and self.max_tokens and (ceiling := _ceiling(text, limit)) is not None:
            self.ceiling = ceiling
        elif exact and not_taken and self.max_tokens and self.max_tokens == _first_named(text):
            self._rename_limit()
        elif exact and effort and (found := _EFFORT.search(text)) and "temperature" not in text[: found.start()]:
            self.effort = False
        elif asked and self.system and _SYSTEM.search(text) and not_taken:
            self.system = False
        elif exact and "temperature" in text and self.temperature:
            self.temperature = False
        elif exact and re.search(r"\bseed\b", text) and self.seed:
            self.seed = False
        elif exact and effort and _THOUGHT.search(text) and not_taken:
            self.effort = False
        elif asked and _FORMAT.search(text) and self.format + 1 < len(FORMATS):
            self.format += 1
        else:
            return False
        self.proven = False
        return True

    def _rename_limit(self) -> None:
        """Try the other name of the token limit once, and then none."""
        names = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
        self.max_tokens = names[self.max_tokens] if self.other_name else ""
        self.other_name = False

    def saw_thoughts(self) -> None:
        """Note that a reply held thoughts: the next may be longer."""
        self.thinks = self.thinks or THINKING

    def may_try_lower(self, rejection: Rejection) -> bool:
        """Return whether a rejection that says nothing may be one of the format, before anything was ever accepted."""
        wordless = rejection.status in (400, 422, 501) and not rejection.refused and not rejection.spent
        return (
            wordless
            and not rejection.too_long
            and not rejection.broken_json
            and not self.proven
            and self.lower() != self
        )

    def lower(self, steps: int = 1) -> Dialect:
        """Return one with a looser format."""
        return replace(self, format=min(self.format + steps, len(FORMATS) - 1))

    def limit(self, wanted: int, cap: int | None = None) -> int:
        """Return the token limit to ask for: no more than the endpoint takes, nor than ``cap``."""
        return min(wanted, *(most for most in (self.ceiling, cap) if most is not None), wanted)

    def addressed(self, messages: Messages) -> Messages:
        """Return the messages as the endpoint takes them: without a system role its words begin the user's message."""
        if self.system or messages[0]["role"] != "system":
            return messages
        first, second, *rest = messages
        return [{"role": second["role"], "content": f"{first['content']}\n\n{second['content']}"}, *rest]

    def to_text(self) -> str:
        """Return it as a store keeps it."""
        return json.dumps(asdict(self), sort_keys=True)

    def take(self, other: Dialect) -> None:
        """Become ``other``."""
        for field in fields(self):
            setattr(self, field.name, getattr(other, field.name))


def from_text(text: str) -> Dialect | None:
    """Return the dialect of ``to_text``, None where it is another version's or scribble."""
    try:
        data: dict[str, Any] = json.loads(text)
        made = Dialect(**data)
    except (ValueError, TypeError, RecursionError):
        return None
    names = ("temperature", "seed", "system", "proven", "effort", "other_name")
    flags = all(isinstance(getattr(made, name), bool) for name in names)
    known = made.max_tokens in ("max_tokens", "max_completion_tokens", "") and made.format in range(len(FORMATS))
    sized = made.ceiling is None or (isinstance(made.ceiling, int) and made.ceiling > 0)
    sized = sized and isinstance(made.thinks, int) and made.thinks >= 0
    return made if flags and known and sized else None


def _advised_against(text: str) -> str | None:
    """Return the name of the token limit beside which a message names the other one to be used."""
    if (old := _INSTEAD.search(text)) is not None:
        return old.group(1)
    advised = _ADVISED.search(text)
    named = _NAMES.findall(text)
    if advised is None or advised.group(1) not in named:
        return None
    return next((name for name in named if name != advised.group(1)), None)


def _first_named(text: str) -> str | None:
    """Return the name of the token limit that a message begins with, None where it is about the context's length."""
    found = _NAMES.search(text)
    return None if found is None or _CONTEXT.search(text) else found.group(1)


def _ceiling(text: str, limit: int) -> int | None:
    """Return the limit that a message names as the largest, None where it is about something else."""
    if not _LIMIT.search(text) or not _TOO_LARGE.search(text) or _CONTEXT.search(text) or limit <= SMALLEST:
        return None
    if _NOT_TAKEN.search(text) and not re.search(r"\d{2,}", text):
        return None  # a parameter that is not known, whatever its value
    named = [int(n) for n in _BOUND.findall(text)] + [int(n) for n in re.findall(r"\d+", text)]
    fitting = [n for n in named if SMALLEST <= n < limit]
    if fitting:
        return fitting[0] if fitting[0] in named[: len(_BOUND.findall(text))] else max(fitting)
    return max(SMALLEST, limit // 2) if re.search(r"too (?:large|high|big)|exceed|above|at most", text) else None


def room(rejection: Rejection, limit: int) -> int | None:
    """Return how long a reply may be beside this prompt, where the two together do not fit the model's context."""
    text = rejection.text
    if rejection.status not in (0, 400, 413, 422, 500) or (found := _CONTEXT.search(text)) is None:
        return None
    context = int(next(group for group in found.groups() if group))
    named = [int(n) for n in re.findall(r"\d+", text)]
    patterns = (
        r"(\d+) (?:tokens )?(?:in|of|from) (?:the |your )?(?:messages|prompt|text input|input)",
        r"(\d+) (?:input|prompt) tokens",
        r"given: (\d+)",
    )
    prompts = [int(n) for pattern in patterns for n in re.findall(pattern, text)]
    prompts += [n for n in named if n + limit in named and n < context]
    if not prompts:
        return None
    left = context - max(prompts) - 1
    return left if SMALLEST <= left < limit else None
