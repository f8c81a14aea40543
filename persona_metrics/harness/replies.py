"""What the endpoint under test sends, made into replies: errors with code 200, lists of parts, limits, a server that is gone.

lm-eval's client ends the run, with its stack, where a request of thousands fails, and takes an error for an empty reply.
Here what cannot be had is a ``NoReply``: missing, never 0. Only requests of ours are touched; knows no task.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ..answers import text_of
from ..consoles import say
from ..costs.usage import Usage
from ..errors import PersonaError, shorten
from ..evaluations.judgefree import is_no_reply
from .endpoint import Failure, ServedError, address, failure_of, hint
from .exits import user_errors
from .spending import letters, told

PATIENCE = 8
"""Attempts while an endpoint says that it is busy; other failures that may pass have lm-eval's ``max_retries``."""
HOPELESS = 20
"""Requests that failed one after the other, without one that passed, before the run stops."""


class NoReply(str):
    """Stands where the endpoint gave no reply; the text says why. Missing: no failure of the model's."""

    __slots__ = ()


def reply_text(reply: Any) -> str:
    """Return a reply as text; a ``NoReply`` stays one, and no model's own words read like it in the samples."""
    if isinstance(reply, NoReply):
        return reply
    text = text_of(reply)
    return f" {text}" if is_no_reply(text) else text


_mending: ContextVar[list[str] | None] = ContextVar("_mending", default=None)
"""Set while a request of ours is in flight: what lm-eval logs of it is heard here and not shown."""


_asked: ContextVar[list[str]] = ContextVar("_asked")
"""The contexts of the request in flight, where lm-eval does not name them to what reads the reply."""


def guard(model: Any, requests: Iterable[Any], task: str = "") -> Guard:
    """Let ``model`` (an endpoint of lm-eval's) answer these requests of a task of ours through a guard, one a model."""
    found = vars(model).get("_persona_guard")
    if found is None:
        found = model._persona_guard = Guard(model)
    for request in requests:
        found.contexts[_text(request.args[0])].append(task)
    return found  # type: ignore[no-any-return]


class Guard:
    """Stands before ``amodel_call``, ``model_call`` and ``parse_generations`` of one model."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.contexts: dict[str, deque[str]] = defaultdict(deque)
        """The tasks that ask with a text, each as often as it does."""
        self.usage: dict[str, Usage] = defaultdict(Usage)
        """By task, what its replies took."""
        self.passed = 0
        self._seconds = 0.0
        self.cut = 0
        self.missing: Counter[str] = Counter()
        self._in_a_row = 0
        self._parse, self._call, self._acall = model.parse_generations, model.model_call, model.amodel_call
        model.parse_generations, model.model_call, model.amodel_call = self.parse, self.call, self.acall
        logger = logging.getLogger("lm_eval.models.api_models")
        if not any(isinstance(known, _Heard) for known in logger.filters):
            logger.addFilter(_Heard())

    # -- in lm-eval's three places -------------------------------------------------------------------------------------

    async def acall(self, **given: Any) -> Any:
        """Ask concurrently: replies are parsed within, so that an error in a body is one of the request's."""
        if not self._ours(given):
            return await self._acall(**given)
        for attempt in itertools.count(1):
            token, began = _mending.set([]), time.monotonic()
            _asked.set(self._texts(given))
            try:
                answers = await self._acall(**given)
            except Exception as error:  # whatever the transport raises is this request's own failure
                wait = self._wait(failure_of(error, _mending.get() or ()), attempt)
            else:
                self._pass(time.monotonic() - began)
                return answers
            finally:
                _mending.reset(token)
            if isinstance(wait, NoReply):
                return [wait] * len(given["messages"])
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    def call(self, messages: Any, **given: Any) -> Any:
        """Ask one at a time: lm-eval parses what is returned, so that an error in a body is looked for here."""
        if not self._ours({"messages": messages, **given}):
            return self._call(messages=messages, **given)
        for attempt in itertools.count(1):
            token, began = _mending.set([]), time.monotonic()
            try:
                outputs = self._call(messages=messages, **given)
                for output in outputs if isinstance(outputs, list) else [outputs]:
                    mended(output)
            except Exception as error:
                wait = self._wait(failure_of(error, _mending.get() or ()), attempt)
            else:
                self._pass(time.monotonic() - began)
                return outputs
            finally:
                _mending.reset(token)
            if isinstance(wait, NoReply):
                return wait
            time.sleep(wait)
        raise AssertionError("unreachable")

    def parse(self, outputs: Any, **given: Any) -> Any:
        """Return one reply a choice; raise ``ServedError`` where the body holds an error instead."""
        contexts = given.get("contexts")
        if isinstance(outputs, NoReply):
            return [outputs] * len(contexts or [outputs])
        if _mending.get() is None and not (contexts and _text(contexts[0]) in self.contexts):
            return self._parse(outputs=outputs, **given)
        bodies = [mended(output) for output in (outputs if isinstance(outputs, list) else [outputs])]
        self.cut += sum(_all_thought(choice) for body in bodies for choice in body["choices"])
        self._count(bodies, [_text(c) for c in contexts] if contexts else _asked.get([]))
        return self._parse(outputs=bodies, **given)

    def _count(self, bodies: list[dict[str, Any]], texts: list[str]) -> None:
        """Enter the tokens that the bodies tell of, under the task whose turn it is to have asked."""
        share = -(-len(texts) // len(bodies))
        for at, body in enumerate(bodies):
            mine = texts[at * share : (at + 1) * share]
            tasks = self.contexts.get(mine[0]) if mine else None
            task = tasks[0] if tasks else ""
            if tasks:
                tasks.rotate(-1)
            said = sum(len(_content(choice)) for choice in body["choices"])
            self.usage[task].add(sum(map(letters, mine)), *told(body), said)

    def took(self, task: str) -> Usage:
        """Return what a task's replies took, its calls each with the mean time of all."""
        found = replace(self.usage[task]) if task in self.usage else Usage()
        calls = sum(one.calls for one in self.usage.values())
        found.latency = self._seconds * found.calls / calls if calls else 0.0
        return found

    # -- what becomes of a failure -------------------------------------------------------------------------------------

    def tell(self, texts: Iterable[Iterable[str]], most: float, task: str) -> None:
        """Say how many replies of a task are missing; raise ``PersonaError`` where it is more than the share ``most``."""
        flat = [text for group in texts for text in group]
        lost = [text for text in flat if isinstance(text, NoReply)]
        if self.cut:
            say(
                f"warning: {self.cut} replies are empty because all of their tokens went into thinking:"
                " raise max_gen_toks (--gen_kwargs max_gen_toks=…)"
            )
            self.cut = 0
        if not lost:
            return
        often = "; ".join(f"{count}× {reason}" for reason, count in self.missing.most_common(3))
        line = f"{task}: {len(lost)} of {len(flat)} replies are missing ({often})"
        if len(lost) > most * len(flat):
            raise PersonaError(f"{line}; run the same command again, with --use_cache only those are asked for")
        say(f"warning: {line}; they are not scored")

    def _wait(self, failure: Failure, attempt: int) -> float | NoReply:
        """Return the seconds until the next attempt, or the missing reply; end the run where nothing ever passes."""
        if failure.fatal and not self.passed:
            self._stop(failure)
        retries = max(1, int(getattr(self.model, "max_retries", 3)))
        attempts = max(retries, PATIENCE) if failure.busy else retries if failure.passing else 1
        if attempt < attempts:
            longest = 60.0 if failure.busy else 10.0
            backoff = min(longest, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)
            return min(longest, failure.wait) if failure.wait is not None else backoff
        self._in_a_row += 1
        self.missing[failure.reason] += 1
        if self._in_a_row >= HOPELESS:
            self._stop(failure)
        return NoReply(f"[no reply: {failure.reason}]")

    def _pass(self, seconds: float) -> None:
        self._seconds += seconds
        self.passed += 1
        self._in_a_row = 0

    def _stop(self, failure: Failure) -> None:
        where = address(self.model.base_url)
        kept = f" ({self.passed} replies were given; with --use_cache they are kept)" if self.passed else ""
        with user_errors(everywhere=True):
            raise PersonaError(f"the model's endpoint {where}: {failure.reason}{hint(failure, self.model)}{kept}")

    def _ours(self, given: Mapping[str, Any]) -> bool:
        if not given.get("generate", True):
            return False
        texts = self._texts(given)
        return bool(texts) and all(text in self.contexts for text in texts)

    def _texts(self, given: Mapping[str, Any]) -> list[str]:
        keys = given.get("cache_keys") or ()
        return [_text(key[0]) for key in keys] if keys else [_text(message) for message in given["messages"]]


def _text(context: Any) -> str:
    # Chat messages come as lm-eval's one-field tuple of their JSON text.
    return str(getattr(context, "prompt", context))


def _content(choice: Mapping[str, Any]) -> str:
    return str((choice.get("message") or {}).get("content") or choice.get("text") or "")


def _all_thought(choice: Mapping[str, Any]) -> bool:
    message = choice.get("message") or {}
    return choice.get("finish_reason") == "length" and not (message.get("content") or choice.get("text"))


# -- one body ----------------------------------------------------------------------------------------------------------


def mended(output: Any) -> dict[str, Any]:
    """Return a completion's body in the form that lm-eval reads: texts, not parts; each choice with its index.

    Raises ``ServedError`` where it holds an error and no choice, as gateways send with code 200.
    """
    if not isinstance(output, dict):
        raise ServedError(None, f"a reply that is no object: {shorten(output, 60)}")
    choices = output.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        raise _served(output)
    made = []
    for index, choice in enumerate(choices):
        if choice.get("error") or choice.get("finish_reason") == "error":
            raise _served(choice)
        choice = {"index": index, **choice}
        if not isinstance(choice["index"], int) or not 0 <= choice["index"] < len(choices):
            choice["index"] = index
        if "text" in choice:
            choice["text"] = content_text(choice["text"]) or ""
        if "message" in choice or "text" not in choice:
            message = choice.get("message")
            message = dict(message) if isinstance(message, dict) else {"content": message}
            choice["message"] = {**message, "content": content_text(message.get("content"))}
        made.append(choice)
    return {**output, "choices": made}


def content_text(content: Any) -> str | None:
    """Return the text of a message's content: a string, a list of parts (thoughts left out), or None."""
    if isinstance(content, str):
        # Half of a surrogate pair cannot be written as UTF-8: lm-eval's samples file would end at that line.
        return content.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(content, Mapping):
        if re.search("think|reason", str(content.get("type", "")), re.I):
            return None
        return content_text(next((content[key] for key in ("text", "content", "value") if content.get(key)), None))
    if isinstance(content, list):
        texts = [text for part in content if (text := content_text(part)) is not None]
        return "".join(texts) if texts else None
    return None


def _served(body: Mapping[str, Any]) -> ServedError:
    error = next((body[key] for key in ("error", "detail", "message", "errors") if body.get(key)), None)
    if isinstance(error, Mapping):
        code = error.get("code") or error.get("status") or error.get("type") or body.get("code")
        return ServedError(code, str(error.get("message") or json.dumps(error, default=str)))
    return ServedError(body.get("code") or body.get("status"), str(error or "a reply without choices"))


class _Heard(logging.Filter):
    """Keeps what lm-eval logs of a failed request of ours, the server's own words, and does not show it."""

    def filter(self, record: logging.LogRecord) -> bool:
        heard = _mending.get()
        if heard is None:
            return True
        heard.append(record.getMessage())
        return False


__all__ = ["Guard", "NoReply", "content_text", "guard", "mended", "reply_text"]
