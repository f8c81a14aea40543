"""Takes keys out of texts that people read, and shows what would steer their terminal. Knows no network and no disk."""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

MASK = "***"
_PLACEHOLDERS = frozenset({"none", "empty", "null", "dummy", "test", "local", "ollama", "no-key", "not-needed"})
_PART = 8
"""So many characters of a key, from its begin or its end, are as secret as the whole."""
_BLOCK = 12
_LONGEST = 1 << 16
"""Longer texts are cut here before they are searched: no message shows that much."""

_LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#@'\"<>]*(?:@[^\s/?#@'\"<>]*)*@")
_NAMED = re.compile(r"(?i)([?&;][\w.-]*(?:key|token|secret|sig|passw|pwd|auth|credential|code)[\w.-]*=)[^&;\s\"'#<>]+")
_BEARER = re.compile(r"(?i)\b((?:bearer|basic)\s+)(?=\S*\d)[A-Za-z0-9._~+/=-]{8,}")
_SHAPED = re.compile(r"(?<![A-Za-z0-9])(?:(?:sk|rk|pk|gsk|hf|xai|nvapi|pplx|r8|ghp|glpat)[-_]|AIza)[A-Za-z0-9_-]{16,}")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

_forms: dict[str, tuple[tuple[int, str], ...]] = {}
_short: dict[str, None] = {}


def remember(*secrets: str | None) -> None:
    """Mask these from now on, in every form that a server may give back: URL-encoded, base64, escaped for JSON."""
    for secret in secrets:
        text = (secret or "").strip()
        if len(text) < 4 or is_placeholder(text):
            continue
        if len(text) < _PART:
            # A short word of letters alone is no key, and would be struck out of ordinary sentences.
            if not text.isalpha():
                _short[text] = None
            continue
        for form in _spellings(text):
            lower = form.translate(_LOWER)
            if lower not in _forms:
                _forms[lower] = _anchors(lower)


def is_placeholder(text: str) -> bool:
    """Return whether this stands where a client insists on a key and the endpoint wants none."""
    return text.strip().lower() in _PLACEHOLDERS


def remember_url(url: str | None) -> None:
    """Mask from now on what an address may hold of secrets: its login, values of its query, and segments like keys."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return
    login = parts.netloc.rpartition("@")[0]
    values = [value for item in parts.query.split("&") for value in (item.partition("=")[2],) if like_a_key(value)]
    segments = [segment for segment in parts.path.split("/") if like_a_key(segment)]
    # A user's name is no secret as a rule; a key stands there as often as behind the colon.
    remember(*(part for part in login.split(":") if len(part) >= _PART), login.partition(":")[2], *values, *segments)


def like_a_key(text: str) -> bool:
    """Return whether a part of an address looks like a key rather than a word: long, with letters and digits."""
    if _SHAPED.fullmatch(text):
        return True
    plain = re.fullmatch(r"[A-Za-z0-9_.~%+=-]{20,}", text) is not None
    return plain and sum(c.isdigit() for c in text) >= 4 and any(c.isalpha() for c in text)


def _spellings(secret: str) -> Iterable[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield quote(secret, safe="", errors="replace")
    yield quote_plus(secret, errors="replace")
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret)[1:-1].replace("/", "\\/")
    yield html.escape(secret)
    yield raw.hex()
    # Inside base64 of "user:key" the key stands at one of three places; only what depends on it alone can be known.
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * before + raw).decode()
            known = whole[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
            if len(known) >= _BLOCK:
                yield known


def _anchors(form: str) -> tuple[tuple[int, str], ...]:
    blocks = [(at, form[at : at + _BLOCK]) for at in range(0, len(form) - _BLOCK + 1, _BLOCK)]
    return ((0, form[:_PART]), (len(form) - _PART, form[-_PART:]), *blocks)


def conceal(text: str, *, inner: bool = True) -> str:
    """Return ``text`` without the keys that are known, and without parts of them; nothing else is changed.

    Without ``inner`` a part that neither begins nor ends a key may stay, which is enough, and faster, for replies.
    """
    for secret in _short:
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", MASK, text)
    spans: list[tuple[int, int]] = []
    lower = text.translate(_LOWER)
    for form, anchors in _forms.items():
        for offset, gram in anchors if inner else anchors[:2]:
            at = lower.find(gram)
            while at >= 0:
                spans.append(_widened(lower, form, at, offset, len(gram)))
                at = lower.find(gram, at + 1)
    for begin, end in reversed(_merged(spans)):
        text = text[:begin] + MASK + text[end:]
    return text


def _widened(text: str, form: str, at: int, offset: int, length: int) -> tuple[int, int]:
    begin, end, left, right = at, at + length, offset, offset + length
    while begin > 0 and left > 0 and text[begin - 1] == form[left - 1]:
        begin, left = begin - 1, left - 1
    while end < len(text) and right < len(form) and text[end] == form[right]:
        end, right = end + 1, right + 1
    return begin, end


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def mask(text: str) -> str:
    """Return ``text`` without keys, known or by their looks, without logins in addresses, and safe for a terminal."""
    shown = conceal(text[:_LONGEST])
    shown = _LOGIN.sub(rf"\1{MASK}@", shown)
    shown = _NAMED.sub(rf"\1{MASK}", shown)
    shown = _BEARER.sub(rf"\1{MASK}", shown)
    return printable(_SHAPED.sub(MASK, shown))


def printable(text: str) -> str:
    """Return ``text`` with what would steer a terminal spelt out: control characters, overrides of direction, halves.

    Newlines and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelt(c) if _steers(c) else c for c in text)


def _steers(character: str) -> bool:
    if character in "\n\t":
        return False
    return (
        character in _BIDI
        or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or ord(character) >> 8 == 0xE00
    )


def _spelt(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown_url(url: str) -> str:
    """Return an address as results may show it: without login, query and fragment, segments like keys masked."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return mask(url)
    path = "/".join(MASK if like_a_key(segment) else segment for segment in parts.path.split("/"))
    return mask(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", "")))


__all__ = ["conceal", "is_placeholder", "like_a_key", "mask", "printable", "remember", "remember_url", "shown_url"]
