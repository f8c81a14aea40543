"""A critic over HTTP and answers for it to judge; a file that needs others has its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.server import Server
from tests.scoring.batches import COUNT
from tests.scoring.made import line, write


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A critic that also takes batches."""
    with Server(key="sk-test-secret") as running:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", running.base_url)
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", "sk-test-secret")
        yield running


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Twelve answers."""
    return write(tmp_path / "answers.jsonl", [line(i) for i in range(COUNT)])
