"""A small OpenAI-compatible server over real HTTP: it plays the model and the critic, whose verdicts are a known function.

Stands in for paid endpoints only. ``with Server() as server:`` in tests, or ``python -m tests.fakes.server --port 8000``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from tests.fakes import batches

Reply = Callable[[str, int], str]
"""(prompt text, seed) -> the model's reply."""
Verdict = Callable[[str, dict[str, str], str], bool]
"""(question, persona, answer) -> needs_revision."""
Prefer = Callable[[str, dict[str, str], str, str], bool]
"""(question, persona, first answer, second answer) -> whether the first is better."""

FAULTS = (
    "429",
    "503",
    "500",
    "408",
    "drop",
    "hang",
    "null",
    "empty",
    "garbage",
    "truncated",
    "refusal",
)
_FENCED = re.compile(r"<<<(question|persona|(?:first |second )?answer) (\w+)>>>\n(.*?)\n<<<end \1 \2>>>", re.S)
_ASKED = ({"question", "persona", "answer"}, {"question", "persona", "first answer", "second answer"})


def _fenced(text: str) -> dict[str, str]:
    return {name: value for name, _, value in _FENCED.findall(text)}


def draw(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts alone."""
    digest = hashlib.sha256("\x00".join(map(str, parts)).encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def default_reply(prompt: str, seed: int) -> str:
    """Answer with a text that depends on the prompt and the seed alone."""
    return f"Answer {hashlib.sha256(f'{seed}/{prompt}'.encode('utf-8', 'replace')).hexdigest()[:12]}."


def default_verdict(question: str, persona: dict[str, str], answer: str) -> bool:
    """Ask for a revision of four answers in ten, by the answer's text."""
    del question, persona
    return draw("verdict", answer) < 0.4


def default_preference(question: str, persona: dict[str, str], first: str, second: str) -> bool:
    """Prefer one of two answers by their texts, wherever they stand."""
    del question, persona
    return draw("preference", first) <= draw("preference", second)


class Server:
    """Serves on a free port of loopback until closed. ``log`` holds every request's path and body."""

    def __init__(
        self,
        *,
        reply: Reply = default_reply,
        verdict: Verdict = default_verdict,
        prefer: Prefer = default_preference,
        latency: float = 0.0,
        key: str | None = None,
        models: tuple[str, ...] | None = None,
        formats: tuple[str, ...] = ("json_schema", "json_object", "text"),
        faults: Mapping[str, float] | None = None,
        fault_seed: int = 0,
        retry_after: str = "0.05",
        keep_log: bool = True,
        port: int = 0,
        batch_looks: int = 1,
        batch_faults: Mapping[str, float] | None = None,
    ) -> None:
        self.batch_looks, self.batch_faults = batch_looks, dict(batch_faults or {})
        self.prefer = prefer
        self.reply, self.verdict, self.latency, self.key, self.models = reply, verdict, latency, key, models
        self.formats, self.faults, self.fault_seed, self.retry_after = (
            formats,
            dict(faults or {}),
            fault_seed,
            retry_after,
        )
        self.keep_log = keep_log
        self._log: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self._counts: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.inflight = self.peak = 0
        self.first = self.last = 0.0
        self.files: dict[str, bytes] = {}
        self.content_at = ""
        """Where another server hands out the files' content, if one does."""
        self.batches: dict[str, dict[str, Any]] = {}
        self.batch_headers: list[dict[str, str]] = []
        self._port = port
        self._ready = threading.Event()
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        if not self._ready.wait(60):
            raise RuntimeError("the test server did not start")
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def log(self) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
        """Every request that was sent by now."""
        self._catch_up()
        return self._log

    @property
    def counts(self) -> Counter[str]:
        """How many of each kind were sent by now."""
        self._catch_up()
        return self._counts

    def _catch_up(self) -> None:
        # A run that is stopped leaves requests behind that lie unread in the sockets here. Each time around the loop all
        # of them go a step on: a connection is taken, its request is read, and heard.
        if self._thread.is_alive() and not self._closing and threading.current_thread() is not self._thread:
            asyncio.run_coroutine_threadsafe(_rounds(25), self._loop).result(30)

    @property
    def base_url(self) -> str:
        """The address for OpenAI's clients."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def chat_url(self) -> str:
        """The address for lm-eval's chat models."""
        return f"{self.base_url}/chat/completions"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._completions)
        batches.add_routes(app, self)
        self.routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self._port, backlog=1024)
        self._loop.run_until_complete(site.start())
        self._port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    def routes(self, app: web.Application) -> None:
        """Add more routes; a server that has them says which."""

    def refused(self, request: web.Request, body: Mapping[str, Any]) -> web.Response | None:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "Incorrect API key provided")
        if self.models is not None and body.get("model") not in self.models:
            return _error(404, f"The model {body.get('model')!r} does not exist")
        return None

    async def _models(self, request: web.Request) -> web.Response:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "Incorrect API key provided")
        return web.json_response(
            {"object": "list", "data": [{"id": m, "object": "model"} for m in self.models or ("m",)]}
        )

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.inflight += 1
        self.peak = max(self.peak, self.inflight)
        self.first = self.first or time.monotonic()
        try:
            return await self._answer(request, body)
        finally:
            self.inflight -= 1
            self.last = time.monotonic()

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if self.keep_log:
            self.log.append((request.path, body, dict(request.headers)))
        if (refused := self.refused(request, body)) is not None:
            return refused
        text = "\n".join(str(m["content"]) for m in body["messages"])
        critic = set(_fenced(text)) in _ASKED
        self.counts["critic" if critic else "model"] += 1
        if self.latency:
            await asyncio.sleep(self.latency)
        kind = (body.get("response_format") or {"type": "text"})["type"]
        if critic and kind not in self.formats:
            return _error(400, f"response_format type {kind} is not supported")
        if (fault := self._fault(text, body)) is not None:
            return await self._faulty(request, fault)
        if not critic:
            return _completion(self.reply(text, int(body.get("seed") or 0)), body)
        return _completion(self.judged(text), body)

    def judged(self, text: str) -> str:
        """Return the critic's reply to a prompt, by what stands between its fences."""
        fenced = _fenced(text)
        return self.debate(fenced) if "answer" in fenced else self.preference(fenced)

    def debate(self, fenced: Mapping[str, str]) -> str:
        """Return the critic's reply to what stands between the fences."""
        question, persona, answer = (json.loads(fenced[name]) for name in ("question", "persona", "answer"))
        needs = self.verdict(question, persona, answer)
        return json.dumps(
            {
                "chain_of_thought": "What bears on it.",
                "personalization_critic": f"Fits {len(persona)} attributes.",
                "helpfulness_critic": "It helps.",
                "conclusion": "Revise it." if needs else "Let it go out.",
                "needs_revision": needs,
            }
        )

    def preference(self, fenced: Mapping[str, str]) -> str:
        """Return the critic's reply to two answers between the fences."""
        names = ("question", "persona", "first answer", "second answer")
        question, persona, first, second = (json.loads(fenced[name]) for name in names)
        better = self.prefer(question, persona, first, second)
        return json.dumps(
            {
                "chain_of_thought": "What bears on the choice.",
                "for_first": f"The first has {len(first)} letters.",
                "for_second": f"The second has {len(second)} letters.",
                "conclusion": "The first it is." if better else "The second it is.",
                "better": "first" if better else "second",
            }
        )

    def _fault(self, text: str, body: Mapping[str, Any]) -> str | None:
        # By prompt and how often it came: the same run fails the same way, and a retry may succeed.
        key = hashlib.sha256(f"{text}/{body.get('seed')}".encode("utf-8", "replace")).hexdigest()
        self.seen[key] += 1
        chance, total = draw("fault", self.fault_seed, key, self.seen[key]), 0.0
        for name, rate in self.faults.items():
            total += rate
            if chance < total:
                return name
        return None

    async def _faulty(self, request: web.Request, fault: str) -> web.StreamResponse:
        self.counts[f"fault {fault}"] += 1
        if fault.isdigit():
            headers = {"Retry-After": self.retry_after} if fault in ("429", "503") else {}
            return _error(int(fault), "try again", headers)
        if fault == "drop":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault == "hang":
            await asyncio.sleep(30)
        contents = {
            "null": None,
            "empty": "",
            "garbage": 'Sure! {"needs_revision": "maybe"',
            "truncated": '{"chain_of',
            "refusal": None,
        }
        finish = {"truncated": "length"}.get(fault, "stop")
        return _completion(contents.get(fault), {}, finish, "I cannot help with that." if fault == "refusal" else None)

    async def _completions(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.counts["completions"] += 1
        if self.keep_log:
            self.log.append((request.path, body, dict(request.headers)))
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        choices = [
            {"index": i, "text": self.reply(str(p), int(body.get("seed") or 0)), "finish_reason": "stop"}
            for i, p in enumerate(prompts)
        ]
        return web.json_response(
            {"id": "x", "object": "text_completion", "model": body.get("model"), "choices": choices}
        )


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "error"}}, status=status, headers=headers)


def _completion(
    content: str | None, body: Mapping[str, Any], finish: str = "stop", refusal: str | None = None
) -> web.Response:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return web.json_response(
        {
            "id": "chatcmpl-test",
            "object": "chat.completion",
            "created": 0,
            "model": body.get("model", "m"),
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 700, "completion_tokens": 80, "total_tokens": 780},
        }
    )


async def _rounds(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--latency", type=float, default=0.0)
    arguments = parser.parse_args()
    random.seed(0)
    with Server(port=arguments.port, latency=arguments.latency, keep_log=False) as server:
        print(server.base_url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
