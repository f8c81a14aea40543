"""A plan as text: a table of what it takes, and one of what it can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..analysis.words import count
from ..costs.prices import UNKNOWN, dollars
from .plan import Row, Side, total
from .tokens import Range

_TAKES = ("task", "generations", "judgements", "tokens in", "tokens out", "model", "critic", "time")
_SHOWS = ("task", "pairs", "rate ±", "difference", "importance", "smallest group")


def lines(rows: Sequence[Row], checks: int, discordance: float) -> Iterator[str]:
    """Yield the plan's lines."""
    table = [_TAKES, *(_takes(one.task, one.generations, one.judgements, one.model, one.critic) for one in rows)]
    if len(rows) > 1:
        generations, judgements = sum(r.generations for r in rows), sum(r.judgements for r in rows)
        table.append(
            _takes("all", generations, judgements, total(rows, lambda r: r.model), total(rows, lambda r: r.critic))
        )
    yield from _aligned(table)
    yield ""
    yield from _aligned([_SHOWS, *(_shows(one) for one in rows)])
    yield ""
    yield (
        "rate ±: half the 95% interval at a rate of one half. difference: the smallest between two models over the same pairs"
        f" that is told apart in four of five runs, where {discordance:.0%} of pairs differ at all. importance: the smallest"
        " that survives the correction for its items."
    )
    stored, most = sum(r.stored for r in rows), sum(r.at_most for r in rows)
    judgements = sum(r.judgements for r in rows)
    if stored:
        yield f"{stored:,} judgements are in the store and cost nothing."
    if most > judgements + stored:
        yield (
            f"Judgements: at most {most:,}; the same prompt is taken to get the same answer, which is judged once, whichever"
            " task asks."
        )
    if checks:
        yield f"Before the run, {count(checks, 'call')} more: whether the critic answers as it should."
    yield from _grounds(rows)


def _grounds(rows: Sequence[Row]) -> Iterator[str]:
    for name, side in (("model", total(rows, lambda r: r.model)), ("critic", total(rows, lambda r: r.critic))):
        if side.calls:
            price = side.price_source or UNKNOWN
            yield f"{name}: tokens by {side.tokens_by}; price: {price}; time: {_time_by(side)}"


def _time_by(side: Side) -> str:
    return "no past call to go by" if side.seconds is None else "by past calls at this concurrency"


def _takes(task: str, generations: int, judgements: int, model: Side, critic: Side) -> tuple[str, ...]:
    seconds = None if model.seconds is None or critic.seconds is None else model.seconds + critic.seconds
    return (
        task,
        f"{generations:,}",
        f"{judgements:,}",
        _band(model.tokens_in.plus(critic.tokens_in)),
        _band(model.tokens_out.plus(critic.tokens_out)),
        _money(model),
        _money(critic),
        _duration(seconds),
    )


def _money(side: Side) -> str:
    if not side.calls:
        return "–"
    if side.price is None:
        return UNKNOWN
    low, mid, high = (dollars(v) for v in (side.price.low, side.price.mid, side.price.high))
    return mid if low == high else f"{mid} ({low}–{high})"


def _band(found: Range) -> str:
    if not found.high:
        return "–"
    low, mid, high = (_short(v) for v in (found.low, found.mid, found.high))
    return mid if low == high else f"{mid} ({low}–{high})"


def _short(value: float) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.0f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _shows(one: Row) -> tuple[str, ...]:
    shows = one.shows
    items = "–" if shows.importance is None else f"{_points(shows.importance)} of {shows.items}"
    group = "–"
    if shows.smallest_group is not None and shows.smallest_half_width is not None:
        group = (
            f"{shows.smallest_group}: {count(shows.smallest_n or 0, 'pair')}, ± {100 * shows.smallest_half_width:.0f}"
        )
    return (one.task, f"{one.pairs:,}", f"{100 * shows.half_width:.1f}", _points(shows.difference), items, group)


def _points(value: float) -> str:
    return "none" if value != value or value >= 1 else f"{100 * value:.1f} points"


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        yield "  ".join(
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
