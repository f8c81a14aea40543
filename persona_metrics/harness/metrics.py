"""The rows as lm-eval knows them: registered by name, a mean each unless somebody says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lm_eval.api.metrics import mean
from lm_eval.api.registry import register_metric

from .. import evaluations
from ..evaluations.facts import SHARED

ROWS: Mapping[str, bool] = {
    # A row of attempts is named after its k; YAML files name the first.
    fact.kind.replace("@k", "@1").replace("^k", "^1"): fact.higher_is_better
    for evaluation in evaluations.EVALUATIONS.values()
    for fact in (*evaluation.rows, *SHARED)
    if fact.kind != "acc"  # lm-eval's own
}
"""The rows that YAML files may name, and whether higher is better. Rows that depend on the data join at run time."""


def _placeholder(*args: Any, **kwargs: Any) -> float:
    # Values come from process_results; lm-eval only wants the name to exist.
    raise NotImplementedError("persona rows are computed by PersonaTask.process_results")


for _row, _higher in ROWS.items():
    register_metric(
        metric=_row, higher_is_better=_higher, output_type=["generate_until", "multiple_choice"], aggregation="mean"
    )(_placeholder)


class Means(dict):  # type: ignore[type-arg]
    """Rows named after data (``personalized[sex=Female]``) are known only when they appear; all but counts are means."""

    def __missing__(self, key: str) -> Callable[[Any], float]:
        # How many pairs a group has is a count.
        return sum if key.startswith("n[") else mean

    def __contains__(self, key: object) -> bool:
        return True
