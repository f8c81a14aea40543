"""How numbers read: shares, intervals, counts, p-values. Rounding never claims all, nothing or certainty."""

from __future__ import annotations

import math
import re
from typing import Any


def percent(value: float) -> str:
    """Return a share as per cent; rounding never claims all or nothing."""
    if math.isnan(value):
        return "–"
    rounded = f"{100 * value:.0f}"
    if rounded == "100" and value < 1:
        return "over 99%"
    return "under 1%" if rounded == "0" and value > 0 else f"{rounded.replace('-0', '0')}%"


def plus_minus(value: float, low: float, high: float) -> str:
    """Return ``62% ± 5``, or both ends where the interval is lopsided or reaches an end."""
    if math.isnan(low) or math.isnan(high):
        return percent(value)
    down, up = 100 * (value - low), 100 * (high - value)
    if abs(down - up) < 1.5 and 0.01 < value < 0.99 and max(down, up) >= 0.5:
        return f"{percent(value)} ± {max(down, up):.0f}"
    return f"{percent(value)} ({100 * low:.0f} to {100 * high:.0f})"


def points(value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Return a difference as ``+3.4 points (-1.0 to +7.9)``; no sign where it rounds to nothing."""
    said = f"{signed(value)} points"
    return said if math.isnan(low) or math.isnan(high) else f"{said} ({signed(low)} to {signed(high)})"


def signed(value: float) -> str:
    """Return a difference of shares in points with its sign, ``0.0`` without one."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def unbroken(text: str) -> str:
    """Return the text with what p is on the line of its p, whatever the width."""
    return re.sub(r"\bp ([≤<=>]) (?=\d)", "p\u00a0\\1\u00a0", text)


def p_value(p: float) -> str:
    """Return ``p = 0.03``, or ``p < 0.001``: below that, flips and rounding tell nothing apart."""
    if math.isnan(p):
        return "not tested"
    # 1 of 1,000 flips is the least that a permutation of so many can say.
    return "p < 0.001" if p < 0.00105 else f"p = {p:.2g}" if p < 0.995 else "p = 1"


def count(number: float, noun: str, plural: str | None = None) -> str:
    """Return ``1 pair`` or ``300 pairs``."""
    return f"{number:,.0f} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Any, most: int = 6) -> str:
    """Return the names with commas, the last with "and"; beyond ``most`` how many more there are."""
    texts = [str(name) for name in names]
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) if texts else ""
