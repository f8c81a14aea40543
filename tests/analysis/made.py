"""Verdicts of a test's own as the tidy frame that ``analysis`` reads, and the reference values they are held against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import strategies as st

from persona_metrics import analysis
from tests.conftest import full_attributes

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "reference_values.json").read_text())
NAN = float("nan")
close = lambda value: pytest.approx(value, abs=1e-6, nan_ok=True)  # noqa: E731
# A verdict: personalised, not, or missing.
VERDICT = st.sampled_from([1.0, 0.0, NAN])


def tidy(
    rows: Sequence[Sequence[float]],
    variants: Sequence[str] = ("whole",),
    attributes: Sequence[dict[str, str]] | None = None,
    personas: Sequence[Any] | None = None,
    questions: Sequence[Any] | None = None,
) -> pd.DataFrame:
    """One pair a row of ``rows``, one variant a column."""
    return pd.DataFrame(
        [
            {
                "doc_id": i,
                "pair_id": f"{i:05d}",
                "persona_id": personas[i] if personas else f"p{i}",
                "question_id": questions[i] if questions else f"q{i}",
                "content": f"content {i}",
                "variant": name,
                "dropped": (name.removeprefix("without "),) if name.startswith("without") else (),
                "attempt": int(name.split()[1]) if name.startswith("attempt") else 0,
                "answer_key": f"{i} {name}",
                "choice": None,
                "shares": None,
                "personalized": value,
                "persona": attributes[i] if attributes else full_attributes(),
            }
            for i, values in enumerate(rows)
            for name, value in zip(variants, values, strict=True)
        ],
        columns=[
            *("doc_id", "pair_id", "persona_id", "question_id", "content", "variant"),
            *("dropped", "attempt", "answer_key", "choice", "shares", "personalized", "persona"),
        ],
    )


def column(good: int, bad: int, missing: int = 0) -> list[list[float]]:
    return [[1.0]] * good + [[0.0]] * bad + [[NAN]] * missing


MAIN: dict[str, Any] = {"evaluation": "main"}
LOO: dict[str, Any] = {"evaluation": "leave_one_out"}


def attempts(rows: Sequence[Sequence[float]], k: int) -> dict[str, pd.DataFrame]:
    frame = tidy(rows, [f"attempt {i + 1}" for i in range(k)])
    return analysis.tables(frame, {"evaluation": "pass_at_k", "k": k})
