"""``persona_main`` on each source of personas and questions: the embedded set, a user's files, the hub's sets."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from persona_metrics import settings
from persona_metrics.api import EvaluationResult, evaluate_model
from persona_metrics.dataset.sources import HUB_PERSONAS, HUB_QUESTIONS, load_pool
from persona_metrics.personas import ATTRIBUTES
from tests import warm
from tests.conftest import full_attributes
from tests.fakes.hub import Hub
from tests.fakes.server import Server

ROOT = Path(__file__).parent.parent.parent
ON_THE_HUB = """
import json, sys
from persona_metrics.api import evaluate_model
found = evaluate_model("m", n=4, by="", source="hub", base_url=sys.argv[1], critic_model="c", critic_base_url=sys.argv[1])
print(json.dumps([found.results.metadata["source"], sorted(found.samples["question"]), len(found.samples)]))
"""


NOT_FOR_ALL = ("class of worker", "industry category", "occupation category", "fertility")
"""Of people without work or past the age of childbirth they are not applicable, and no model is told so."""


def evaluated(server: Server, **given: object) -> EvaluationResult:
    arguments: dict[str, object] = {"by": "", "critic_model": "c", "critic_base_url": server.base_url, **given}
    return evaluate_model("m", base_url=server.base_url, **arguments)  # type: ignore[arg-type]


def test_embedded_pairs_bring_every_attribute_that_applies_to_the_model() -> None:
    pool = load_pool(settings.load())
    assert (len(pool.personas), len(pool.questions)) == (1000, 664)
    with Server() as server:
        found = evaluated(server, n=30)
        prompts = [body["messages"][0]["content"] for _, body, _ in server.log if len(body["messages"]) == 1]
    assert found.results.metadata["data_hash"] == pool.hash
    assert found.samples["persona_id"].nunique() == 30
    assert found.samples["question_id"].nunique() == 30
    assert len(prompts) == 30
    everywhere = [name for name in ATTRIBUTES if name not in NOT_FOR_ALL]
    assert all(f"- {name}: " in prompt for prompt in prompts for name in everywhere)
    assert all(any(f"- {name}: " in prompt for prompt in prompts) for name in ATTRIBUTES)
    assert not any("Not applicable" in prompt for prompt in prompts)
    by_id = {p.id: p for p in pool.personas}
    for row in found.samples.to_dict("records"):
        lifestyle = by_id[row["persona_id"]].attributes["lifestyle"]
        assert sum(f"- lifestyle: {lifestyle}\n" in p and row["question"] in p for p in prompts) == 1


@pytest.mark.parametrize("own", ["personas", "questions", "both"])
def test_own_files_take_the_place_of_the_embedded_ones(tmp_path: Path, own: str) -> None:
    given = {}
    if own != "questions":
        given["personas"] = str(tmp_path / "people.csv")
        pd.DataFrame([{"id": f"mine{i}", **full_attributes(age=str(30 + i))} for i in range(4)]).to_csv(
            given["personas"], index=False
        )
    if own != "personas":
        given["questions"] = str(tmp_path / "asked.jsonl")
        rows = [{"id": f"ask{i}", "question": f"Is {i} enough?"} for i in range(4)]
        Path(given["questions"]).write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Server() as server:
        found = evaluated(server, n=4, **given)
    assert found.samples["persona_id"].str.startswith("mine").all() == (own != "questions")
    assert found.samples["question_id"].str.startswith("ask").all() == (own != "personas")
    assert found.results.metrics["critic_failures"].value == 0


@pytest.mark.slow
def test_persona_main_runs_on_the_hubs_sets(tmp_path: Path) -> None:
    personas, questions = io.BytesIO(), io.BytesIO()
    pd.DataFrame([full_attributes(age=str(20 + i)) for i in range(4)]).to_parquet(personas)
    pd.DataFrame([{"question": f"Is {i} enough?"} for i in range(4)]).to_parquet(questions)
    served = {HUB_PERSONAS: personas.getvalue(), HUB_QUESTIONS: questions.getvalue()}
    with Hub(served) as hub, Server() as server:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        environment |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path), "PYTHONPATH": warm.path()}
        command = [sys.executable, "-c", ON_THE_HUB, server.base_url]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    source, asked, samples = json.loads(run.stdout.splitlines()[-1])
    assert source == "hub"
    assert asked == [f"Is {i} enough?" for i in range(4)]
    assert samples == 4
