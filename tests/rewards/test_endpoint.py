"""``serve --verify``: NeMo Gym's request in, the request with its reward out; a failure is an error and never a score."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from persona_metrics.rewards.endpoint import application
from tests import warm
from tests.e2e.command import CHECKOUT
from tests.fakes.server import Server
from tests.rewards.test_rewards import PERSONA, honest

ROW = {"responses_create_params": {"input": [{"role": "user", "content": "What should I cook?"}]}, "persona": PERSONA}
ROW |= {"question": "What should I cook?", "pair": "x"}


def response(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    thought: dict[str, Any] = {"type": "reasoning", "id": "r", "summary": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    return {"id": "resp", "object": "response", "model": "m", "output": [thought, message]}


def asked(server: Server, call: Callable[[TestClient[web.Request, web.Application]], Awaitable[Any]]) -> Any:
    """Run one call against the endpoint, whose critic is ``server``."""
    settings = {"critic_model": "m", "critic_base_url": server.base_url, "critic_attempts": 1}

    async def run() -> Any:
        async with TestClient(TestServer(application(settings), host="127.0.0.1")) as client:
            return await call(client)

    return asyncio.run(run())


async def posted(client: Any, body: Any, **more: Any) -> tuple[int, Any]:
    async with client.post("/verify", json=body, **more) as answer:
        return answer.status, await answer.json()


def test_request_comes_back_with_its_reward() -> None:
    with Server(verdict=honest) as server:
        for text, reward in (("FITS 43", 1.0), ("Steak.", 0.0)):
            body = {**ROW, "response": response(text)}
            status, answer = asked(server, lambda client, body=body: posted(client, body))
            assert (status, answer) == (200, {**body, "reward": reward})


def test_row_may_lie_in_the_metadata_and_a_choice_needs_no_critic() -> None:
    with Server(verdict=honest) as server:
        inner = {"response": response("FITS 43"), "verifier_metadata": {"persona": PERSONA, "question": "Q?"}}
        assert asked(server, lambda client: posted(client, inner))[1]["reward"] == 1.0
        counts = dict(server.counts)
        chosen = {"response": response("B"), "options": ["Soup", "Steak"], "right": 1}
        assert asked(server, lambda client: posted(client, chosen))[1]["reward"] == 1.0
        assert dict(server.counts) == counts


def test_missing_verdict_is_an_error_without_a_reward() -> None:
    with Server(verdict=honest) as server:
        asked(server, lambda client: posted(client, {**ROW, "response": response("FITS 43")}))
        server.debate = lambda _: "none"  # type: ignore[method-assign,assignment]
        status, answer = asked(server, lambda client: posted(client, {**ROW, "response": response("Another")}))
    assert status == 503
    assert "reward" not in answer
    assert "nothing was scored" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ([1], 400, "not a JSON object"),
        ({**ROW}, 422, "response: not a Responses object"),
        ({"response": response("x")}, 422, "neither persona and question"),
        ({**ROW, "persona": "{", "response": response("x")}, 422, "not the JSON of a persona"),
        ({"response": response("x"), "options": ["a", "b"], "right": 2}, 422, "options and right"),
    ],
)
def test_request_that_cannot_be_is_refused_in_words(body: Any, status: int, said: str) -> None:
    with Server(verdict=honest) as server:
        got, answer = asked(server, lambda client: posted(client, body))
    assert got == status
    assert said in answer["error"]["message"]


def test_pages_of_other_sites_get_nothing_and_cost_nothing() -> None:
    body = {**ROW, "response": response("FITS 43")}

    async def foreign(client: Any) -> list[int]:
        found = []
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            found.append((await posted(client, body, headers=headers))[0])
        async with client.post("/verify", data=json.dumps(body), headers={"Content-Type": "text/plain"}) as answer:
            found.append(answer.status)
        return found

    with Server(verdict=honest) as server:
        assert asked(server, foreign) == [403, 403, 415]
        assert server.counts == {}


def test_command_serves_until_it_is_ended(tmp_path: Any) -> None:
    with Server(verdict=honest) as server:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PERSONA_CRITIC_MODEL": "m"}
        environment |= {"PERSONA_CRITIC_BASE_URL": server.base_url, "PERSONA_CRITIC_STORE": str(tmp_path / "s.sqlite")}
        command = [*warm.python(), "-m", "persona_metrics", "serve", "--verify", "--port", "0"]
        running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        address = running.stdout.readline().strip()
        import requests

        body = {**ROW, "response": response("FITS 43")}
        assert requests.post(f"{address}/verify", json=body, timeout=60).json()["reward"] == 1.0
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
