"""Asks an endpoint for an answer to a prompt instead of a vote: the critic's client, with another body and another reader.

The body is the one that lm-eval's chat models send for the same prompt and sampling. Knows no fleet and no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..settings import Settings
from .client import Endpoint
from .dialect import FORMATS, Dialect
from .protocol import Messages, Opinion, Prompt, Protocol
from .reply import Reply
from .request import Critic
from .transport import Unreachable, Unreadable

SEED = 1234
"""What lm-eval's API models send where a prompt names no seed of its own."""
MAX_TOKENS = 256
"""And how many tokens they ask for where its sampling does not say."""
_MOST_STOPS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's reply as it came, with its thinking; taking the answer out of it is ``answers.extract``'s."""

    text: str

    @property
    def outcome(self) -> str:
        """The text."""
        return self.text


@dataclass(frozen=True)
class Asked(Prompt):
    """A prompt with lm-eval's sampling (``generation_kwargs``): ``max_gen_toks``, ``temperature``, ``until``, ``seed``, …"""

    sampling: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def plain(cls, messages: Messages, sampling: Mapping[str, Any]) -> Asked:
        """Return it with the one protocol that there is for answers."""
        return cls(messages, _PROTOCOL, sampling)


def _none() -> Any:
    raise NotImplementedError("an answer has no dry run")


_PROTOCOL = Protocol(
    name="answer",
    template="",
    schema={},
    parse=Answer,
    restore=Answer,
    outcome_field="reply",
    sections=(),
    probe=_none,
)


def sampled(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """Return an OpenAI request's fields for lm-eval's ``generation_kwargs``, as its chat models make them.

    ``max_tokens`` is always there, ``stop`` only where something ends the reply.
    """
    left = {name: value for name, value in sampling.items() if name != "do_sample"}
    until = left.pop("until", None)
    stop = [until] if isinstance(until, str) else list(until or ())
    longest = left.pop("max_gen_toks", MAX_TOKENS)
    made = {"max_tokens": longest, "temperature": 0, "seed": SEED, **left}
    if made["seed"] is None:
        made["seed"] = SEED
    return made | ({"stop": stop[:_MOST_STOPS]} if stop else {})


class Answering(Endpoint):
    """One endpoint of the model that answers. ``number`` of ``ask`` is not used: a prompt's sampling holds its seed."""

    def __init__(self, critic: Critic, settings: Settings, **given: Any) -> None:
        super().__init__(critic, settings, **given)
        # No format is asked for, so that none can be the cause of a rejection; learned apart from what a critic learns.
        self.dialect = Dialect(format=len(FORMATS) - 1)

    async def models(self) -> list[str]:
        """Return the models that the endpoint lists, none where it lists none or does not answer."""
        try:
            response = await self._transport.get("/models", min(10.0, self._settings.critic_timeout))
        except (TimeoutError, Unreachable, Unreadable):
            return []
        try:
            data = json.loads(response.content)
        except (ValueError, RecursionError):
            return []
        listed = data.get("data") if isinstance(data, Mapping) else None
        names = [one.get("id") for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
        return [name for name in names if isinstance(name, str) and name]

    def _longest(self, prompt: Prompt, dialect: Dialect, above: int) -> int:  # noqa: ARG002
        # A longer reply would be one to another prompt: the limit belongs to the task.
        return int(_sampling(prompt)["max_tokens"])

    def _body(self, prompt: Prompt, number: int, dialect: Dialect, limit: int) -> dict[str, Any]:  # noqa: ARG002
        made = _sampling(prompt)
        del made["max_tokens"]
        for name in ("temperature", "seed"):
            if not getattr(dialect, name):
                made.pop(name, None)
        messages = dialect.addressed(prompt.messages)
        if dialect.max_tokens:
            made[dialect.max_tokens] = limit
        return {"model": self.critic.model, "messages": messages, **made}

    def _opinion(self, data: Any, found: Reply, prompt: Prompt) -> tuple[Opinion, str] | None:  # noqa: ARG002
        """Return the content as it came, blank or not: what a model says, be it nothing, is its answer, and no failure."""
        body = data[0] if isinstance(data, list) and len(data) == 1 else data
        choices = body.get("choices") if isinstance(body, Mapping) else None
        if not (isinstance(choices, list) and choices and isinstance(choices[0], Mapping)):
            return None
        if choices[0].get("finish_reason") == "error":
            return None
        if not isinstance(choices[0].get("message"), Mapping) and not isinstance(choices[0].get("text"), str):
            return None
        text = found.texts[0] if found.texts else ""
        return Answer(text), text


def _sampling(prompt: Prompt) -> dict[str, Any]:
    return sampled(prompt.sampling if isinstance(prompt, Asked) else {})
