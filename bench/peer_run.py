"""Runs the main evaluation of the published persona-bench; ``bench/peer.py`` calls it inside the peer's own venv.

Its data sets are gated, so that local stand-ins answer for them: 300 questions and 300 personas from a file. Nothing
else of it is touched.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def main(address: str, data: str, connections: int) -> None:
    """Evaluate the server's model ``m`` with itself as the critic, as the peer's own command does."""
    os.environ.update(
        OPENAI_API_KEY="none",
        OPENAI_BASE_URL=address,
        INSPECT_EVAL_MODEL="openai/m",
        GENERATE_MODE="output_only",
        INSPECT_LOG_LEVEL="error",
    )
    import datasets
    import pandas

    rows = json.loads(Path(data).read_text(encoding="utf-8"))

    def load_dataset(*_: Any, **__: Any) -> dict[str, Any]:
        return {"train": [{"question": question} for question in rows["questions"]]}

    def read_parquet(*_: Any, **__: Any) -> Any:
        return pandas.DataFrame(rows["personas"])

    datasets.load_dataset = load_dataset
    pandas.read_parquet = read_parquet

    from inspect_ai import eval as evaluate
    from persona_bench.main_evaluation import persona_bench_main

    with tempfile.TemporaryDirectory() as logs:
        [log] = evaluate(
            persona_bench_main(),
            model="openai/m",
            max_connections=connections,
            max_samples=connections,
            log_dir=logs,
            display="none",
        )
    if log.status != "success":
        raise SystemExit(f"the peer's run ended as {log.status}: {log.error}")
    print(f"\n{json.dumps({'samples': len(log.samples or [])})}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
