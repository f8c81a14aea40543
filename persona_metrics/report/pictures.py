"""Figures as the page holds them: data URIs, for each screen its form, without the bytes that nobody sees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_DIGITS = re.compile(rb"(\d\.\d{2})\d+")
_PATHS = re.compile(rb' d="[^"]*"|translate\([^)]*\)')
_GAPS = re.compile(rb"\s*([A-Za-z])\s+")
_LETTERS = re.compile(rb' transform="translate\((-?[\d.]+) 0\)"/>')
_NAMES = re.compile(rb'(<g) id="[^"]*"')
_BETWEEN = re.compile(rb"<metadata>.*?</metadata>|<!--.*?-->|^ +|\n(?=<)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class FigureFile:
    """A saved figure and the section it stands in."""

    section: str
    title: str
    caption: str
    alt: str
    svg: Path
    others: tuple[tuple[str, bytes], ...] = ()
    """Other forms as SVG, each with the screens that get it (a media query)."""

    @property
    def source(self) -> str:
        """The picture as a data URI: an SVG in ``img`` runs no script and loads nothing."""
        return _data(self.svg.read_bytes())

    @property
    def sources(self) -> list[tuple[str, str]]:
        """The other forms as data URIs."""
        return [(media, _data(svg)) for media, svg in self.others]


def _data(svg: bytes) -> str:
    # A hundredth of a point cannot be seen; more digits are half of a figure's bytes.
    svg = _PATHS.sub(lambda path: _GAPS.sub(rb"\1", _DIGITS.sub(rb"\1", path[0])), _BETWEEN.sub(b"", svg))
    # Letters are most of the rest: each is put in its place by the shortest attribute that does.
    svg = _NAMES.sub(rb"\1", _LETTERS.sub(rb' x="\1"/>', svg))
    svg = svg.replace(b"xlink:href", b"href").replace(b"DejaVuSans-", b"d")
    # An eighth shorter than base64, and nothing in it that HTML or the URI would read as its own.
    return "data:image/svg+xml," + quote(svg.decode("utf-8"), safe=" !$()*+,-./:;=?@[]_~")
