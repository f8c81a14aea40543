"""What a request showed the model, as lm-eval's samples files hold it. Knows no template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def messages(context: Any) -> list[tuple[str, str]]:
    """Return role and text of each message of a request's context; a text that was no chat has the role "".

    Chat models get a list of one with the messages as JSON, others the text itself, which may look like JSON, too.
    """
    while isinstance(context, list) and len(context) == 1 and not isinstance(context[0], Mapping):
        context = context[0]
    chat = context
    if isinstance(context, str) and context.startswith("["):
        try:
            chat = json.loads(context)
        except (ValueError, RecursionError):
            return [("", context)]
    if isinstance(chat, list) and chat and all(isinstance(m, Mapping) and m.keys() >= _SAYS for m in chat):
        return [(str(m["role"]), _text(m["content"])) for m in chat]
    return [("", _text(context))]


_SAYS = {"role", "content"}


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)
