"""A lean OpenAI-compatible server for measurements: it costs little CPU itself, and keeps time at its own end.

Every chat completion is answered ``latency`` seconds after it has arrived, with a reply of the asked-for form: a
critic's debate for the fenced prompt of the pack, arguments of a tool call where tools are given, a text otherwise.
``GET /stats`` returns and resets what was counted: calls, first and last time, the most in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

DEBATE = json.dumps(
    {
        "chain_of_thought": "The person's means and family bear on the question. " * 8,
        "personalization_critic": "The answer follows from what matters here. " * 8,
        "helpfulness_critic": "It answers the question and stays on it. " * 8,
        "conclusion": "It can go out as it is. " * 4,
        "needs_revision": False,
    }
)
ANSWER = "Start with what you can change this week, and talk it over with somebody you trust. " * 12


def _reply(message: dict[str, Any], finish: str = "stop") -> bytes:
    body = json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 900, "completion_tokens": 250, "total_tokens": 1150},
        }
    ).encode()
    return _response(body)


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


CRITIC_REPLY = _reply({"content": DEBATE})
TEXT_REPLY = _reply({"content": ANSWER})


def _tool_reply(request: bytes) -> bytes:
    """Fill in the first tool's parameters: texts by a text, booleans by false."""
    function = json.loads(request)["tools"][0]["function"]
    fields = function["parameters"]["properties"]
    values = {name: False if field.get("type") == "boolean" else ANSWER for name, field in fields.items()}
    call = {"name": function["name"], "arguments": json.dumps(values)}
    message = {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": call}]}
    return _reply(message, "tool_calls")


class Clock:
    """What the server has seen since the last look."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.calls = self.inflight = self.peak = 0
        self.first = self.last = 0.0
        self.kinds: dict[str, int] = {}

    def look(self) -> bytes:
        """Return what was seen, as JSON, and begin again."""
        seen = {
            "calls": self.calls,
            "peak": self.peak,
            "seconds": self.last - self.first,
            "first": self.first,
            "kinds": self.kinds,
            "server_cpu": time.process_time(),
        }
        self.reset()
        return json.dumps(seen).encode()


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection; requests on it come one after the other."""

    def __init__(self, clock: Clock, latency: float) -> None:
        self._clock, self._latency = clock, latency
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._data[:end]).lower()
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            body = bytes(self._data[end + 4 : end + 4 + length])
            del self._data[: end + 4 + length]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get "):
            self._transport.write(_response(self._clock.look() if b"/stats" in head[:40] else b'{"data": []}'))
            return
        clock = self._clock
        if b"<<<persona " in body:
            kind, reply = "critic", CRITIC_REPLY
        elif b'"tools"' in body:
            kind, reply = "tool", _tool_reply(body)
        else:
            kind, reply = "text", TEXT_REPLY
        clock.calls += 1
        clock.kinds[kind] = clock.kinds.get(kind, 0) + 1
        clock.inflight += 1
        clock.peak = max(clock.peak, clock.inflight)
        clock.first = clock.first or time.monotonic()
        asyncio.get_running_loop().call_later(self._latency, self._send, reply)

    def _send(self, reply: bytes) -> None:
        self._clock.inflight -= 1
        self._clock.last = time.monotonic()
        if not self._transport.is_closing():
            self._transport.write(reply)


async def serve(port: int, latency: float) -> None:
    """Serve on loopback until the process ends; the port is the first line on stdout."""
    clock = Clock()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(clock, latency), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.2)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.latency))


if __name__ == "__main__":
    main()
