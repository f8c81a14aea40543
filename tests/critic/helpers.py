"""What the critic's tests share: judgements to make, settings that point at a server, and what should come out."""

from __future__ import annotations

from typing import Any

from persona_metrics import settings
from persona_metrics.critic import Judgement, Verdict, judge
from persona_metrics.settings import Settings
from tests.fakes.server import Server, default_verdict


def judgements(count: int, start: int = 0) -> list[Judgement]:
    """Return so many different judgements."""
    return [
        Judgement(f"What about {i}?", {"age": str(20 + i % 50), "sex": "Female"}, f"Answer number {i}.")
        for i in range(start, start + count)
    ]


def expected(asked: list[Judgement]) -> list[bool]:
    """Return the verdicts that the test server's critic gives."""
    return [not default_verdict(j.question, dict(j.persona), j.answer) for j in asked]


def pointing_at(server: Server, **more: Any) -> Settings:
    """Return settings whose critic is the server."""
    return settings.load({"critic_model": "m", "critic_base_url": server.base_url, **more})


def judged(server: Server, asked: list[Judgement], **more: Any) -> list[Verdict]:
    """Judge against the server, with waits too short to notice."""
    return judge(asked, pointing_at(server, **more), progress=False, backoff=0.001)


def values(verdicts: list[Verdict]) -> list[bool | None]:
    """Return True, False or None a verdict."""
    return [v.personalized for v in verdicts]
