"""Figure of pass@k: the curve with its band and pass^k, and how many attempts the pairs needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BLUE, INK, ORANGE, PHONE, SOFT, Drawn, Subject, frame, on_phone, percent


def attempts(name: str, curve: pd.DataFrame, needed: pd.DataFrame, caption: str, model: str) -> Drawn:
    """Draw ``analysis``' curve and attempts tables side by side."""
    figure = Figure(figsize=(PHONE, 5.6) if on_phone() else (8.6, 3.2))
    down, across = (2, 1) if on_phone() else (1, 2)
    left = 0.13 if on_phone() else 0.07
    grid = figure.add_gridspec(down, across, left=left, right=0.98, bottom=0.05, top=0.93, wspace=0.24, hspace=0.4)
    _curve(figure.add_subplot(grid[0, 0]), curve)
    _needed(figure.add_subplot(grid[down - 1, across - 1]), needed)
    last = int(curve["k"].max()) if len(curve) else 0
    dotted = f" Dotted beyond k = {last // 2}: few independent draws of k among {last} attempts." if last > 1 else ""
    frame(
        figure,
        "Attempts",
        f"{model} · independent answers to the same prompt",
        f"{caption} Bands: 95% intervals over pairs. pass@k: at least one of k attempts is personalised; pass^k: all of"
        f" them.{dotted}",
    )
    return Drawn(name, "Attempts", caption, "pass@k and pass^k by k, and the attempts that the pairs needed.", figure)


def _curve(ax: Axes, curve: pd.DataFrame) -> None:
    k = curve["k"].to_numpy(float)
    noisy = curve["noisy"].to_numpy(bool)
    sets = (
        ("pass_at_k", "low", "high", BLUE, "o", "pass@k"),
        ("pass_hat_k", "hat_low", "hat_high", ORANGE, "s", "pass^k"),
    )
    for value, low, high, color, marker, name in sets:
        y = curve[value].to_numpy(float)
        ax.fill_between(
            k, curve[low].to_numpy(float), curve[high].to_numpy(float), color=color, alpha=0.18, linewidth=0
        )
        if len(k) == 1:
            ax.errorbar(k, y, yerr=[y - curve[low], curve[high] - y], fmt="none", ecolor=color, capsize=4)
        firm = ~noisy
        ax.plot(k[firm], y[firm], color=color, linewidth=1.7)
        start = max(0, int(firm.sum()) - 1)
        ax.plot(k[start:], y[start:], color=color, linewidth=1.4, linestyle=(0, (1.2, 1.6)))
        marked = np.isin(k, _steps(k))
        ax.plot(
            k[marked],
            y[marked],
            marker,
            color=color,
            markersize=4,
            mew=1.1,
            mfc=color if value == "pass_at_k" else "white",
        )
        ax.plot([], [], marker=marker, color=color, mfc=color if value == "pass_at_k" else "white", label=name)
    ax.set_ylim(-0.03, 1.04)
    ax.set_xscale("log", base=2)
    ticks = _steps(k)
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    percent(ax.yaxis, 0.25)
    ax.set_xlabel("attempts k", fontsize=8.4)
    ax.set_title("chance of success")
    ax.legend(loc="center right", fontsize=8)
    _plain(ax)


def _steps(k: Any) -> list[int]:
    """Return 1, 2, 4, … and the last k; a power of two that would run into the last one is left out."""
    last = int(k.max()) if len(k) else 1
    doubled = [2**i for i in range(int(np.log2(last)) + 1)]
    return [*(t for t in doubled if t < last / 1.25), last]


def _needed(ax: Axes, needed: pd.DataFrame) -> None:
    total = float(needed["pairs"].sum()) or 1.0
    met = needed[~needed["capped"].astype(bool)]
    never = needed[needed["capped"].astype(bool)]
    last = int(needed["attempts"].max()) if len(needed) else 1
    ax.bar(met["attempts"], met["pairs"] / total, color=BLUE, width=0.8)
    share = float(never["pairs"].sum()) / total
    place = last + max(1.6, 0.14 * last)
    wide = max(0.8, 0.06 * last)
    ax.bar([place], [share], color="white", edgecolor=ORANGE, hatch="////", width=wide, linewidth=1.2)
    ax.text(place, share, f"{100 * share:.0f}%\n", ha="center", va="bottom", fontsize=7.8, color=INK, linespacing=0.7)
    step = max(1, int(np.ceil(last / 8)))
    shown = [t for t in range(1, last + 1, step) if t + step * 0.75 <= last or t == last] + [last]
    ax.set_xticks([*dict.fromkeys(shown), place], [*(str(t) for t in dict.fromkeys(shown)), "never"])
    ax.set_xlim(0.2, place + max(0.9, 0.05 * last))
    peak = max(float((met["pairs"] / total).max()) if len(met) else 0.0, share)
    ax.set_ylim(0, max(0.05, min(peak * 1.2, 1.08)))
    # No share is above 100%, and so is no tick.
    percent(ax.yaxis, 0.25 if peak > 0.8 else None)
    ax.set_xlabel("attempts until the first success", fontsize=8.4)
    ax.set_title(f"share of pairs; hatched: none in {last}")
    _plain(ax)


def _plain(ax: Axes) -> None:
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.grid(visible=False, axis="x")
    ax.tick_params(labelsize=8, length=0, colors=SOFT)


def draw(subject: Subject) -> list[Drawn]:
    """Draw the curve and the attempts."""
    curve = subject.table("curve")
    if curve is None:
        return []
    return [attempts(f"{subject.prefix}-attempts", curve, subject.tables["attempts"], subject.caption, subject.model)]
