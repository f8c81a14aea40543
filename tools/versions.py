"""What each task's scores rest on, as one hash: its YAML, its templates, the critic's prompt and schema.

``python -m tools.versions`` writes ``tests/data/versions.json`` anew, once the task's version has been raised.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from persona_metrics.critic.check import critic_card
from persona_metrics.evaluations import BY_PROTOCOL, evaluation_of
from persona_metrics.harness.task_files import tasks_folder
from persona_metrics.harness.yamls import read_task
from persona_metrics.prompts import MODES, template_hash
from persona_metrics.settings import Settings

FILE = Path(__file__).parents[1] / "tests" / "data" / "versions.json"


def current() -> dict[str, dict[str, Any]]:
    """Return each task's version and the hash of what its scores rest on, by name."""
    found = {}
    for path in sorted(tasks_folder().glob("persona_*.yaml")):
        config = read_task(path.stem)
        if "task" not in config or not isinstance(config["task"], str):
            continue
        metadata = config.get("metadata") or {}
        evaluation = evaluation_of(metadata.get("evaluation"))
        judged = {path.stem: evaluation.protocol}
        judged |= {
            f"{path.stem}, protocol={protocol}": protocol for name, protocol in BY_PROTOCOL if name == evaluation.name
        }
        # A version that rises is no change of its own.
        parts = [json.dumps({**config, "metadata": {**metadata, "version": None}}, sort_keys=True, default=str)]
        if evaluation.needs_critic:
            parts += [template_hash(f"answer/{mode}.jinja") for mode in MODES]
        else:
            parts.append(template_hash(evaluation.template))  # type: ignore[attr-defined]
        for name, protocol in judged.items():
            card = critic_card(Settings.model_validate({"critic_model": "any", "protocol": protocol}))
            own = [*parts, str(card["critic_template"])] if evaluation.needs_critic else parts
            digest = hashlib.sha256("\n".join(own).encode()).hexdigest()[:16]
            found[name] = {"version": metadata.get("version"), "hash": digest}
    return found


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    FILE.write_text(json.dumps(current(), indent=1) + "\n", encoding="utf-8")
