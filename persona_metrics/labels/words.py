"""What labels say of a run, in lines for a terminal and sentences for a page. Makes no number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..analysis.words import count, listed, p_value, percent, plus_minus, points
from ..statistics.two_phase import Interval
from .agree import Agreed
from .groups import Group
from .records import CELLS
from .units import ENOUGH, Rate


def share(value: Interval) -> str:
    """Return a share with its interval."""
    return "–" if math.isnan(value.value) else plus_minus(value.value, value.low, value.high)


def number(value: Interval) -> str:
    """Return a coefficient with its interval."""
    if math.isnan(value.value):
        return "– (all alike)"
    ends = "" if math.isnan(value.low) else f" ({value.low:.2f} to {value.high:.2f})"
    return f"{value.value:.2f}{ends}"


def headline(found: Agreed) -> str:
    """Return agreement and corrected rate as one sentence."""
    a = found.agreement
    kappa = f"κ {number(a.kappa)}, {count(found.labels, 'label')}"
    said = f"The critic agrees with people on {share(a.agreement)} of answers ({kappa})"
    if not found.rates:
        return f"{said}; fewer than {ENOUGH} of a kind correct no rate."
    return f"{said}. {corrected(found.rates[0])}"


def corrected(rate: Rate) -> str:
    """Return a corrected rate beside what people alone would give, and what halving its interval would take."""
    r = rate.result
    more = (
        f"{count(r.more, 'more label')} would halve it"
        if r.more is not None
        else f"labels on all {rate.answers:,} answers would not halve it"
    )
    return (
        f"Corrected by people {share(r.found)} fit, where the critic says {percent(rate.critic)}; people alone would give"
        f" {share(r.people)}, and {more}.{_worth(r.found, r.people)}"
    )


def _worth(found: Interval, people: Interval) -> str:
    gained = 1 - (found.high - found.low) / max(1e-9, people.high - people.low)
    return " The critic adds little to the labels." if gained < 0.1 else ""


def kindness(found: Agreed) -> str:
    """Return to whom the critic is kinder, or that nothing shows it; empty without groups."""
    tested = [g for g in found.groups if g.apart is not None]
    if not tested:
        few = f"no group has {ENOUGH} labels on either side"
        return f"Whether the critic is kinder to some: {few}." if found.groups else ""
    told = [g for g in tested if g.p_adjusted < 0.05 and g.apart is not None]
    if not told:
        return (
            f"Nothing shows that the critic is kinder to some than to others ({count(len(tested), 'group')} compared)."
        )
    return " ".join(_kinder(g) for g in told)


def _kinder(group: Group) -> str:
    assert group.apart is not None
    how = "kinder" if group.apart.value > 0 else "harder"
    said = points(group.apart.value, group.apart.low, group.apart.high)
    return f"The critic is {how} to {group.attribute}={group.group} than to the others: {said}, {p_value(group.p_adjusted)}."


def lines(found: Agreed) -> list[str]:
    """Return all of it for a terminal."""
    a = found.agreement
    weighted = "weighted as drawn" if found.by_weights else "as a simple random draw"
    said = [
        f"{found.answers.name}: {count(found.labels, 'label')} of {count(len(found.answers.items), 'judged answer')}"
        f" by {listed(found.raters)}, {weighted}",
        "",
        *_table(
            ("", "95% interval"),
            [
                ("agreement", share(a.agreement)),
                ("Cohen's κ", number(a.kappa)),
                ("Gwet's AC1", number(a.ac1)),
                ("sensitivity (asks for a revision where people do)", share(a.sensitivity)),
                ("specificity (asks for none where people do not)", share(a.specificity)),
                *([("Krippendorff's α among raters", number(found.between))] if found.between else []),
            ],
        ),
        "",
        *_table(
            ("", "labels", "share of answers"),
            [(name, str(n), percent(s)) for name, n, s in zip(CELLS, a.cells, a.shares, strict=True)],
        ),
    ]
    if found.rates:
        rows = [
            (r.row, percent(r.critic), share(r.result.found), share(r.result.people), str(r.result.found.n), _more(r))
            for r in found.rates
        ]
        said += ["", *_table(("rate", "critic", "corrected", "people alone", "labels", "more to halve"), rows)]
    if found.differences:
        rows_of = [(name, points(v.value, v.low, v.high)) for name, v in found.differences.items()]
        said += ["", *_table(("difference, corrected", ""), rows_of)]
    if found.groups:
        said += [
            "",
            *_table(("group", "labels", "critic", "corrected", "critic kinder by", "than to others"), _groups(found)),
        ]
    said += ["", headline(found), kindness(found), found.warning]
    said += [
        f"{count(found.undecided, 'answer')} where raters cannot tell, or are split, left out"
        if found.undecided
        else ""
    ]
    said += [f"note: {note}" for note in found.notes]
    return [line for at, line in enumerate(said) if line or (at < len(said) - 5 and at)]


def _more(rate: Rate) -> str:
    return "not here" if rate.result.more is None else f"{rate.result.more:,}"


def _groups(found: Agreed) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for g in found.groups:
        if g.rate is None or g.kinder is None:
            rows.append((f"{g.attribute}={g.group}", str(g.labels), "", "too few labels", "", ""))
            continue
        apart = (
            "" if g.apart is None else f"{points(g.apart.value, g.apart.low, g.apart.high)}, {p_value(g.p_adjusted)}"
        )
        kinder = points(g.kinder.value, g.kinder.low, g.kinder.high)
        rows.append(
            (
                f"{g.attribute}={g.group}",
                str(g.labels),
                percent(g.rate.critic),
                share(g.rate.result.found),
                kinder,
                apart,
            )
        )
    return rows


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in ((head, *rows) if any(head) else rows)
    ]


def compared(differences: Mapping[tuple[str, str], Interval], task: str) -> list[str]:
    """Return the differences of models' corrected rates, a line each."""
    made = []
    for (one, two), value in differences.items():
        told = "told apart" if value.low > 0 or value.high < 0 else "cannot be told apart"
        made.append(f"{task}: {one} less {two}, corrected: {points(value.value, value.low, value.high)}: {told}.")
    return made
