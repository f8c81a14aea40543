"""Does the critic reward length? The rate at equal length, and what length is worth, from verdicts and answers' lengths."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .rates import LEVEL, NAN, codes

Floats = NDArray[np.float64]
COLUMNS = ("row", "rate", "equal_length", "low", "high", "slope", "slope_low", "slope_high", "p", "n")
MOST = 10.0
"""A standard error in log odds beyond which the lengths told nothing."""
FEWEST = 10
"""Verdicts of either kind below which a slope is not to be had."""


def table(frame: pd.DataFrame, rows: Mapping[str, str]) -> pd.DataFrame:
    """Return one row for each variant of ``rows`` (variant: name of the row) whose answers have verdict and length.

    ``equal_length`` is the rate were all answers as long as the geometric mean of those of the table: a logistic regression
    of the verdict on the standardised log length (all rows together, each with an intercept of its own), with the length
    term set to 0, as length-controlled AlpacaEval does for preferences (Dubois et al. 2024, arXiv 2404.04475). ``slope`` is
    in log odds a standard deviation of log length, ``p`` its two-sided test. With two rows a third, ``difference``, is first
    less second at equal length (``rate``: as they are). Errors are clustered by pair. NaN with fewer than ten verdicts of
    either kind, where all answers are alike long, and where length tells the verdict without error. A slope is no proof that
    length is the cause: what helps a reader can take words.
    """
    if "answer_length" not in frame:
        return pd.DataFrame(columns=list(COLUMNS))
    kept = frame[frame["variant"].isin(list(rows)) & frame["personalized"].notna() & (frame["answer_length"] > 0)]
    kept = kept.drop_duplicates(["doc_id", "variant"], keep="last")
    present = [variant for variant in rows if (kept["variant"] == variant).any()]
    kept = kept[kept["variant"].isin(present)]
    y = kept["personalized"].to_numpy(float)
    where = np.array([present.index(v) for v in kept["variant"]], int)
    logs = np.log(kept["answer_length"].to_numpy(float))
    made = _fitted(y, logs - logs.mean() if len(logs) else logs, where, codes(list(kept["doc_id"])), len(present))
    listed = [{"row": rows[v], **row} for v, row in zip(present, made, strict=False)]
    if len(made) > len(present):
        listed.append({"row": "difference", **made[-1]})
    return pd.DataFrame(listed, columns=list(COLUMNS))


def preferences(frame: pd.DataFrame, rows: Mapping[str, str], own: str = "whole") -> pd.DataFrame:
    """Return one row for each variant of ``rows`` with which a pair's ``own`` answer was compared: the rate at equal length.

    A logistic regression of the preference (1, 0, ½ for a tie) on the log of the own answer's length over the other's, in
    its standard deviations, with an intercept for each variant: at equal length that log is 0, as in length-controlled
    AlpacaEval (Dubois et al. 2024, arXiv 2404.04475). Halves make it a fractional one (Papke & Wooldridge 1996, J. Appl.
    Econometrics 11); errors are clustered by pair. Columns and NaN as in ``table``; there is no row ``difference``.
    """
    if "answer_length" not in frame:
        return pd.DataFrame(columns=list(COLUMNS))
    once = frame.drop_duplicates(["doc_id", "variant"], keep="last")
    ours = once[once["variant"] == own].set_index("doc_id")["answer_length"]
    kept = once[once["variant"].isin(list(rows)) & once["personalized"].notna() & (once["answer_length"] > 0)]
    over = kept["doc_id"].map(ours).astype(float)
    kept, over = kept[over > 0], over[over > 0]
    present = [variant for variant in rows if (kept["variant"] == variant).any()]
    where = np.array([present.index(v) for v in kept["variant"]], int)
    ratios = np.log(over.to_numpy(float) / kept["answer_length"].to_numpy(float))
    y = kept["personalized"].to_numpy(float)
    made = _fitted(y, ratios, where, codes(list(kept["doc_id"])), len(present), compared=False)
    listed = [{"row": rows[v], **row} for v, row in zip(present, made, strict=True)]
    return pd.DataFrame(listed, columns=list(COLUMNS))


def _fitted(
    y: Floats, logs: Floats, where: Any, pairs: Any, number: int, *, compared: bool = True
) -> list[dict[str, Any]]:
    rates = [float(y[where == i].mean()) for i in range(number)]
    counts = [int((where == i).sum()) for i in range(number)]
    between = [(rates[0] - rates[1], min(counts))] if number == 2 and compared else []
    found = _regression(y, logs, where, pairs, number)
    slope = dict.fromkeys(("slope", "slope_low", "slope_high", "p"), NAN)
    if found is None:
        empty = {"equal_length": NAN, "low": NAN, "high": NAN, **slope}
        return [{"rate": r, "n": n, **empty} for r, n in (*zip(rates, counts, strict=True), *between)]
    beta, covariance = found
    z = float(stats.norm.isf((1 - LEVEL) / 2))
    error = math.sqrt(covariance[-1, -1])
    slope = {
        "slope": float(beta[-1]),
        "slope_low": float(beta[-1]) - z * error,
        "slope_high": float(beta[-1]) + z * error,
        "p": float(2 * stats.norm.sf(abs(beta[-1]) / error)),
    }
    at = _expit(beta[:number])
    rows = []
    for i in range(number):
        reach = z * math.sqrt(covariance[i, i])
        low, high = _expit(np.array([beta[i] - reach, beta[i] + reach]))
        ends = {"equal_length": float(at[i]), "low": float(low), "high": float(high)}
        rows.append({"rate": rates[i], **ends, **slope, "n": counts[i]})
    for rate, n in between:
        gradient = at * (1 - at) * np.array([1.0, -1.0])
        reach = z * math.sqrt(float(gradient @ covariance[:2, :2] @ gradient))
        value = float(at[0] - at[1])
        rows.append({"rate": rate, "equal_length": value, "low": value - reach, "high": value + reach, **slope, "n": n})
    return rows


def _regression(y: Floats, logs: Floats, where: Any, pairs: Any, number: int) -> tuple[Floats, Floats] | None:
    """Return coefficients (an intercept a row, then the slope) and their covariance, clustered by pair; None without."""
    if not number or any(min(y[where == i].sum(), (1 - y[where == i]).sum()) < FEWEST for i in range(number)):
        return None
    spread = float(logs.std())
    # Rows of two lengths, each alike within, say nothing of length: it is the row.
    within = max(float(logs[where == i].std()) for i in range(number))
    if within < 1e-6 * max(1.0, spread):
        return None
    x = np.column_stack([*(np.where(where == i, 1.0, 0.0) for i in range(number)), logs / spread])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = sm.GLM(y, x, family=sm.families.Binomial()).fit(cov_type="cluster", cov_kwds={"groups": pairs})
        except (np.linalg.LinAlgError, ValueError):
            return None
    beta, covariance = np.asarray(fit.params, float), np.asarray(fit.cov_params(), float)
    if not np.isfinite(beta).all() or not np.isfinite(covariance).all() or np.abs(beta).max() > 15:
        return None
    variances = np.diag(covariance)
    return None if variances.min() <= 0 or variances.max() > MOST**2 else (beta, covariance)


def _expit(values: ArrayLike) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.asarray(values, float))))
