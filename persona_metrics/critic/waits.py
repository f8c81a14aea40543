"""How long an endpoint asks to wait: in headers, and in the words and fields of a body. Knows no gate and no network."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

_NUMBER = re.compile(r"[0-9]{1,13}(?:\.[0-9]{1,9})?")
_UNIT = r"(?:ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
_PART = re.compile(rf"([0-9]{{1,9}}(?:\.[0-9]{{1,12}})?)\s*({_UNIT})(?![a-z])")
_AGAIN = r"(?:try(?:ing)? (?:again|your request again)|retr(?:y|ies|ying)|wait(?:ing)?|available|resets?|come back)\b"
_WORDS = re.compile(
    rf"{_AGAIN}[^0-9\n]{{0,60}}?((?:[0-9]{{1,9}}(?:\.[0-9]{{1,12}})?\s*{_UNIT}(?![a-z])[\s,]*(?:and\s+)?)+)"
    # A number without a unit is seconds where it stands right there, and any other number elsewhere.
    rf"|{_AGAIN}[-_ ]?(?:in|after|for)?[:=\s]{{1,3}}([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?)(?!\w|\.[0-9])"
)
_FIELDS = {
    "retrydelay": 1.0,
    "retryafter": 1.0,
    "retryafterseconds": 1.0,
    "retryafterms": 0.001,
    "retryafterinseconds": 1.0,
}
LONGEST_NAMED = 32 * 86400.0
"""Nobody asks in earnest to wait for longer, seconds."""
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that headers (names in lower case) ask to wait: Retry-After, else an allowance that is used up."""
    if (ms := duration(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    if (seconds := moment(headers.get("retry-after"))) is not None and seconds < LONGEST_NAMED:
        return seconds
    return exhausted(headers)


def exhausted(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the allowances at 0 are there again; None where none is at 0.

    ``x-ratelimit-remaining-requests`` has its time in ``x-ratelimit-reset-requests``, and so have the headers that
    begin or end otherwise (``anthropic-ratelimit-tokens-reset``, ``x-ratelimit-reset``, ``ratelimit-reset``).
    """
    waits = []
    for name, value in headers.items():
        if "remaining" in name and "limit" in name and value.strip() in ("0", "0.0"):
            waits.append(moment(headers.get(name.replace("remaining", "reset"))) or 0.0)
    return max(waits) if waits else None


def from_body(data: Any, text: str) -> float | None:
    """Return the seconds that an error's body asks to wait: ``"retryDelay": "17s"``, or "try again in 1m30s"."""
    named = [wait for wait in _fields(data, 8) if wait is not None]
    if named:
        return max(named)
    found = [_spoken(match.group(1) or match.group(2)) for match in _WORDS.finditer(text.lower())]
    return max((wait for wait in found if wait is not None), default=None)


def _fields(data: Any, depth: int) -> Iterator[float | None]:
    if depth and isinstance(data, Mapping):
        for name, value in data.items():
            scale = _FIELDS.get(re.sub(r"[^a-z]", "", str(name).lower()))
            if scale is not None and not isinstance(value, (bool, Mapping, list)):
                wait = duration(str(value))
                yield None if wait is None else wait * scale
            yield from _fields(value, depth - 1)
    elif depth and isinstance(data, list):
        for item in data[:50]:
            yield from _fields(item, depth - 1)


def _spoken(text: str) -> float | None:
    return _sum(_PART.findall(text)) if _PART.search(text) else duration(text)


def _sum(parts: list[tuple[str, str]]) -> float:
    return sum(
        float(number) * (0.001 if unit.startswith(("ms", "mil")) else _SECONDS[unit[0]]) for number, unit in parts
    )


def moment(text: str | None) -> float | None:
    """Return the seconds until a reset: a duration, a date, or seconds or milliseconds since 1970."""
    seconds = duration(text)
    if seconds is None or seconds < 1e8:
        return seconds
    return max(0.0, (seconds / 1000 if seconds > 1e11 else seconds) - time.time())


def duration(text: str | None) -> float | None:
    """Return seconds from ``"1.5"``, ``"6m0s"``, ``"250ms"``, an HTTP or ISO date; None where it is none of these."""
    if not text:
        return None
    text = text.strip().lower()
    if _NUMBER.fullmatch(text):
        return float(text)
    if (parts := _PART.findall(text)) and _PART.sub("", text).strip(" ,") == "":
        return _sum(parts)
    return _until(text)


def _until(text: str) -> float | None:
    for read in (parsedate_to_datetime, lambda t: datetime.fromisoformat(t.replace("z", "+00:00"))):
        try:
            then = read(text)
            then = then if then.tzinfo is not None else then.replace(tzinfo=timezone.utc)
            return max(0.0, then.timestamp() - time.time())
        except (ValueError, TypeError, OverflowError, OSError, IndexError):
            continue
    return None
