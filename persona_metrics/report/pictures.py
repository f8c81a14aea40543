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
    small: bytes | None = None
    """The form for phones as SVG."""
    dark: bytes | None = None
    """The form for dark screens as SVG, where it is another."""
    dark_small: bytes | None = None

    @property
    def pictures(self) -> list[Picture]:
        """The pictures as data URIs: an SVG in ``img`` runs no script and loads nothing.

        Paper gets the one for light screens. A browser that prints takes the form that it has chosen for the screen, so
        the style sheet shows one of two pictures, and the dark one is no form of the light one.
        """
        light = _picture(self.svg.read_bytes(), self.small, "on-light" if self.dark is not None else "")
        return [light] if self.dark is None else [light, _picture(self.dark, self.dark_small, "on-dark")]


@dataclass(frozen=True)
class Picture:
    """A picture as data URIs: its usual form, and the one for phones; ``shown`` is its class in the style sheet."""

    source: str
    small: str | None
    shown: str


def _picture(svg: bytes, small: bytes | None, shown: str) -> Picture:
    # In a list of sources a blank ends an address, and the browser would leave the form out.
    return Picture(_data(svg), None if small is None else _data(small).replace(" ", "%20"), shown)


def _data(svg: bytes) -> str:
    # A hundredth of a point cannot be seen; more digits are half of a figure's bytes.
    svg = _PATHS.sub(lambda path: _GAPS.sub(rb"\1", _DIGITS.sub(rb"\1", path[0])), _BETWEEN.sub(b"", svg))
    # Letters are most of the rest: each is put in its place by the shortest attribute that does.
    svg = _NAMES.sub(rb"\1", _LETTERS.sub(rb' x="\1"/>', svg))
    svg = svg.replace(b"xlink:href", b"href").replace(b"DejaVuSans-", b"d")
    # An eighth shorter than base64, and nothing in it that HTML or the URI would read as its own.
    return "data:image/svg+xml," + quote(svg.decode("utf-8"), safe=" !$()*+,-./:;=?@[]_~")
