"""Replies without content through lm-eval's own client: they are answer failures, and nothing to judge."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests import warm
from tests.fakes.server import Server

RUN = """
import sys
from persona_metrics.api import evaluate_model
result = evaluate_model("m", n=12, base_url=sys.argv[1], critic_model="m", critic_base_url=sys.argv[1], by="")
print(result.samples[["answer", "answer_failure"]].to_json(orient="records"))
"""
CONTENTS: tuple[str | None, ...] = (None, "", " \n", "An answer.")


class Wordless(Server):
    """A model that answers its n-th request with the n-th of ``CONTENTS``, over and over."""

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if "<<<persona" in str(body["messages"]):
            return await super()._answer(request, body)
        content = CONTENTS[self.counts["model"] % len(CONTENTS)]
        self.counts["model"] += 1
        message = {"role": "assistant", "content": content}
        return web.json_response({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


@pytest.mark.parametrize("placeholder", [None, "[no content]"])
def test_null_and_empty_content_is_an_answer_failure(placeholder: str | None, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": warm.path()}
    environment.pop("LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER", None)
    if placeholder is not None:
        environment["LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER"] = placeholder
    with Wordless() as server:
        command = [*warm.python(), "-c", RUN, server.base_url]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        judged = [body for _, body, _ in server.log if body["messages"][0]["role"] == "system"]
    results = json.loads(done.stdout.strip().splitlines()[-1])
    assert [r["answer_failure"] for r in results].count("empty reply") == 9
    assert [r["answer"] for r in results if r["answer_failure"] is None] == ["An answer."] * 3
    assert all(("[no content]" not in str(body)) for body in judged)
