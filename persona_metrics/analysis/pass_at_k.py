"""Pass@k: the whole curve with errors, and how many attempts a pair takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.pass_at_k import PassAtK
from ..statistics.rates import pass_at_k, pass_hat_k
from .rates import NAN, by_variant, headline, pairs, summary

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


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return ``headline`` (pass@1, pass@2, … doubling to K), ``curve`` (every k to K) and ``attempts``.

    A pair enters a row if at least k of its attempts are judged (``n``); the bounds are over all pairs and fill the
    missing verdicts with failures and with successes. ``noisy`` marks k > K/2, where a pair's estimate rests on few
    independent draws. ``attempts`` is the distribution of the attempts until the first success, over the orders in
    which the attempts could have come; the pairs that never succeed are one more row at K, ``capped``.
    """
    about = pairs(frame)
    attempts = int(metadata.get("k") or frame["attempt"].max() or 1) if len(frame) else int(metadata.get("k") or 1)
    judged, passed = _counts(frame, about)
    # An attempt that left no row at all lacks its verdict too.
    missing = np.maximum(attempts - judged, 0)
    values = {k: _values(pass_at_k, judged, passed, k) for k in range(1, attempts + 1)}
    shown = headline({f"pass@{k}": values[k] for k in PassAtK(k=attempts).steps}, about)
    curve = pd.DataFrame(
        [_row(k, values[k], attempts, judged, passed, missing) for k in range(1, attempts + 1)], columns=_CURVE
    )
    for column in ("bound_low", "bound_high"):
        shown[column] = [curve[column].iloc[int(name.split("@")[1]) - 1] for name in shown["row"]]
    return {"headline": shown, "curve": curve, "attempts": _distribution(attempts, judged, passed)}


def _counts(frame: pd.DataFrame, about: pd.DataFrame) -> tuple[Any, Any]:
    if frame.empty:
        return np.array([], int), np.array([], int)
    wide = by_variant(frame).reindex(about.index)
    return wide.notna().sum(axis=1).to_numpy(int), wide.sum(axis=1).round().to_numpy(int)


def _values(estimator: Any, judged: Any, passed: Any, k: int) -> Any:
    return np.array([estimator(n, c, k) if k <= n else NAN for n, c in zip(judged, passed, strict=True)])


def _row(k: int, values: Any, attempts: int, judged: Any, passed: Any, missing: Any) -> dict[str, Any]:
    at, hat = summary(values), summary(_values(pass_hat_k, judged, passed, k))
    total = judged + missing
    worst = {name: _values(f, total, passed, k) for name, f in (("", pass_at_k), ("hat_", pass_hat_k))}
    best = {name: _values(f, total, passed + missing, k) for name, f in (("", pass_at_k), ("hat_", pass_hat_k))}
    bounds = {f"{name}bound_low": _mean(worst[name]) for name in worst}
    bounds |= {f"{name}bound_high": _mean(best[name]) for name in best}
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


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else NAN


def _distribution(attempts: int, judged: Any, passed: Any) -> pd.DataFrame:
    full = passed[judged >= attempts]
    within = np.array([[pass_at_k(attempts, c, k) for k in range(1, attempts + 1)] for c in full])
    reached = within.sum(axis=0) if len(full) else np.zeros(attempts)
    rows = [(k, float(count), False) for k, count in enumerate(np.diff(reached, prepend=0.0), 1)]
    rows.append((attempts, float(len(full) - reached[-1]), True))
    return pd.DataFrame(rows, columns=["attempts", "pairs", "capped"])
