"""Several processes: who prints, how judging is shared out, and what lm-eval loses between ranks. Knows no task.

Two kinds of several processes. *Data parallel* (``accelerate launch`` on GPUs): lm-eval gives each rank its own
documents. *Replicas* (tensor parallel, or ``accelerate launch`` without GPUs): every process runs all documents, and
lm-eval keeps the results of the first; without care each process would pay for all judgements.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Judged = TypeVar("Judged")
Verdict = TypeVar("Verdict")


def process() -> int:
    """Return this process's number among those of its machine; 0 where there is one."""
    return int(os.environ.get("LOCAL_RANK") or 0)


def _distributed() -> Any:
    # A process that was never told of others has not imported torch for our sake.
    torch = sys.modules.get("torch")
    group = getattr(torch, "distributed", None)
    return group if group is not None and group.is_available() and group.is_initialized() else None


def replicas(world: int) -> int:
    """Return how many processes run the same documents as this one, where lm-eval counts ``world`` ranks."""
    group = _distributed()
    return int(group.get_world_size()) if group is not None and world == 1 else 1


def judge_between(
    judgements: Sequence[Judged], ask: Callable[[Sequence[Judged]], Sequence[Verdict]], world: int, placeholder: Verdict
) -> list[Verdict]:
    """Return verdicts on the judgements, each asked by one of the replicas alone.

    What the first process has to judge counts; it gets all verdicts, since lm-eval keeps its results alone. The others
    get ``placeholder``: their replies may differ, and what becomes of them is thrown away.
    """
    group = _distributed()
    here = group.get_rank()
    shared: list[Any] = [list(judgements)]
    group.broadcast_object_list(shared, src=0)
    mine = list(ask(shared[0][here::world]))
    parts: list[Any] = [None] * world
    group.all_gather_object(parts, mine)
    if here:
        return [placeholder] * len(judgements)
    verdicts: list[Any] = [None] * len(judgements)
    for rank, part in enumerate(parts):
        verdicts[rank::world] = part
    return verdicts


def keep_every_row(model: Any) -> None:
    """Make ``model.gather_object`` hand out rows that a rank does not have as empty.

    lm-eval asks every rank for the rows of rank 0 and fails where one lacks them; ours depend on the data.
    """
    if getattr(model, "_gathers_every_row", False):
        return
    gather = model.gather_object

    def gather_object(obj: Any, dst: int = 0) -> Any:
        gathered = gather(obj, dst)
        return gathered and [_with_empty_rows(part) for part in gathered]

    model.gather_object = gather_object
    model._gathers_every_row = True


def _with_empty_rows(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {name: defaultdict(list, rows) if isinstance(rows, dict) else rows for name, rows in part.items()}
