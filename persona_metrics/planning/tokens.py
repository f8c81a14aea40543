"""How many tokens calls will take, each with its band: by past calls of the same model, a tokenizer, or letters."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..costs.usage import VERDICT_TOKENS, Usage
from .counting import Counted

PAST = 5
"""So many calls whose tokens are known tell more than letters do."""
LETTERS = (1 / 5, 1 / 4.2, 1 / 3.2)
"""Tokens a letter of English, from tokenizers with large vocabularies to those with small ones."""
VERDICT = (150, VERDICT_TOKENS, 600)
"""Tokens of a debate where no call of the critic is known."""
THOUGHTS = (300, 2000, 8000)
"""The same of one that thinks before it, as far as is known: from a few sentences to several pages."""
SHORTEST, USUAL = 20, 250
"""Tokens of an answer where no call of the model is known; at most its token limit."""
_O200K = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
_TOKENIZER_BAND = 0.05


@dataclass(frozen=True)
class Range:
    """A number with its band."""

    low: float
    mid: float
    high: float

    def plus(self, other: Range) -> Range:
        """Return the sum, as if both erred the same way."""
        return Range(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Return the product."""
        return Range(self.low * factor, self.mid * factor, self.high * factor)

    def to_dict(self) -> dict[str, float]:
        """Return plain data."""
        return {"low": self.low, "mid": self.mid, "high": self.high}


NOTHING = Range(0, 0, 0)


def _told(past: Usage | None) -> int:
    return 0 if past is None else past.calls - past.untold


def a_letter(
    model: str, past: Usage | None, sample: Sequence[str], count: Callable[[], Counted | None] = lambda: None
) -> tuple[Range, str]:
    """Return the tokens a letter of prompts for this model, and where the number is from.

    ``count`` is asked for the model's own tokenizer where no past calls tell.
    """
    if past is not None and (told := _told(past)) >= PAST:
        mean = past.ratio / told
        spread = max(0.03 * mean, 2 * math.sqrt(max(0.0, past.ratio2 / told - mean * mean)))
        return Range(max(0.0, mean - spread), mean, mean + spread), f"{told} past calls"
    if (found := count()) is not None:
        return Range((1 - found.band) * found.each, found.each, (1 + found.band) * found.each), found.by
    if (counted := _by_tokenizer(model, sample)) is not None:
        return Range((1 - _TOKENIZER_BAND) * counted, counted, (1 + _TOKENIZER_BAND) * counted), "tiktoken"
    return Range(*LETTERS), "letters"


def a_reply(calls: int, past: Usage | None, role: str, longest: int | None, *, thinks: bool = False) -> Range:
    """Return the tokens a reply, as the mean over ``calls`` of them: by past calls, else a stated range.

    ``thinks`` says that a critic is known to think before it replies.
    """
    if past is not None and (told := _told(past)) >= PAST:
        mean = past.completion_tokens / past.calls
        spread = math.sqrt(max(0.0, past.out2 / told - mean * mean))
        band = 0.05 * mean + 2 * spread * (1 / math.sqrt(told) + 1 / math.sqrt(max(1, calls)))
        return Range(max(0.0, mean - band), mean, mean + band)
    if role == "critic":
        return Range(*(THOUGHTS if thinks else VERDICT))
    most = longest or 2 * USUAL
    return Range(min(SHORTEST, most), min(USUAL, most / 2), most)


def schema_letters(schema: object) -> int:
    """Return the letters of a JSON Schema, which endpoints may count into the prompt."""
    return len(json.dumps(schema))


def _by_tokenizer(model: str, sample: Sequence[str]) -> float | None:
    """Return the tokens a letter by tiktoken, where it is installed, knows the model and has its file (it fetches none)."""
    try:
        import tiktoken

        encoding = tiktoken.encoding_name_for_model(model)
    except (ImportError, KeyError, AttributeError):
        return None
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    place = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    letters = sum(map(len, sample))
    if encoding != "o200k_base" or not letters or not (place / hashlib.sha1(_O200K.encode()).hexdigest()).is_file():
        return None
    try:
        found = tiktoken.get_encoding(encoding)
        return sum(len(found.encode(text, disallowed_special=())) for text in sample) / letters
    except Exception:  # a broken file of its cache: letters will do
        return None
