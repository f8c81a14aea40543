"""Servers that say what a test wants: one response after the other over HTTP, or any bytes over a socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from persona_metrics.critic import Vote
from persona_metrics.critic.client import Endpoint
from persona_metrics.critic.protocol import Prompt
from persona_metrics.critic.request import panel
from persona_metrics.critic.store import Store
from persona_metrics.settings import Settings
from tests.critic.helpers import judgements
from tests.fakes.server import Server

GOOD = json.dumps(
    {
        "chain_of_thought": "bears",
        "personalization_critic": "fits",
        "helpfulness_critic": "helps",
        "conclusion": "goes out",
        "needs_revision": False,
    }
)
"""A debate that ends well."""


class Scripted(Server):
    """Answers the n-th request with the n-th of ``script`` (status, body, headers); after its end like a critic."""

    def __init__(self, *script: tuple[int, Any, Mapping[str, str]], **more: Any) -> None:
        super().__init__(**more)
        self.script = list(script)

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not self.script:
            return await super()._answer(request, body)
        self.log.append((request.path, body, dict(request.headers)))
        status, content, headers = self.script.pop(0)
        return web.Response(
            status=status, text=content if isinstance(content, str) else json.dumps(content), headers=headers
        )


def error(status: int, message: str = "no", code: str | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    return status, {"error": {"message": message, "code": code}}, {k.replace("_", "-"): v for k, v in headers.items()}


def reply(content: Any, finish: str = "stop", refusal: str | None = None) -> tuple[int, Any, dict[str, str]]:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return 200, {"model": "served", "choices": [{"message": message, "finish_reason": finish}]}, {}


def vote(chosen: Settings, number: int = 0) -> Vote:
    async def run() -> Vote:
        endpoint = Endpoint(panel(chosen)[0], chosen, backoff=0.001)
        try:
            with Store("off") as store:
                return await endpoint.vote(Prompt.of(judgements(1)[0]), number, store)
        finally:
            await endpoint.close()

    return asyncio.run(run())


class Raw:
    """Answers each request with what ``said`` makes of its number: bytes, or parts of them with waits (seconds) between.

    Chat completions alone count; the connection is closed behind each answer, unless ``keep``.
    """

    def __init__(self, said: Callable[[int], Any], *, keep: bool = False) -> None:
        self.said, self.keep, self.requests = said, keep, []  # type: ignore[var-annotated]
        self._loop, self._ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Raw:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def base_url(self) -> str:
        """The address for OpenAI's clients."""
        return f"http://127.0.0.1:{self._port}/v1"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._one, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(int(h[15:]) for h in head.decode().lower().split("\r\n") if h.startswith("content-length:"))
                await reader.readexactly(size)
                self.requests.append(head)
                answer = self.said(len(self.requests) - 1)
                for part in answer if isinstance(answer, list) else [answer]:
                    if isinstance(part, bytes):
                        writer.write(part)
                        await writer.drain()
                    else:
                        await asyncio.sleep(part)
                if not self.keep:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def http(content: str | bytes = "", *headers: str, status: str = "200 OK") -> bytes:
    """Return a well-formed response with these headers; without content a completion with a good debate."""
    if not content:
        content = json.dumps({"choices": [{"message": {"content": GOOD}, "finish_reason": "stop"}]})
    body = content.encode() if isinstance(content, str) else content
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"])
    return head.encode("latin-1") + b"\r\n\r\n" + body
