"""``/v1/completions`` with echo and logprobs, as vLLM serves it, its tokenizer with it: a token is a character."""

from __future__ import annotations

import math
from typing import Any

from aiohttp import web

from tests.fakes.choosing import Shares, read
from tests.fakes.server import Server

LETTERS = "ABCDEFGHIJ"


class Echo(Server):
    """Scores the last character of a prompt as an option's letter, by planted shares; everything before it is certain."""

    def __init__(self, shares: Shares, **options: Any) -> None:
        super().__init__(**options)
        self.shares = shares

    @property
    def completions_url(self) -> str:
        """Where lm-eval's ``local-completions`` asks."""
        return f"{self.base_url}/completions"

    def routes(self, app: web.Application) -> None:
        """Add the tokenizer."""
        app.router.add_get("/tokenizer_info", self._info)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/detokenize", self._detokenize)

    async def _info(self, _: web.Request) -> web.Response:
        return web.json_response({"tokenizer_class": "Characters", "eos_token": "\x03", "bos_token": "\x02"})

    async def _tokenize(self, request: web.Request) -> web.Response:
        tokens = [ord(c) for c in (await request.json())["prompt"]]
        return web.json_response({"tokens": tokens, "count": len(tokens), "max_model_len": 100_000})

    async def _detokenize(self, request: web.Request) -> web.Response:
        return web.json_response({"prompt": "".join(map(chr, (await request.json())["tokens"]))})

    async def _completions(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.counts["completions"] += 1
        if not (body.get("echo") and body.get("logprobs")):
            return await super()._completions(request)
        given = body["prompt"]
        prompts = given if isinstance(given[0], list | str) and not isinstance(given, str) else [given]
        choices = [{"index": i, "finish_reason": "length", **self._scored(one)} for i, one in enumerate(prompts)]
        return web.json_response({"id": "x", "object": "text_completion", "model": body["model"], "choices": choices})

    def _scored(self, prompt: list[int] | str) -> dict[str, Any]:
        text = prompt if isinstance(prompt, str) else "".join(map(chr, prompt))
        context, letter = text[:-1], text[-1]
        # The dry request before the run is about no option.
        share = self.shares(read(context))[LETTERS.index(letter)] if letter in LETTERS else 0.5
        last = math.log(share) if share else -1e4
        logprobs = [None, *[0.0] * (len(text) - 2), last, -0.5]
        top = [None if p is None else {t: p} for t, p in zip([*text, "."], logprobs, strict=True)]
        return {
            "text": f"{text}.",
            "logprobs": {"tokens": [*text, "."], "token_logprobs": logprobs, "top_logprobs": top},
        }
