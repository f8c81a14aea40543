"""Answers from elsewhere for the tests of this folder, small enough to check by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import full_attributes


def line(index: int, **more: Any) -> dict[str, Any]:
    """Return one answered pair; personas alternate in sex and differ in age."""
    persona = full_attributes(sex="Male" if index % 2 else "Female", age=str(20 + index))
    return {"persona": persona, "question": f"Question {index}?", "answer": f"Answer {index}.", **more}


def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """Write the lines as JSONL and return the path."""
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    return path


def results(folder: Path) -> dict[str, Any]:
    """Return the one results file below the folder."""
    (path,) = folder.rglob("results_*.json")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def verdicts(folder: Path) -> list[Any]:
    """Return the verdicts of the one samples file below the folder, by pair and variant."""
    from persona_metrics.runs.read import read_samples, results_of

    (path,) = folder.rglob("samples_*.jsonl")
    found = []
    for sample in read_samples(path):
        for result in results_of(sample):
            verdict = result["verdict"]
            said = verdict and (verdict["personalized"], verdict["missing"], [v["debate"] for v in verdict["votes"]])
            found.append((sample["doc"]["pair_id"], result["variant"], result["answer"], said))
    return found


def samples(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the one samples file below the folder, less what differs from run to run."""
    (path,) = folder.rglob("samples_*.jsonl")
    found = []
    for text in path.read_text(encoding="utf-8").split("\n")[:-1]:
        sample = json.loads(text)
        made = [[json.loads(one) for one in of_reply] for of_reply in sample["filtered_resps"]]
        for result in (one for of_reply in made for one in of_reply):
            for vote in (result["verdict"] or {"votes": []})["votes"]:
                vote["latency"] = vote["stored"] = vote["attempts"] = None
        found.append({**sample, "filtered_resps": made})
    return found


def same(one: Path, other: Path, task: str) -> None:
    """Require that two runs wrote the same results and the same samples, whatever time they took."""
    mine, theirs = results(one), results(other)
    for found in (mine, theirs):
        for key in ("date", "total_evaluation_time_seconds", "git_hash"):
            del found[key]
        del found["configs"][task]["metadata"]["usage"]
    assert mine == theirs
    assert list(mine["results"][task]) == list(theirs["results"][task])
    assert samples(one) == samples(other)
