"""What the tasks without a critic add to a model's own time: 2,000 documents against lm-eval's start.

Prints one line. Seconds are the processor's, so that a busy machine says the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any


def main() -> int:
    """Run a task on lm-eval's dummy model, which takes no time, and print our seconds and their share of the start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="documents (default 2000)")
    parser.add_argument("--task", default="persona_choice", help="the task (default persona_choice)")
    arguments = parser.parse_args()
    began = time.process_time()
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    from persona_metrics.harness.task_files import tasks_folder

    # lm-eval's own start: importing it, and indexing its task files as every command does.
    TaskManager()
    start = time.process_time() - began
    # One document twice: the first run also imports and loads what every later one finds there.
    took = {n: run(simple_evaluate, TaskManager, str(tasks_folder()), arguments.task, n) for n in (1, 1, arguments.n)}
    ours = took[arguments.n] - took[1]
    print(
        f"{arguments.task}: {arguments.n:,} documents add {ours:.1f} s to a model that takes no time;"
        f" lm-eval's start takes {start:.1f} s here, ratio {ours / start:.2f}"
    )
    return 0


def run(evaluate: Any, manager: Any, tasks: str, task: str, n: int) -> float:
    """Return the processor seconds that a run of ``n`` documents takes, drawing and scoring included."""
    began = time.process_time()
    made = manager(include_path=tasks, include_defaults=False, metadata={"n": n})
    evaluate(model="dummy", tasks=[task], task_manager=made, log_samples=True, bootstrap_iters=0)
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
