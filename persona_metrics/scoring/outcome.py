"""The results file of a run whose samples were never all in one place: lm-eval's own, with the rows that were added up.

lm-eval runs over one pair, so that every field is its own and of its version; what depends on the rest is put in its place.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate

from ..critic import Judged, Missing, Reason, Verdict
from ..critic.budget import Ledger
from ..errors import PersonaError
from ..harness import saving
from ..harness.exits import raising
from ..harness.saving import Ready
from ..harness.spending import Spending
from .given import Answered, Given
from .replay import Made, Repeater, ReplayTask
from .rows import Rows, Sums


@dataclass(frozen=True)
class Whole:
    """What all pairs together amount to."""

    rows: Mapping[str, tuple[float | int, float | str]]
    pairs: int
    incomplete: frozenset[str]
    pairs_hash: str
    task_hash: str
    spent: Ledger
    support: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, rows: Rows | Sums, pairs_hash: str, task_hash: str, spent: Ledger, support: Mapping[str, int] | None = None
    ) -> Whole:
        """Return it from rows that were added up here."""
        return cls(rows.table(), rows.pairs, frozenset(rows.incomplete), pairs_hash, task_hash, spent, support or {})


class _Specimen(ReplayTask):
    """The task over a single pair: nothing is asked, said or entered."""

    def _announce(self, running: Any, limit: Any, samples: Any) -> None:  # noqa: ARG002
        return

    def _remark(self) -> None:
        return

    def _record_spending(self) -> None:
        return


def _nothing(judgements: Sequence[Judged]) -> list[Verdict]:
    return [Verdict(None, Missing(Reason.NOT_ASKED), None, ()) for _ in judgements]


def raw_of(given: Callable[[Sequence[Answered], int], Given], first: Answered, whole: Whole) -> dict[str, Any]:
    """Return what ``simple_evaluate`` would have returned for all pairs, without their samples."""
    shown = given([first], whole.pairs)
    task = _Specimen(shown, _nothing)
    manager = Made([task])
    with raising(), contextlib.redirect_stderr(io.StringIO()):
        raw = simple_evaluate(model=Repeater([shown]), tasks=list(manager.made), task_manager=manager, log_samples=True)
    name = str(task.config.task)
    (kept,) = {str(sample["filter"]) for sample in raw["samples"][name]}
    table: dict[str, Any] = {k: v for k, v in raw["results"][name].items() if "," not in k}
    if "sample_len" in table:
        table["sample_len"] = whole.pairs
    for row, (value, error) in whole.rows.items():
        table |= {f"{row},{kept}": value, f"{row}_stderr,{kept}": error}
    config = raw["configs"][name]
    listed = task.config.metric_list or []
    config["metric_list"] = [one for one in listed if one["metric"] in whole.rows.keys() - whole.incomplete]
    config["metadata"] |= {"n": whole.pairs, "pairs_hash": whole.pairs_hash, "scored_from": shown.origin}
    if whole.support:
        config["metadata"]["support"] = dict(whole.support)
    spending = Spending(critics=whole.spent)
    spending.enter(config["metadata"], None, None, None, shown.settings.prices)
    raw["results"][name] = table
    raw["n-samples"][name] = {"original": whole.pairs, "effective": whole.pairs}
    raw["samples"] = {name: []}
    raw["config"] |= {"model": shown.model, "model_args": {"model": shown.model}}
    return dict(raw)


def save(raw: Mapping[str, Any], out: Path, whole: Whole, samples: Path | None) -> list[Path]:
    """Write the results, and a samples file that is there already beside them; return both. Raises ``PersonaError``."""
    (name,) = raw["configs"]
    model = str(raw["config"]["model"])
    try:
        return saving.save(raw, out, model, {"model": model}, {name: Ready(whole.task_hash, whole.pairs, samples)})
    except PersonaError as error:
        raise PersonaError(f"--out {error}; the verdicts are kept in the store: run the same again") from None


def shown(raw: Mapping[str, Any]) -> str:
    """Return lm-eval's table."""
    from lm_eval.utils import make_table

    return str(make_table(raw))
