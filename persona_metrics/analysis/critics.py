"""The same answers under several critics: rates, contrasts, and whether the order of models depends on the critic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluations.contrast import ANOTHER
from ..statistics.agreement import agreement
from ..statistics.paired import paired_difference
from ..statistics.two_phase import Interval, plain_interval, variance
from .rates import LEVEL, clusters_of, codes, pairs, summary
from .words import count, listed, percent, plus_minus, points

Floats = NDArray[np.float64]
Frames = Mapping[str, Mapping[str, pd.DataFrame]]
"""Tidy frames of one task by critic and by model; the answers of a model are the same under each critic."""


@dataclass(frozen=True)
class Turn:
    """Two models whose order two critics do not agree on: first − second under each, and how far the two are apart.

    ``beyond_chance`` says that the interval of ``apart`` (paired by pair) leaves 0 out.
    """

    first: str
    second: str
    critics: tuple[str, str]
    differences: tuple[float, float]
    apart: Interval

    @property
    def beyond_chance(self) -> bool:
        """Whether the critics differ more than chance explains."""
        return self.apart.low > 0 or self.apart.high < 0


@dataclass(frozen=True)
class Critics:
    """One task under several critics.

    ``rates``: critic, model, row, value, low, high, n, missing. ``agreement``: first, second (critics), difference of
    their rates with its interval over the same answers, share of equal verdicts, κ. ``turns``: models whose order changes.
    """

    row: str
    rates: pd.DataFrame
    agreement: pd.DataFrame
    turns: tuple[Turn, ...]
    models: tuple[str, ...]


def compare(frames: Frames) -> Critics:
    """Return one task's numbers under each critic.

    A model's value on a pair is its contrast where the run has it, else the whole persona's verdict (the mean over
    attempts). Models are compared over the pairs that both have under both critics, errors clustered by persona and
    question. Critics are compared over all answers that both judged.
    """
    critics, models = list(frames), list(dict.fromkeys(model for by in frames.values() for model in by))
    values = {c: {m: _values(frame) for m, frame in by.items()} for c, by in frames.items()}
    contrast = any(_has_contrast(frame) for by in frames.values() for frame in by.values())
    rates = [
        {"critic": c, "model": m, "row": row, **{k: found[k] for k in ("value", "low", "high", "n", "missing")}}
        for c in critics
        for m, frame in frames[c].items()
        for row, found in _rates(frame, values[c][m], contrast)
    ]
    turns = [
        turn
        for one, two in itertools.combinations(models, 2)
        for a, b in itertools.combinations(critics, 2)
        if (turn := _turn(values, one, two, a, b)) is not None
    ]
    return Critics(
        "contrast" if contrast else "personalized",
        pd.DataFrame(rates),
        pd.DataFrame([_pair_of_critics(frames, a, b) for a, b in itertools.combinations(critics, 2)]),
        tuple(turns),
        tuple(models),
    )


def _has_contrast(frame: pd.DataFrame) -> bool:
    return bool(frame["variant"].astype(str).str.startswith(ANOTHER).any())


def _values(frame: pd.DataFrame) -> pd.DataFrame:
    """Return each pair's value (NaN: missing), with its persona and question, indexed by content."""
    about = pairs(frame)
    once = frame.drop_duplicates(["doc_id", "variant"], keep="last")
    own = once[(once["variant"] == "whole") | (once["attempt"] > 0)].groupby("doc_id")["personalized"].mean()
    value = own.reindex(about.index)
    if _has_contrast(frame):
        others = once[once["variant"].astype(str).str.startswith(ANOTHER)].groupby("doc_id")["personalized"].mean()
        value = value - others.reindex(about.index)
    persona, question = clusters_of(about)
    made = pd.DataFrame({"value": value, "persona": persona, "question": question})
    return made.set_index(about["content"]).groupby(level=0).first()


def _rates(frame: pd.DataFrame, values: pd.DataFrame, contrast: bool) -> list[tuple[str, dict[str, float]]]:
    about = pairs(frame)
    once = frame.drop_duplicates(["doc_id", "variant"], keep="last")
    own = once[(once["variant"] == "whole") | (once["attempt"] > 0)].groupby("doc_id")["personalized"].mean()
    found: list[tuple[str, dict[str, float]]] = [
        ("personalized", summary(own.reindex(about.index).to_numpy(float), clusters_of(about)))
    ]
    if contrast:
        kept = values.dropna(subset=["value"])
        ends = _mean(kept["value"].to_numpy(float), kept)
        n = len(kept)
        row = {"value": ends.value, "low": ends.low, "high": ends.high, "n": n, "missing": len(values) - n}
        found.insert(0, ("contrast", row))
    return found


def _mean(values: Floats, about: pd.DataFrame) -> Interval:
    n = len(values)
    if n < 2:
        return Interval(float(values.mean()) if n else math.nan, math.nan, math.nan, math.nan, n)
    influence = (values - values.mean()) / math.sqrt(n * (n - 1))
    clusters = tuple(codes(list(about[name])) for name in ("persona", "question"))
    return plain_interval(float(values.mean()), variance(influence, clusters), n, n - 1, (-2.0, 2.0), LEVEL)


def _turn(values: Mapping[str, Mapping[str, pd.DataFrame]], one: str, two: str, a: str, b: str) -> Turn | None:
    """Return what two critics make of two models where their orders differ; None where they agree or nothing is shared."""
    sides = [values[critic].get(model) for critic in (a, b) for model in (one, two)]
    if any(side is None for side in sides):
        return None
    joined = pd.concat(
        [side["value"].rename(i) for i, side in enumerate(sides) if side is not None], axis=1, join="inner"
    )
    joined = joined.dropna()
    if len(joined) < 2:
        return None
    under_a, under_b = (joined[0] - joined[1]).to_numpy(float), (joined[2] - joined[3]).to_numpy(float)
    differences = (float(under_a.mean()), float(under_b.mean()))
    if differences[0] * differences[1] >= 0:
        return None
    about = values[a][one].reindex(joined.index)
    return Turn(one, two, (a, b), differences, _mean(under_a - under_b, about))


def _pair_of_critics(frames: Frames, a: str, b: str) -> dict[str, object]:
    kept = []
    for model in frames[a]:
        if model not in frames[b]:
            continue
        names = ["content", "variant", "personalized", "persona_id", "question_id"]
        sides = [frames[c][model][frames[c][model]["answer_failure"].isna()][names] for c in (a, b)]
        once = [side.drop_duplicates(["content", "variant"]) for side in sides]
        kept.append(once[0].merge(once[1][names[:3]], on=names[:2], suffixes=("_a", "_b")).dropna())
    both = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()
    if not len(both):
        return {"first": a, "second": b, "n": 0}
    first, second = (both[f"personalized_{side}"].to_numpy(float) for side in "ab")
    clusters = [codes(list(both[name])) for name in ("persona_id", "question_id")]
    found = paired_difference(first, second, LEVEL, clusters)
    agreed = agreement(first, second, None, clusters)
    return {
        "first": a,
        "second": b,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "agreement": agreed.agreement.value,
        "kappa": agreed.kappa.value,
        "kappa_low": agreed.kappa.low,
        "kappa_high": agreed.kappa.high,
    }


def sentences(found: Critics, task: str) -> list[str]:
    """Return what the critics say in words, and whether the order of models depends on them."""
    said = []
    for critic, rows in found.rates.groupby("critic", sort=False):
        main = rows[rows["row"] == found.row].sort_values("value", ascending=False, kind="stable")
        said.append(f"{task} by {critic}: " + ", ".join(f"{r['model']} {_value(r)}" for r in main.to_dict("records")))
    for row in found.agreement.to_dict("records"):
        if not row["n"]:
            said.append(f"{row['first']} and {row['second']} judged no answer both.")
            continue
        said.append(
            f"On the same {count(row['n'], 'answer')} {row['first']} passes"
            f" {points(row['difference'], row['low'], row['high'])} more than {row['second']}; they agree on"
            f" {percent(row['agreement'])} (κ {row['kappa']:.2f})."
        )
    if len(found.models) > 1:
        said.append(order(found))
    return said


def _value(row: Mapping[Any, Any]) -> str:
    if row["row"] == "contrast":
        return points(row["value"], row["low"], row["high"])
    return plus_minus(row["value"], row["low"], row["high"])


def order(found: Critics) -> str:
    """Return whether the order of models depends on the critic, and which of them turn round."""
    if not found.turns:
        return "The order of models does not depend on the critic."
    sure = [turn for turn in found.turns if turn.beyond_chance]
    if not sure:
        names = listed(dict.fromkeys(f"{t.first} and {t.second}" for t in found.turns))
        return (
            f"No order of models is shown to depend on the critic; {names} change places within what chance explains."
        )
    return "The order of models depends on the critic: " + "; ".join(map(_turned, sure)) + "."


def _turned(turn: Turn) -> str:
    one, two = (points(value) for value in turn.differences)
    return (
        f"{turn.first} less {turn.second} is {one} by {turn.critics[0]} and {two} by {turn.critics[1]}"
        f" (apart by {points(turn.apart.value, turn.apart.low, turn.apart.high)})"
    )
