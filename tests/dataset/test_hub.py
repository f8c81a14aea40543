"""The gated sets through the real ``datasets`` call in a process of its own, against a hub on loopback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from persona_metrics.dataset.sources import HUB_PERSONAS, HUB_QUESTIONS
from tests.conftest import full_attributes
from tests.fakes.hub import Hub

ROOT = Path(__file__).parents[2]
READ = """
import json, sys
from persona_metrics.errors import PersonaError
from persona_metrics.settings import load
from persona_metrics.dataset.sources import load_pool
try:
    pool = load_pool(load({"source": "hub"}))
    print(json.dumps({"personas": [dict(p.attributes) for p in pool.personas], "label": pool.label,
                      "questions": [q.text for q in pool.questions], "hash": pool.hash}))
except PersonaError as error:
    print(json.dumps({"error": str(error)}))
"""


def _parquet(rows: list[dict[str, str]]) -> bytes:
    file = io.BytesIO()
    pd.DataFrame(rows).to_parquet(file)
    return file.getvalue()


@pytest.fixture
def hub() -> Iterator[Hub]:
    personas = [full_attributes(age=str(20 + i)) for i in range(5)]
    with Hub({HUB_PERSONAS: _parquet(personas), HUB_QUESTIONS: _parquet([{"instruction": "Why?"}])}) as hub:
        yield hub


def _read(endpoint: str, home: Path, **environment: str) -> dict[str, object]:
    found = subprocess.run(
        [sys.executable, "-c", READ],
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))},
            "PYTHONPATH": str(ROOT),
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout, found.stderr
    result: dict[str, object] = json.loads(found.stdout.splitlines()[-1])
    return result


@pytest.mark.slow
def test_sets_of_the_hub_are_mapped_cached_and_read_again_without_it(hub: Hub, tmp_path: Path) -> None:
    first = _read(hub.endpoint, tmp_path)
    assert [p["age"] for p in first["personas"]] == ["20", "21", "22", "23", "24"]  # type: ignore[attr-defined]
    assert first["questions"] == ["Why?"]
    assert first["label"] == "hub"
    hub.requests.clear()
    assert _read(hub.endpoint, tmp_path, HF_HUB_OFFLINE="1") == first
    assert hub.requests == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("401", "is gated: run `hf auth login`"),
        ("403", "this login has no access; accept the terms on"),
        ("404", "is not on the hub, or not visible to this login"),
        ("broken", "cannot be read: Parquet"),
    ],
)
def test_every_refusal_of_the_hub_is_one_clear_line(hub: Hub, tmp_path: Path, mode: str, says: str) -> None:
    hub.mode = mode
    error = str(_read(hub.endpoint, tmp_path)["error"])
    assert says in error
    assert "\n" not in error
    assert error.endswith("source=embedded needs neither login nor network")


@pytest.mark.slow
def test_offline_without_a_cache_says_so(tmp_path: Path) -> None:
    error = str(_read("http://127.0.0.1:1", tmp_path, HF_HUB_OFFLINE="1")["error"])
    assert "cannot be reached and the set is not in the cache" in error
