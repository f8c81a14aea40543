"""No key stands in a text that people read: whole, cut, encoded or in an address; and no text steers a terminal."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_metrics import masking
from persona_metrics.errors import PersonaError, shorten

KEY = 'sk-proj-Ab/Cd+Ef=Gh"Ij' + "0123456789klmnopqrstuvwxyzABCDEF" * 4


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_forms", {})
    monkeypatch.setattr(masking, "_short", {})
    masking.remember(KEY)


def longest_left(text: str) -> int:
    """Return the length of the longest piece of the key that ``text`` still holds."""
    return max((n for n in range(1, len(KEY)) for at in range(len(KEY) - n + 1) if KEY[at : at + n] in text), default=0)


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        KEY[:131],
        KEY[:8] + "…",
        KEY[-12:],
        KEY[30:90],
        KEY.upper(),
        quote(KEY, safe=""),
        quote_plus(KEY),
        json.dumps(KEY),
        KEY.encode().hex(),
        *(base64.b64encode(f"{user}:{KEY}".encode()).decode() for user in ("u", "us", "use")),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
    ],
)
def test_a_key_is_masked_in_every_spelling_and_in_part(echo: str) -> None:
    shown = masking.mask(f"Incorrect API key provided: {echo} (see the page)")
    assert "***" in shown
    assert shown.startswith("Incorrect API key provided: ")
    assert shown.endswith(" (see the page)")
    assert longest_left(shown) < 4
    assert len(echo) < 20 or echo[8:20] not in shown


@given(st.integers(0, 200), st.integers(0, 40), st.text(max_size=30))
def test_a_text_is_masked_before_it_is_cut(limit: int, before: int, tail: str) -> None:
    masking.remember(KEY)
    assert longest_left(shorten("x" * before + KEY + tail.replace("s", ""), limit + 2)) < 4


def test_ordinary_words_stay() -> None:
    masking.remember("none", "EMPTY", "wrong", "  ", None)
    text = "empty reply: the wrong model, none is there; basic information, max 30 of 300 (sk-…)"
    assert masking.mask(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://user:pa55word@host/v1", "at https://***@host/v1"),
        ("at http://host/v1?api-version=1&api_key=abc&n=3", "at http://host/v1?api-version=1&api_key=***&n=3"),
        ("Authorization: Bearer abc123def456", "Authorization: Bearer ***"),
        ("unknown sk-ant-0123456789abcdefghij there", "unknown *** there"),
        ("a@http://h/v1,b", "a@http://h/v1,b"),
    ],
)
def test_secrets_that_nobody_named_are_known_by_their_place(text: str, shown: str) -> None:
    assert masking.mask(text) == shown
    assert str(PersonaError(text)) == shown


def test_an_address_is_shown_without_login_query_and_segments_like_keys() -> None:
    url = "https://u:p@host:8443/gateway/sk-0123456789abcdef0123/v1?key=1#f"
    assert masking.shown_url(url) == "https://host:8443/gateway/***/v1"
    assert masking.shown_url("http://host/v1/organisation-of-many-words") == "http://host/v1/organisation-of-many-words"
    masking.remember_url("http://joe:hunter-2-long@h/v1/0123456789abcdefghijk?sig=zyxwvu9876543210zyxwvu")
    shown = masking.mask("hunter-2-long 0123456789abcdefghijk zyxwvu9876543210zyxwvu h")
    assert shown == "*** *** *** h"


def test_what_steers_a_terminal_is_shown_and_not_obeyed() -> None:
    hostile = "\x1b]0;title\x07 \x9b31m \u202eevil \u2066x\u2069 \x7f \x00 \ud800 \U000e0041"
    shown = shorten(hostile)
    assert shown.isprintable()
    assert "\\x1b]0;title\\x07 \\x9b31m \\u202eevil" in shown
    assert shorten("Grüße 😀 שלום a\nb") == "Grüße 😀 שלום a b"
