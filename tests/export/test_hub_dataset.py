"""The embedded data as a data set of the hub: loaded by ``datasets`` offline, read by ``huggingface_hub``'s classes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import DatasetCard, DatasetCardData, EvalResultEntry, eval_result_entries_to_yaml

from persona_metrics import settings
from persona_metrics.cli import main
from persona_metrics.dataset.draw import draw
from persona_metrics.dataset.sources import load_pool
from persona_metrics.evaluations import EVALUATIONS, NAMES
from tests.fakes.runs import write_run

EMBEDDED = Path(__file__).parents[2] / "persona_metrics" / "dataset" / "embedded"
LOAD = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
found = {}
for name in get_dataset_config_names(sys.argv[1]):
    for split, rows in load_dataset(sys.argv[1], name).items():
        found[f"{name}/{split}"] = [len(rows), rows[0]]
first = load_dataset(sys.argv[1])
print(json.dumps([found, {split: len(rows) for split, rows in first.items()}]))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hub") / "set"
    with pytest.MonkeyPatch.context() as patch:
        # What the shell says of a run's data is nothing to the embedded data.
        for name, value in {
            "N": "5",
            "SEED": "3",
            "DATA": "1",
            "MODE": "baseline",
            "BY": "age",
            "BEARS": "income",
        }.items():
            patch.setenv(f"PERSONA_{name}", value)
        assert main(["export", "--to", "hub-dataset", "--out", str(out), "--dataset", "acme/persona"]) == 0
    return out


def test_datasets_loads_every_configuration_of_the_folder_offline(made: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(made)],
        env={
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(tmp_path),
            "HF_DATASETS_CACHE": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found, first = json.loads(done.stdout)
    lines = {name: (EMBEDDED / name).read_text().splitlines() for name in ("personas_v2.jsonl", "choice.jsonl")}
    counts = {name: count for name, (count, _) in found.items()}
    assert counts == {
        "pairs/test": 300,
        "personas/train": 1000,
        "questions/train": len((EMBEDDED / "questions_v2.jsonl").read_text().splitlines()),
        "choice/test": len(lines["choice.jsonl"]),
        "opinion/test": len((EMBEDDED / "opinion_items.jsonl").read_text().splitlines()),
    }
    assert first == {"test": 300}
    assert found["personas/train"][1] == json.loads(lines["personas_v2.jsonl"][0])
    item, told = json.loads(lines["choice.jsonl"][0]), found["choice/test"][1]
    assert {**told, **{name: json.loads(told[name]) for name in ("rules", "changes", "eligible")}} == item


def test_the_pairs_are_those_that_persona_main_draws(made: Path) -> None:
    rows: list[dict[str, Any]] = [json.loads(line) for line in (made / "pairs.jsonl").read_text().splitlines()]
    chosen = settings.load({"n": 300})
    pairs = draw(load_pool(chosen), 300, 0)
    assert [row["pair_id"] for row in rows] == [pair.id for pair in pairs]
    for row, pair in zip(rows, pairs, strict=True):
        assert json.loads(row["persona"]) == {k: v for k, v in pair.persona.attributes.items() if v is not None}
        assert row["question"] == pair.question.text
        assert row["question"] in row["prompt"]
        assert "Write the answer and nothing else." in row["prompt"]


def test_the_files_are_the_embedded_ones_and_the_holdout_is_none_of_them(made: Path) -> None:
    for name in ("personas_v2.jsonl", "questions_v2.jsonl", "opinion_items.jsonl"):
        assert (made / name).read_bytes() == (EMBEDDED / name).read_bytes()
    held_out = json.loads((EMBEDDED / "choice_holdout.jsonl").read_text().splitlines()[0])["question"]
    assert not any(held_out.encode() in path.read_bytes() for path in made.iterdir())


def test_the_card_is_one_that_the_hub_reads(made: Path) -> None:
    card = DatasetCard.load(made / "README.md")
    assert isinstance(card.data, DatasetCardData)
    told = card.data.to_dict()
    assert (told["license"], told["language"][0]) == ("apache-2.0", "en")
    paths = [one["path"] for config in told["configs"] for one in config["data_files"]]
    assert all((made / path).is_file() for path in paths)
    assert [config["config_name"] for config in told["configs"] if config.get("default")] == ["pairs"]
    assert 'load_dataset("acme/persona", "personas", split="train")' in card.text
    assert 'persona_metrics/dataset/embedded"' not in card.text


def test_eval_yaml_names_every_task_with_data_that_are_there(made: Path, tmp_path: Path) -> None:
    told = yaml.safe_load((made / "eval.yaml").read_text(encoding="utf-8"))
    assert list(told) == ["name", "description", "evaluation_framework", "tasks"]
    assert [task["id"] for task in told["tasks"]] == [EVALUATIONS[name].task for name in NAMES]
    card = DatasetCard.load(made / "README.md").data.to_dict()
    splits = {(config["config_name"], one["split"]) for config in card["configs"] for one in config["data_files"]}
    assert all((task["config"], task["split"]) in splits for task in told["tasks"])
    for task in told["tasks"]:
        entry = EvalResultEntry(dataset_id="acme/persona", task_id=task["id"], value=0.5)
        assert eval_result_entries_to_yaml([entry])[0]["dataset"]["task_id"] == task["id"]
    # What a run's results say belongs to a task of it.
    results = write_run(tmp_path / "run", ("persona_main", "persona_pass_at_k"), n=4, k=2)
    out = tmp_path / "out"
    assert main(["export", str(results), "--to", "eval-results", "--dataset", "acme/persona", "--out", str(out)]) == 0
    [path] = (out / ".eval_results").iterdir()
    assert {entry["dataset"]["task_id"] for entry in yaml.safe_load(path.read_text())} <= {
        t["id"] for t in told["tasks"]
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--to", "hub-dataset"), "leave RUN out"),
        (("--to", "hub-dataset", "--dataset", "no-owner"), "expected owner/name"),
        (("--to", "eee"), "name the RUN first"),
    ],
)
def test_what_does_not_fit_is_one_line(
    arguments: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments, "--out", str(tmp_path / "o")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
