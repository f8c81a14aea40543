"""Rolls tasks of the environment out through verifiers' own agent, and prints each trace's rewards and error.

``python verifiers_rollouts.py POLICY_URL KIND N …``; run by test_verifiers.py in a venv that has verifiers. The program in
the agent's seat is the least there is: it sends the prompt on to the endpoint that verifiers puts before the policy.
"""

from __future__ import annotations

import asyncio
import json
import sys
import types
from typing import Any

import aiohttp
import verifiers.v1 as vf
from verifiers.v1.runtimes import ProgramResult, SubprocessConfig
from verifiers.v1.utils.loaders import load_taskset, taskset_config_type


class PlainHarness(vf.Harness[vf.HarnessConfig]):
    """Sends the prompt as one user message."""

    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: Any,
        trace: Any,
        runtime: Any,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: vf.TaskData,
        **more: Any,
    ) -> ProgramResult:
        """Ask once."""
        del trace, runtime, mcp_urls, more
        body = {"model": ctx.model, "messages": [{"role": "user", "content": data.prompt_text}]}
        headers = {"Authorization": f"Bearer {secret}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{endpoint}/chat/completions", json=body, headers=headers) as answer,
        ):
            text = await answer.text()
            return ProgramResult(exit_code=0 if answer.status == 200 else 1, stdout=text, stderr=text)


plain = types.ModuleType("plain_harness")
plain.PlainHarness = PlainHarness  # type: ignore[attr-defined]
plain.__all__ = ["PlainHarness"]  # type: ignore[attr-defined]
sys.modules["plain_harness"] = plain


async def rolled(url: str, kind: str, n: int) -> list[dict[str, Any]]:
    """Roll out ``n`` tasks and return what verifiers recorded."""
    kinds = taskset_config_type("persona-metrics-env")
    taskset = load_taskset(kinds(id="persona-metrics-env", kind=kind, n=n))
    config = vf.AgentConfig(
        harness={"id": "plain_harness"},
        runtime=SubprocessConfig(),
        model="m",
        client=vf.EvalClientConfig(base_url=url, api_key_var="POLICY_KEY"),
    )
    agent = vf.make_agent(config)
    found = []
    for task in taskset.take(n):
        trace = await agent.run(task)
        error = trace.last_error
        found.append(
            {
                "key": task.key,
                "reply": trace.last_reply,
                "rewards": {name: getattr(one, "value", one) for name, one in dict(trace.rewards).items()},
                "error": None if error is None else str(error),
            }
        )
    return found


async def main(url: str, *kinds: str) -> None:
    """Print one list for each kind."""
    pairs = zip(kinds[::2], map(int, kinds[1::2]), strict=True)
    print(json.dumps([await rolled(url, *pair) for pair in pairs], default=str))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
