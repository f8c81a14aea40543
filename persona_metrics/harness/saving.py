"""Writes what lm-eval made of a run, whole or not at all, as its own command would. lm-eval's writer swallows its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten
from ..files import check_folder, placing, safe_name, scrubbed


@dataclass(frozen=True)
class Ready:
    """A task's samples that were written as they came: lm-eval's hash of them all, how many, and their file, if any."""

    digest: str
    count: int
    file: Path | None = None


def save(
    raw: Mapping[str, Any],
    folder: Path,
    kind: str,
    arguments: Mapping[str, Any],
    ready: Mapping[str, Ready] | None = None,
) -> list[Path]:
    """Write results_*.json and samples_*.jsonl under ``folder/<model>`` as the ``lm_eval`` command does; return them.

    ``raw`` is what ``simple_evaluate`` returned, ``kind`` lm-eval's model type; of the tasks in ``ready`` the samples are
    there already. Raises ``PersonaError`` where not all of it could be written; then nothing is.
    """
    from lm_eval.loggers import EvaluationTracker

    # Half a surrogate pair fits into no file, and lm-eval would stop there without a word.
    results = scrubbed({k: v for k, v in raw.items() if k != "samples"})
    samples = scrubbed(dict(raw["samples"]))
    shown = scrubbed(",".join(f"{k}={v}" for k, v in arguments.items()))
    with placing(folder) as part:
        tracker = EvaluationTracker(output_path=str(part))
        general = tracker.general_config_tracker
        general.log_experiment_args(
            model_source=scrubbed(kind),
            model_args=shown,
            system_instruction="",
            chat_template="",
            fewshot_as_multiturn=False,
        )
        general.model_name_sanitized = safe_name(general.model_name_sanitized or kind, fallback="model")
        tracker.save_results_aggregated(results=results, samples=samples)
        found = ready or {}
        for name in raw["configs"]:
            if name not in found:
                tracker.save_results_samples(task_name=safe_name(name), samples=samples[name])
        if found:
            _place(part, found)
        counts = {safe_name(name): len(samples[name]) for name in raw["configs"] if name not in found}
        counts |= {safe_name(name): one.count for name, one in found.items() if one.file is not None}
        _check(part, folder, counts)
        return [folder / p.relative_to(part) for p in sorted(part.rglob("*.json*"))]


def _place(part: Path, ready: Mapping[str, Ready]) -> None:
    (path,) = part.rglob("results_*.json")
    stamp = path.stem.removeprefix("results_")
    written = json.loads(path.read_bytes())
    written["task_hashes"] |= {name: one.digest for name, one in ready.items()}
    path.write_text(json.dumps(written, indent=2, ensure_ascii=False), encoding="utf-8")
    for name, one in ready.items():
        if one.file is not None:
            one.file.replace(path.with_name(f"samples_{safe_name(name)}_{stamp}.jsonl"))


def _check(part: Path, folder: Path, wanted: Mapping[str, int]) -> None:
    try:
        (results,) = part.rglob("results_*.json")
        json.loads(results.read_bytes())
        for name, count in wanted.items():
            (file,) = part.rglob(f"samples_{_literal(name)}_2*.jsonl")
            with file.open("rb") as lines:
                whole = sum(line.endswith(b"\n") for line in lines)
            if whole != count:
                raise ValueError(f"{whole} of {count} samples")
    except ValueError as error:
        check_folder(folder)  # says what the disk has against it
        raise PersonaError(
            f"{shorten(folder)}: the results could not be written (disk full?): {shorten(error)}"
        ) from None


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
