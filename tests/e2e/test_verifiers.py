"""The environment for verifiers, rolled out by verifiers' own agent against endpoints that stand in for policy and critic."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.dataset.sources import draw, load_pool
from persona_metrics.personas import shown
from persona_metrics.prompts import render
from persona_metrics.settings import load
from tests.e2e.command import CHECKOUT
from tests.e2e.test_exports import call
from tests.e2e.tools import tool_python
from tests.fakes.server import Server, default_reply, default_verdict

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="verifiers needs Python 3.11"),
]
ROLLOUTS = Path(__file__).with_name("verifiers_rollouts.py")


def verdict(question: str, persona: dict[str, str], answer: str) -> bool:
    """Judge the policy's answers by their text, and let no trick of the canary's pass."""
    return not answer.startswith("Answer ") or default_verdict(question, persona, answer)


def rolled(server: Server, folder: Path, **kinds: int) -> list[list[dict[str, Any]]]:
    """Return what verifiers recorded of so many rollouts of each kind, whose policy and critic are ``server``."""
    python = tool_python("verifiers==0.4.0", with_ours=True)
    environment = CHECKOUT / "environments" / "persona_metrics"
    printed = call(
        *(python, str(ROLLOUTS), server.base_url),
        *(word for kind, n in kinds.items() for word in (kind, str(n))),
        PYTHONPATH=f"{CHECKOUT}:{environment}",
        HF_HUB_OFFLINE="1",
        POLICY_KEY="x",
        PERSONA_CRITIC_MODEL="c",
        PERSONA_CRITIC_BASE_URL=server.base_url,
        PERSONA_CRITIC_ATTEMPTS="1",
        PERSONA_CRITIC_STORE=str(folder / "s.sqlite"),
        PERSONA_CARD=str(folder),
    )
    found: list[list[dict[str, Any]]] = json.loads(printed.splitlines()[-1])
    return found


def test_rollouts_earn_the_verdict_and_a_judge_that_fails_scores_nothing(tmp_path: Path) -> None:
    chosen = load({"n": 6})
    prompts = [
        render("answer/output_only.jinja", persona=shown(pair.persona.attributes), question=pair.question.text)
        for pair in draw(load_pool(chosen), 6, 0)
    ]
    answers = [default_reply(prompt, 0) for prompt in prompts]
    with Server(verdict=verdict) as server:
        real = server.debate
        server.debate = lambda f: "none" if answers[2] in f["answer"] else real(f)  # type: ignore[method-assign]
        found, choices = rolled(server, tmp_path, personalized=6, choice=2)
    assert [one["reply"] for one in found] == answers
    for number, one in enumerate(found):
        if number == 2:
            assert "nothing was scored" in one["error"]
            assert one["rewards"].get("fits") is None
        else:
            assert one["error"] is None
            assert one["rewards"] == {"fits": float(not default_verdict("", {}, answers[number]))}
    assert [one["rewards"] for one in choices] == [{"fits": 0.0}] * 2


def test_package_pins_the_client_that_verifiers_takes() -> None:
    import tomllib

    data = tomllib.loads((CHECKOUT / "environments" / "persona_metrics" / "pyproject.toml").read_text())
    assert "openai>=2.54,<3" in data["project"]["dependencies"]
    assert "verifiers>=0.4,<0.5" in data["project"]["dependencies"]
