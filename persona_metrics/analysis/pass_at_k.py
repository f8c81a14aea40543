"""Pass@k: the whole curve with errors, and how many attempts a pair takes. One population of pairs for every k."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.pass_at_k import DISTINCT, PassAtK
from ..statistics.attempts import Completed, completed, curves, fitted_prior
from ..statistics.rates import pass_at_k, pass_hat_k
from .rates import NAN, by_variant, clusters_of, headline, pairs, summary
from .words import count, percent, plus_minus

_CURVE = [
    "k",
    "pass_at_k",
    "stderr",
    "low",
    "high",
    "pass_hat_k",
    "hat_stderr",
    "hat_low",
    "hat_high",
    "n",
    "noisy",
    "bound_low",
    "bound_high",
    "hat_bound_low",
    "hat_bound_high",
]
_TRIES = ["attempts", "judged", "missing", "pairs_touched", "pairs", "distinct"]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return ``headline`` (pass@1, pass@2, … doubling to K), ``curve`` (every k to K), ``attempts`` and ``tries``.

    Every pair with a verdict is in every row (``n``), its missing attempts completed as ``statistics.attempts`` says; the
    bounds are over all pairs and fill them with failures and with successes, and no estimate lies outside. ``noisy`` marks
    k > K/2, where a pair's estimate rests on few independent draws. ``attempts`` is the distribution of the attempts until
    the first success, over the orders in which they could have come; the pairs that never succeed are one more row at K,
    ``capped``. ``tries`` counts attempts: judged, missing, on how many pairs, and the mean share of distinct answers.
    """
    about = pairs(frame)
    k = int(metadata.get("k") or frame["attempt"].max() or 1) if len(frame) else int(metadata.get("k") or 1)
    judged, passed = _counts(frame, about)
    # An attempt that left no row at all lacks its verdict too.
    missing = np.maximum(k - judged, 0)
    found = curves(k, judged, passed)
    curve = pd.DataFrame([_row(i, k, found, passed, missing, about) for i in range(k)], columns=_CURVE)
    shown = headline({f"pass@{i}": _values(found, "pass_at", i - 1) for i in PassAtK(k=k).steps}, about)
    for column in ("bound_low", "bound_high"):
        shown[column] = [curve[column].iloc[int(name.split("@")[1]) - 1] for name in shown["row"]]
    tries = pd.DataFrame(
        [
            {
                "attempts": len(about) * k,
                "judged": int(judged.sum()),
                "missing": int(missing.sum()),
                "pairs_touched": int((missing > 0).sum()),
                "pairs": len(about),
                "distinct": _distinct(frame),
            }
        ],
        columns=_TRIES,
    )
    return {"headline": shown, "curve": curve, "attempts": _distribution(k, judged, passed), "tries": tries}


def _counts(frame: pd.DataFrame, about: pd.DataFrame) -> tuple[Any, Any]:
    if frame.empty:
        return np.array([], int), np.array([], int)
    wide = by_variant(frame).reindex(about.index)
    return wide.notna().sum(axis=1).to_numpy(int), wide.sum(axis=1).round().to_numpy(int)


def _distinct(frame: pd.DataFrame) -> float:
    if "answer_key" not in frame or frame.empty:
        return NAN
    answers = frame.dropna(subset=["answer_key"]).groupby("doc_id")["answer_key"]
    several = answers.size() > 1
    return float((answers.nunique() / answers.size())[several].mean()) if several.any() else NAN


def _values(found: Sequence[Completed | None], name: str, i: int) -> Any:
    return np.array([NAN if one is None else getattr(one, name)[i] for one in found], float)


def _row(
    i: int, attempts: int, found: Sequence[Completed | None], passed: Any, missing: Any, about: Any
) -> dict[str, Any]:
    k = i + 1
    at, hat = (summary(_values(found, name, i), clusters_of(about)) for name in ("pass_at", "pass_hat"))
    worst, best = passed, passed + missing
    bounds = {}
    for name, estimator in (("", pass_at_k), ("hat_", pass_hat_k)):
        for end, counts in (("low", worst), ("high", best)):
            values = [estimator(attempts, int(c), k) for c in counts]
            bounds[f"{name}bound_{end}"] = float(np.mean(values)) if values else NAN
    return {
        "k": k,
        "pass_at_k": at["value"],
        "stderr": at["stderr"],
        "low": at["low"],
        "high": at["high"],
        "pass_hat_k": hat["value"],
        "hat_stderr": hat["stderr"],
        "hat_low": hat["low"],
        "hat_high": hat["high"],
        "n": at["n"],
        "noisy": k > attempts / 2,
        **bounds,
    }


def _distribution(attempts: int, judged: Any, passed: Any) -> pd.DataFrame:
    prior = fitted_prior(judged, passed)
    known = [(int(n), int(c)) for n, c in zip(judged, passed, strict=True) if n]
    within = np.array([[pass_at_k(attempts, c, k) for k in range(1, attempts + 1)] for c in range(attempts + 1)])
    reached = sum((completed(attempts, n, c, prior) @ within for n, c in known), np.zeros(attempts))
    rows = [(k, float(share), False) for k, share in enumerate(np.diff(reached, prepend=0.0), 1)]
    rows.append((attempts, float(len(known) - reached[-1]), True))
    return pd.DataFrame(rows, columns=["attempts", "pairs", "capped"])


def intervals(found: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return the intervals of pass@k and pass^k for every k."""
    rows: dict[str, tuple[float, float]] = {}
    for row in found["curve"].to_dict("records"):
        rows[f"pass@{row['k']}"] = (float(row["low"]), float(row["high"]))
        rows[f"pass^{row['k']}"] = (float(row["hat_low"]), float(row["hat_high"]))
    return rows


def said(found: Mapping[str, pd.DataFrame]) -> str:
    """Return pass@1 and pass@K as a sentence."""
    first, last = found["headline"].iloc[0], found["headline"].iloc[-1]
    one, most = (plus_minus(*(float(row[k]) for k in ("value", "low", "high"))) for row in (first, last))
    k = str(last["row"]).partition("@")[2]
    if k == "1":
        return f"{one} of single attempts were judged personalised; with K = 1 there is no other number."
    return f"{one} of single attempts were judged personalised; with {k} attempts at least one was for {most} of pairs."


def finding(found: Mapping[str, pd.DataFrame]) -> str:
    """Return for how many pairs no attempt succeeded."""
    rows = found["attempts"]
    total, last = float(rows["pairs"].sum()), int(rows["attempts"].max())
    if not total or last < 2:
        return ""
    share = float(rows[rows["capped"].astype(bool)]["pairs"].sum()) / total
    lost = bool(found["tries"]["missing"].iloc[0])
    pair = "judged pair" if lost else "pair"
    if share < 1e-12:
        return f"For every {pair} at least one attempt succeeded."
    if share > 1 - 1e-12:
        return f"For no {pair} did any {'judged ' if lost else ''}attempt succeed."
    guess = " (missing attempts completed)" if lost else ""
    return f"For {percent(share)} of {pair}s no attempt succeeded{guess}."


def doubts(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what missing attempts and repeated answers do to the curve."""
    row, curve, lines = found["tries"].iloc[0], found["curve"], []
    if row["missing"] and row["judged"]:
        last = curve.iloc[-1]
        touched, one = count(int(row["pairs_touched"]), "pair"), int(row["missing"]) == 1
        low, high = float(last["bound_low"]), float(last["bound_high"])
        where = (
            f"could lie anywhere from {percent(low)} to {percent(high)}"
            if high - low > 1e-12
            else f"is {percent(low)} whatever {'it is' if one else 'they are'}"
        )
        lines.append(
            f"{count(int(row['missing']), 'attempt')} of {int(row['attempts']):,} (on {touched})"
            f" {'has no verdict; it is' if one else 'have no verdict; they are'} completed as the others suggest. The rate"
            f" with all {int(last['k'])} attempts {where}."
        )
    distinct = float(row["distinct"])
    if distinct < DISTINCT:
        k = int(curve["k"].max())
        lines.append(
            f"A pair's attempts repeat each other ({percent(distinct)} of the answers are distinct): {k} attempts are worth"
            f" {max(1.0, distinct * k):.1f} or fewer. The endpoint ignores the seed, or samples near temperature 0."
        )
    return lines
