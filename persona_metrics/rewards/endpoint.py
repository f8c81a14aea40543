"""``/verify`` over HTTP on loopback, as NeMo Gym's resources servers answer it. Knows no trainer beside that protocol.

A request holds a dataset row (``persona`` and ``question``, or ``options`` and ``right``) with the model's ``response``;
the reply is the request with ``reward``. A verdict that is missing is HTTP 503 and no reward: a failure never scores.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ..errors import PersonaError, shorten
from ..loopback import LARGEST, NAMES
from .chosen import choice
from .columns import person
from .judged import required
from .terms import Terms

ROW = ("verifier_metadata", "metadata")
"""Where a dataset may keep what the reward reads, beside the request's own top."""


def text_of(response: Any) -> str:
    """Return the assistant's text in a Responses object, the last message's; raise ``PersonaError`` where it is none."""
    output = response.get("output") if isinstance(response, Mapping) else None
    if not isinstance(output, list):
        raise PersonaError("response: not a Responses object with a list under output")
    messages = [item for item in output if isinstance(item, Mapping) and item.get("type", "message") == "message"]
    content = messages[-1].get("content") if messages else ""
    if isinstance(content, list):
        parts = [
            part for part in content if isinstance(part, Mapping) and part.get("type", "output_text") == "output_text"
        ]
        content = "".join(str(part.get("text") or "") for part in parts)
    return content if isinstance(content, str) else ""


@dataclass(frozen=True)
class Asked:
    """A request as far as it counts: the text, and what it is scored by."""

    text: str
    persona: Mapping[str, str] | None = None
    question: str = ""
    options: tuple[str, ...] = ()
    right: int = 0


def read(body: Mapping[str, Any]) -> Asked:
    """Return what a request asks for; raise ``PersonaError`` for one that cannot be."""
    text, row = text_of(body.get("response")), _row(body)
    if "options" in row:
        options, right = row["options"], row.get("right")
        known = isinstance(options, list) and all(isinstance(option, str) for option in options)
        if not known or not isinstance(right, int) or isinstance(right, bool) or not 0 <= right < len(options):
            raise PersonaError("options and right: a list of texts, and the position of the right one")
        return Asked(text, options=tuple(options), right=right)
    question, who = row.get("question"), person(row.get("persona"))
    if not isinstance(question, str) or not question.strip() or who is None:
        raise PersonaError("persona and question: neither may be blank (export --to trl-prompts has both)")
    return Asked(text, who, question)


async def score(asked: Asked, settings: Mapping[str, Any] | None = None, terms: Terms | None = None) -> float:
    """Return the reward; raise ``PersonaError`` where the critic gives no verdict, or the canary stops."""
    if asked.persona is None:
        (value,) = choice([None], [asked.text], options=[asked.options], right=[asked.right])
        assert value is not None
        return value
    return await required(asked.text, asked.persona, asked.question, settings=settings, terms=terms)


def _row(body: Mapping[str, Any]) -> Mapping[str, Any]:
    for place in (body, *(body.get(name) for name in ROW)):
        if isinstance(place, Mapping) and ({"persona", "question"} <= place.keys() or "options" in place):
            return place
    raise PersonaError("the request has neither persona and question nor options and right")


def application(settings: Mapping[str, Any] | None = None, terms: Terms | None = None) -> web.Application:
    """Return the server: ``/verify``, ``/seed_session``, ``/reverify_mode``; pages of other sites are refused."""

    async def verified(request: web.Request) -> web.Response:
        try:
            body = await request.json()
            if not isinstance(body, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:
            return _refused(400, f"not a JSON object: {shorten(error, 80)}")
        try:
            asked = read(body)
        except PersonaError as error:
            return _refused(422, str(error))
        try:
            reward = await score(asked, settings, terms)
        except PersonaError as error:
            return _refused(503, str(error))
        return web.json_response({**body, "reward": reward})

    async def seeded(request: web.Request) -> web.Response:
        del request
        return web.json_response({})

    async def mode(request: web.Request) -> web.Response:
        del request
        return web.json_response("stateless")

    app = web.Application(client_max_size=LARGEST, middlewares=[_of_this_machine])
    app.router.add_post("/verify", verified)
    app.router.add_post("/seed_session", seeded)
    app.router.add_get("/reverify_mode", mode)
    return app


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "code": status}}, status=status)


@web.middleware
async def _of_this_machine(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """Refuse what a page of another site can send: another Host, a foreign Origin, a form's content type."""
    port = request.transport.get_extra_info("sockname")[1] if request.transport is not None else 0
    here = {f"{name}:{port}" for name in NAMES}
    origins = request.headers.getall("Origin", [])
    if (request.host or "").lower() not in here or any(o.lower() not in {f"http://{h}" for h in here} for o in origins):
        return _refused(403, "only programs of this machine are answered: use http://127.0.0.1 and the port")
    if request.method == "POST" and request.content_type != "application/json":
        return _refused(415, "send application/json")
    reply: web.StreamResponse = await handler(request)
    return reply


def serve(port: int, say: Callable[[str], None], settings: Mapping[str, Any] | None = None) -> None:
    """Serve on 127.0.0.1 until interrupted; ``say`` gets the address. Raises ``OSError`` where the port cannot be had."""

    async def run() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        runner = web.AppRunner(application(settings), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            say(f"http://127.0.0.1:{runner.addresses[0][1]}")
            await stop.wait()
        finally:
            await runner.cleanup()

    asyncio.run(run())
