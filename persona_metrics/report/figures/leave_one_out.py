"""Figure of leave-one-out: importances sorted, with intervals, and which survive the correction for testing many."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...evaluations.leave_one_out import PLACEBO
from .main import p_text
from .style import BLUE, ORANGE, ROW, SOFT, Drawn, Subject, dots, frame, label, percent, rows_axis, side_notes, span


def importances(name: str, table: pd.DataFrame, caption: str, model: str) -> Drawn:
    """Draw ``analysis``' importance table, the largest on top; filled where it survives, hollow where it does not."""
    floor = table[(table["item"] == PLACEBO) & (table["n"] > 0)]
    table = table[table["item"] != PLACEBO]
    rows = table.sort_values("difference", ascending=False, kind="stable", na_position="last")
    survives = rows["survives"].to_numpy(bool)
    turned = rows["undetermined"].fillna(False).to_numpy(bool)
    labels = [label(item, 26) + (" ?" if t else "") for item, t in zip(rows["item"], turned, strict=True)]
    figure = Figure(figsize=(6.6, ROW * len(rows) + 0.3))
    ax = figure.add_axes((0.27, 0, 0.58, 1))
    rows_axis(ax, labels)
    dots(ax, range(len(rows)), rows["difference"], rows["low"], rows["high"], hollow=~survives, color=BLUE)
    for row, (low, high) in enumerate(zip(rows["bound_low"], rows["bound_high"], strict=True)):
        if not np.isnan(low) and high > low:
            ax.plot([low, high], [row + 0.3, row + 0.3], color=ORANGE, linewidth=2.2, solid_capstyle="butt", zorder=1)
    if len(floor):
        ax.axvspan(
            float(floor["low"].iloc[0]), float(floor["high"].iloc[0]), color=SOFT, alpha=0.16, linewidth=0, zorder=0
        )
    ax.axvline(0, color=SOFT, linewidth=0.9, zorder=1)
    bounds = [*rows["bound_low"].fillna(0), *rows["bound_high"].fillna(0)] if turned.any() else []
    noisy = [*floor["low"], *floor["high"]]
    span(ax, [*rows["low"], *bounds, *noisy], rows["high"])
    percent(ax.xaxis, signed=True)
    ax.locator_params(axis="x", nbins=7)
    ax.tick_params(axis="both", labelsize=8)
    ax.set_xlabel("points lost when the attribute is left out", fontsize=8.4)
    side_notes(ax, [p_text(p) for p in rows["p_adjusted"]], "adjusted")
    wide = (
        " Short bar below a point: where missing verdicts alone could put it."
        if (rows["bound_high"] > rows["bound_low"]).any()
        else ""
    )
    doubt = " ?: missing verdicts could turn the sign." if turned.any() else ""
    noise = " Grey band: the whole persona asked twice, the noise of sampling and critic." if len(floor) else ""
    frame(
        figure,
        "What knowing an attribute is worth",
        f"{model} · rate with the whole persona less rate without it",
        f"{caption} Paired differences with 95% intervals. Filled: survives the step-down max-T correction over"
        f" {len(rows)} tests at 5%; hollow: does not.{noise}{wide}{doubt}",
    )
    kept = [str(i) for i, s in zip(rows["item"], survives, strict=True) if s]
    alt = f"Importances of {len(rows)} items. Surviving the correction: {', '.join(kept) or 'none'}."
    return Drawn(name, "Importance of attributes", caption, alt, figure)


def draw(subject: Subject) -> list[Drawn]:
    """Draw the importances."""
    rows = subject.table("importance")
    return [] if rows is None else [importances(f"{subject.prefix}-importance", rows, subject.caption, subject.model)]
