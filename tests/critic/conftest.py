"""Each test's servers are new: what was learned of another one at the same port is forgotten."""

from __future__ import annotations

import pytest

from persona_metrics.critic import client


@pytest.fixture(autouse=True)
def nothing_learned() -> None:
    """Forget all dialects."""
    client.dialects.clear()
