"""How the figures look: readable in grey and by colour-blind people, sized to what they hold. Knows no run and no table."""

from __future__ import annotations

import io
import logging
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FixedLocator, FuncFormatter
from matplotlib.transforms import Bbox

from ...analysis.words import unbroken
from ...files import write_bytes

INK, SOFT, LINE = "#1f2933", "#5b6770", "#c9d1d8"
BLUE, ORANGE, GREEN = "#0a5a9c", "#d6801f", "#2a9d78"
"""Okabe and Ito's order, with lightnesses that stay apart in grey; a marker or a hatch always says the same."""
ROW = 0.27
"""Height of one row of a chart, in inches."""
DPI = 200


PHONE = 3.3
"""Width of a phone's figure, in inches: on a screen of 390 px its smallest text is 11 px high."""
_SMALLEST, _ROW_UNITS = 8.4, 1.9
"""On a phone: the smallest text in points, and how much higher a row is, since its label stands above its point."""
_phone: ContextVar[bool] = ContextVar("phone", default=False)


@contextmanager
def phone() -> Iterator[None]:
    """Draw what is drawn meanwhile in a phone's proportions: one chart below the other, each row's label above its point."""
    token = _phone.set(True)
    try:
        yield
    finally:
        _phone.reset(token)


def on_phone() -> bool:
    """Whether a phone's figure is being drawn."""
    return _phone.get()


@dataclass(frozen=True)
class Subject:
    """What one task's figures are made of: the tables of ``analysis``, the headline's rate, and what a caption says."""

    prefix: str
    tables: Mapping[str, Any]
    overall: Mapping[str, float]
    caption: str
    model: str
    metadata: Mapping[str, Any]

    def table(self, name: str) -> Any:
        """Return a table, None where there is none or it is empty."""
        found = self.tables.get(name)
        return found if found is not None and len(found) else None


@dataclass(frozen=True)
class Drawn:
    """A finished figure: its file name without ending, a title, a caption, and a text that stands for it."""

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure
    dark: Figure | None = None
    """The same for dark pages, where the one that is turned over would read the other way round."""


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style for the time of drawing and saving."""
    rc = {
        **sns.axes_style("whitegrid"),
        **sns.plotting_context("paper", font_scale=1.05),
        "font.family": "sans-serif",
        "font.sans-serif": _fonts(),
        "text.color": INK,
        "axes.labelcolor": SOFT,
        "axes.edgecolor": LINE,
        "axes.titlesize": 9.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.linewidth": 0.8,
        "grid.color": "#e6eaee",
        "xtick.color": SOFT,
        "ytick.color": INK,
        "legend.frameon": False,
        # "$52,000 to $60,000" is a text, not a formula.
        "text.parse_math": False,
        # Text as outlines: the page's reader need not have the fonts.
        "svg.fonttype": "path",
        # The same figure gives the same bytes.
        "svg.hashsalt": "persona-metrics",
        "hatch.linewidth": 0.6,
    }
    # A font that is here in one weight alone is as good.
    silenced = logging.getLogger("matplotlib.font_manager")
    level = silenced.level
    silenced.setLevel(logging.ERROR)
    try:
        with mpl.rc_context(rc):
            yield
    finally:
        silenced.setLevel(level)


@cache
def _fonts() -> list[str]:
    """Return those of the fonts that are here: matplotlib looks each up for every text."""
    here = {font.name for font in fontManager.ttflist}
    return [name for name in ("DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Arial") if name in here]


def save(drawn: Drawn, folder: Path) -> list[Path]:
    """Write the figure as PNG (200 dpi) and SVG and return both paths."""
    paths = []
    for ending in ("png", "svg"):
        path = folder / f"{drawn.name}.{ending}"
        write_bytes(path, _bytes(drawn.figure, ending, 0.12))
        paths.append(path)
    return paths


def svg_bytes(figure: Figure) -> bytes:
    """Return the figure as SVG."""
    return _bytes(figure, "svg", 0.06)


def _bytes(figure: Figure, ending: str, pad: float) -> bytes:
    """Return the figure as PNG or SVG, cut to what it takes and ``pad`` inches around it."""
    picture, png = io.BytesIO(), ending == "png"
    chosen: Any = {"dpi": DPI, "metadata": {"Software": None}} if png else {"metadata": {"Date": None}}
    with styled(), np.errstate(all="ignore"):
        around = _taken(figure, png=png).padded(pad)
        figure.savefig(picture, format=ending, bbox_inches=around, facecolor="white", **chosen)
    return picture.getvalue()


def _taken(figure: Figure, *, png: bool) -> Bbox:
    """Return what the figure takes, in inches, as ``bbox_inches="tight"`` has it, which draws it once more to know it."""
    canvas, before = figure.canvas, figure.dpi
    figure.dpi = DPI if png else 72
    try:
        if png:
            renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
        else:
            renderer = RendererSVG(*figure.bbox.size, io.StringIO(), image_dpi=72)  # type: ignore[no-untyped-call]
        return figure.get_tightbbox(renderer)
    finally:
        figure.dpi = before
        figure.set_canvas(canvas)


def clean(text: object) -> str:
    """Return a persona's or a model's text on one line, without what a font cannot draw."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def label(text: object, width: int = 24, lines: int = 2) -> str:
    """Return the text wrapped to ``lines`` of ``width`` characters, the rest cut with an ellipsis."""
    return "\n".join(textwrap.wrap(clean(text), width, max_lines=lines, placeholder="…", break_long_words=True) or [""])


def _lines(text: object, width: int) -> list[str]:
    """Return the text in lines of ``width`` characters."""
    return textwrap.wrap(unbroken(clean(text)), width)


def middle(text: object, width: int = 30) -> str:
    """Return a name on one line, its middle left out where it is too long: models differ at their ends."""
    name = clean(text)
    if len(name) <= width:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"


def percent(axis: Any, step: float | None = None, *, signed: bool = False) -> None:
    """Show an axis' shares as per cent, or differences as points with their sign."""

    def shown(value: float, _: object = None) -> str:
        points = round(100 * value, 6)
        text = f"{points:+.4g}" if signed and points else f"{points:.4g}"
        return text if signed else f"{text}%"

    axis.set_major_formatter(FuncFormatter(shown))
    if step:
        axis.set_major_locator(FixedLocator(list(np.arange(0, 1 + step / 2, step))))


def dots(
    ax: Axes,
    rows: Sequence[float],
    values: Any,
    low: Any,
    high: Any,
    *,
    hollow: Any = False,
    color: str = BLUE,
    marker: str = "o",
    size: float = 5.5,
    name: str | None = None,
) -> None:
    """Draw one point with its interval a row, hollow where told."""
    x, lo, hi, at = (np.asarray(v, float) for v in (values, low, high, rows))
    empty = np.broadcast_to(np.asarray(hollow, bool), x.shape)
    known = ~np.isnan(x) & ~np.isnan(lo) & ~np.isnan(hi)
    reach = np.maximum(np.stack([x - lo, hi - x])[:, known], 0.0)
    ax.errorbar(x[known], at[known], xerr=reach, fmt="none", ecolor=color, elinewidth=1.5, capsize=2.4, capthick=1.1)
    for part, face in ((empty, "white"), (~empty, color)):
        ax.plot(x[part], at[part], marker, color=color, markerfacecolor=face, markersize=size, mew=1.3, zorder=3)
    if name:
        face = "white" if empty.all() else color
        ax.plot([], [], marker=marker, color=color, mfc=face, markersize=size, mew=1.3, label=name, linestyle="-")


def square(size: float, across: str, up: str) -> tuple[Figure, Axes]:
    """Return a square figure of ``size`` inches with one chart and what its two axes are."""
    size = min(size, PHONE - 0.3) if on_phone() else size
    figure = Figure(figsize=(size, size))
    ax = figure.add_axes((0.12, 0.12, 0.86, 0.86))
    ax.tick_params(labelsize=8)
    ax.set_xlabel(across, fontsize=8.4)
    ax.set_ylabel(up, fontsize=8.4)
    return figure, ax


def two(subject: Subject, first: Callable[[], Drawn], second: str, rest: Callable[[Any], Drawn]) -> list[Drawn]:
    """Return the main figure, and the one of the table ``second`` where there is such a table."""
    drawn, table = [first()], subject.table(second)
    return drawn if table is None else [*drawn, rest(table)]


def rows_axis(ax: Axes, labels: Sequence[str], *, grid: str = "x") -> None:
    """Put one label a row, the first on top; on a phone above its point."""
    ax.set_yticks(range(len(labels)), [""] * len(labels) if on_phone() else labels)
    ax.set_ylim(len(labels) - 0.4, -0.8 if on_phone() else -0.6)
    if on_phone():
        ax.set_gid(_ROWS)
        place = ax.get_yaxis_transform()
        for row, text in enumerate(labels):
            ax.text(0, row - 0.18, text, fontsize=_SMALLEST, linespacing=0.95, bbox=_CLEAR, transform=place, **_ABOVE)
    ax.grid(visible=False, axis="both")
    ax.grid(visible=True, axis=grid, color="#e6eaee", linewidth=0.8)  # type: ignore[arg-type]
    ax.tick_params(length=0)
    sns.despine(ax=ax, left=True, bottom=True)


def side_notes(ax: Axes, texts: Sequence[str], title: str = "", at: float = 1.02) -> None:
    """Write one short text a row at the right of the chart."""
    place = ax.get_yaxis_transform()
    if on_phone():
        for row, text in enumerate(texts):
            said = f"{title} {text}" if title == "n" else text
            right = {**_ABOVE, "ha": "right", "color": SOFT}
            ax.text(1, row - 0.18, said, transform=place, fontsize=_SMALLEST, bbox=_CLEAR, **right)
        return
    for row, text in enumerate(texts):
        ax.text(at, row, text, transform=place, va="center", ha="left", fontsize=7.6, color=SOFT)
    if title:
        ax.text(at, -0.75, title, transform=place, va="bottom", ha="left", fontsize=7.6, color=SOFT, fontweight="bold")


def frame(figure: Figure, title: str, subtitle: str, caption: str) -> None:
    """Write title and subtitle above everything that is drawn so far, and the wrapped caption below it."""
    FigureCanvasAgg(figure)
    if on_phone():
        _narrow(figure)
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        if not axis.label.get_text():
            # The place of a label that says nothing is looked for among all ticks, at every drawing.
            axis.set_label_coords(0.5, 0.5)
    width, height = figure.get_figwidth(), figure.get_figheight()
    box = figure.get_tightbbox()
    left = box.x0 / width
    across = 46 if on_phone() else max(44, int(max(box.width, 3.4) * 15.8))
    wrapped = "\n".join(_lines(caption, across))
    under = _lines(subtitle, across - 2) if on_phone() else [clean(subtitle)]
    named = textwrap.wrap(clean(title), 30) if on_phone() else [clean(title)]
    above = box.y1 + 0.2 + 0.14 * len(under)
    figure.text(left, above / height, "\n".join(named), fontsize=12, fontweight="bold", va="bottom", ha="left")
    figure.text(
        left,
        (box.y1 + 0.14) / height,
        "\n".join(under),
        fontsize=8.6,
        va="bottom",
        ha="left",
        color=SOFT,
        linespacing=1.1,
    )
    size = _SMALLEST if on_phone() else 7.6
    below = figure.text(left, (box.y0 - 0.14) / height, wrapped, va="top", ha="left", fontsize=size, color=SOFT)
    below.set_linespacing(1.4)


_ABOVE: dict[str, Any] = {"va": "bottom", "ha": "left", "zorder": 4}
_CLEAR = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.4}
"""A label above its point stands on its own ground: lines of the chart pass behind it."""
_ROWS = "rows"
"""Marks charts that have one row a label."""


def _narrow(figure: Figure) -> None:
    """Give charts of rows a phone's whole width and higher rows, and no text less than the smallest size."""
    listed = [ax for ax in figure.axes if ax.get_gid() == _ROWS]
    if listed:
        _stack(figure, sorted(listed, key=lambda ax: -ax.get_position().y1))
    for ax in listed:
        if (title := ax.get_title(loc="left")) and len(title) > 44:
            ax.set_title("\n".join(_lines(title, 44)), fontsize=8.6, pad=8)
    for ax in figure.axes:
        ax.tick_params(labelsize=max(_SMALLEST, 0.0))
        for text in (ax.xaxis.label, ax.yaxis.label, *ax.texts):
            text.set_fontsize(max(_SMALLEST, float(text.get_fontsize())))
        ax.set_xlabel("\n".join(textwrap.wrap(ax.get_xlabel(), 46)))
        ax.set_ylabel("\n".join(textwrap.wrap(ax.get_ylabel(), 34)))
    for legend in (*figure.legends, *(found for ax in figure.axes if (found := ax.get_legend()))):
        for text in legend.get_texts():
            text.set_fontsize(_SMALLEST)


def _stack(figure: Figure, charts: Sequence[Axes]) -> None:
    """Make charts that lie one below the other higher, and leave the gaps between them as they are."""
    before = figure.get_figheight()
    boxes = [ax.get_position() for ax in charts]
    gaps = [max(0.0, (one.y0 - two.y1) * before) for one, two in pairwise(boxes)]
    heights = [box.height * before * _ROW_UNITS for box in boxes]
    whole = sum(heights) + sum(gaps)
    figure.set_size_inches(PHONE, whole)
    top = whole
    for ax, height, gap in zip(charts, heights, [*gaps, 0.0], strict=True):
        ax.set_position((0.03, (top - height) / whole, 0.92, height / whole))
        top -= height + gap


def span(ax: Axes, low: Any, high: Any, *, least: float = 0.05) -> None:
    """Let the axis reach as far as the intervals do, to 0 and at least ``least`` to the side where they are.

    A scale as long on the empty side of 0 would spend half the chart on nothing.
    """
    ends = np.asarray([*np.ravel(np.asarray(low, float)), *np.ravel(np.asarray(high, float))], float)
    known = ends[np.isfinite(ends)]
    left, right = (min(0.0, float(known.min())), max(0.0, float(known.max()))) if len(known) else (0.0, 0.0)
    if right - left < least:
        left, right = (left, left + least) if right >= -left else (right - least, right)
    edge = 0.06 * (right - left)
    ax.set_xlim(left - edge, right + edge)
