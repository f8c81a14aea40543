"""What an endpoint says when it does not judge: error statuses, errors in a body with status 200, in any server's shape.

Knows the words of servers, and neither requests nor retries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import waits

_REFUSED = re.compile(
    r"content[ _-]?(?:filter|policy|policies|management|moderation|safety|exists risk)|responsibleai|data_?inspection"
    r"|inappropriate content|moderation|flagged|prohibited[ _]content|sensitive (?:content|information|words?)"
    r"|usage (?:polic|guideline)|safety (?:system|reasons|polic|guideline|filter|setting)|guardrail|jailbreak"
    r"|polic(?:y|ies) violation|violat\w+ (?:\w+ ){0,3}(?:polic|guideline|terms|rules)|unsafe|high risk"
)
_SPENT = re.compile(
    r"insufficient[ _](?:quota|balance|credits?|funds)|credit balance is too low|exceeded_current_quota|arrearage"
    r"|billing_(?:hard_limit|not_active)|payment required|not enough (?:credits|balance)|out of credits|余额不足"
)
_BUSY = re.compile(
    r"rate[ _-]?limit|ratelimit|too[ _]many[ _]requests|overload|over capacity|capacity exceeded|resource[ _]?(?:has been )?"
    r"exhausted|throttl|server is busy|temporarily unavailable|concurren\w+ (?:limit|quota)"
    r"|requests? per (?:minute|second|day)|queue is full|is (?:currently )?loading|loading model|quota exceeded"
    r"|exceeded (?:\w+ ){0,3}quota|insufficient_system_resource"
)
_BROKEN_JSON = re.compile(
    r"json_validate_failed|failed to (?:generate|validate) json|failed_generation|output_parse_failed"
    r"|does not match the expected|model (?:output|produced) (?:is )?(?:an )?invalid"
)
_LENGTH = re.compile(
    r"context[ _-]?(?:length|window|size|limit)|(?:prompt|inputs?|messages?|text|sequence)[^.]{0,40} too long"
    r"|too many (?:input )?tokens|maximum context|prompt is too large"
)
_ECHOES = frozenset(
    {"input", "ctx", "url", "failed_generation", "prompt", "messages", "flagged_input", "request", "headers"}
)
"""Fields in which servers repeat what was sent: an answer that speaks of safety is no refusal."""
_WORDS = (
    "message",
    "msg",
    "error_msg",
    "error_message",
    "errormessage",
    "status_msg",
    "detail",
    "title",
    "faultstring",
    "error",
    "reason",
)
_MOST = 8000


@dataclass(frozen=True)
class Rejection:
    """One error. ``status`` is the HTTP status, or the one that a body with status 200 names (0 where it names none)."""

    status: int
    code: str
    message: str
    text: str
    """All that the body says, in lower case, without what it repeats of the request."""
    wait: float | None = None
    """Seconds that the endpoint asks to wait."""

    @property
    def refused(self) -> bool:
        """Whether the prompt itself is refused, as against content, and no other way of asking would help."""
        return self.status in (0, 400, 403, 406, 422, 451) and bool(_REFUSED.search(self.text))

    @property
    def spent(self) -> bool:
        """Whether the account has nothing left; waiting does not bring it back."""
        return self.status == 402 or (self.status != 413 and bool(_SPENT.search(self.text)))

    @property
    def busy(self) -> bool:
        """Whether the endpoint pushes back, and everybody should wait."""
        if self.status in (429, 498, 503, 529):
            return not self.spent
        return self.status in (0, 400, 403, 500, 502) and not self.spent and bool(_BUSY.search(self.text))

    @property
    def broken_json(self) -> bool:
        """Whether the model's own reply broke the format under way: it may keep to it when asked again."""
        return bool(_BROKEN_JSON.search(self.text))

    @property
    def too_long(self) -> bool:
        """Whether the prompt does not fit: no other format would help."""
        return self.status == 413 or bool(_LENGTH.search(self.text))

    @property
    def passing(self) -> bool:
        """Whether the same request may pass later."""
        if self.refused or self.spent or (self.too_long and self.status < 500 and not self.busy):
            return False
        return self.busy or self.broken_json or self.status in (0, 408, 409, 425, 498, 499) or 500 <= self.status < 600


def read(status: int, headers: Mapping[str, str], content: bytes) -> Rejection:
    """Return what an error response says."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        data = re.sub(r"<[^>]{0,200}>", " ", content[:_MOST].decode("utf-8", "replace"))
    return of(data, status, waits.retry_after(headers))


def of(data: Any, status: int, wait: float | None = None) -> Rejection:
    """Return what an error's body says; it may be a text, a list, or an object of any server's making."""
    said = list(_said(data, 10)) if not isinstance(data, str) else [data[:_MOST]]
    text = " ".join(dict.fromkeys(said))[:_MOST]
    message = _message(data) or ("" if isinstance(data, Mapping) else text)
    named = wait if wait is not None else waits.from_body(data, text)
    return Rejection(status, _code(data), message, f"{_code(data)} {text}".lower(), named)


def in_reply(data: Any) -> Rejection | None:
    """Return the error in a body that came with status 200, None where it is a completion."""
    body = data[0] if isinstance(data, list) and len(data) == 1 else data
    if not isinstance(body, Mapping):
        return None
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else None
    if first is None:
        error = _error(body)
    else:
        message = first.get("message")
        said = isinstance(message, Mapping) and message.get("content")
        error = first.get("error") or (None if said else body.get("error"))
    if not error:
        return None
    found = of(body if first is None else {"error": error}, 0)
    status = next((int(c) for c in _codes(error, body) if re.fullmatch(r"[45]\d\d", c)), 0)
    return Rejection(status, found.code, found.message, found.text, found.wait)


def _error(body: Mapping[str, Any]) -> Any:
    """Return what a body without choices holds instead of them."""
    for name in ("error", "errors", "detail", "fault"):
        if body.get(name):
            return body[name]
    base = body.get("base_resp")
    if isinstance(base, Mapping) and base.get("status_code"):
        return base
    broken = body.get("object") == "error" or "choices" not in body
    return body if broken and any(isinstance(body.get(name), str) for name in (*_WORDS, "error_code")) else None


def _codes(*places: Any) -> Iterator[str]:
    for place in places:
        if isinstance(place, Mapping):
            for name in ("code", "status", "status_code", "error_code"):
                yield str(place.get(name))


def _code(data: Any) -> str:
    body = data[0] if isinstance(data, list) and data else data
    if not isinstance(body, Mapping):
        return ""
    inner = body.get("error") or body.get("base_resp") or body
    places = (inner, body) if isinstance(inner, Mapping) else (body,)
    for place in places:
        for name in ("code", "error_code", "status_code", "type", "error_type", "status"):
            if isinstance(value := place.get(name), (str, int)) and not isinstance(value, bool) and value != "":
                return str(value)[:60]
    return ""


def _message(data: Any, depth: int = 6) -> str:
    """Return the sentence that is meant for people, and behind it the one of the server behind a gateway."""
    if isinstance(data, str):
        return data
    if isinstance(data, list):
        return next((found for item in data[:5] if depth and (found := _message(item, depth - 1))), "")
    if not isinstance(data, Mapping) or not depth:
        return ""
    for name in ("error", "errors", "base_resp", "fault", *_WORDS):
        if data.get(name) and (found := _message(data[name], depth - 1)):
            behind = data.get("metadata")
            raw = _message(_parsed(behind.get("raw")), depth - 1) if isinstance(behind, Mapping) else ""
            return f"{found}: {raw}" if raw else found
    return ""


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _said(data: Any, depth: int) -> Iterator[str]:
    """Yield every text of a body, save those that repeat the request."""
    if isinstance(data, str):
        yield data[:2000]
    elif isinstance(data, Mapping) and depth:
        for name, value in list(data.items())[:100]:
            if str(name).lower() in _ECHOES:
                continue
            if isinstance(value, Mapping) and value.get("filtered") is True:
                yield "content_filter"  # Azure's verdict on a category
            yield from _said(value, depth - 1)
    elif isinstance(data, list) and depth:
        for item in data[:50]:
            yield from _said(item, depth - 1)
