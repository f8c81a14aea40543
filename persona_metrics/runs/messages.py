"""What a request showed the model, as lm-eval's samples files hold it. Knows no template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def messages(context: Any) -> list[tuple[str, str]]:
    """Return role and text of each message of a request's context; a text that was no chat has the role "".

    Chat models get a list of one with the messages as JSON, others the text itself.
    """
    while isinstance(context, list) and len(context) == 1:
        context = context[0]
    if isinstance(context, str) and context.startswith("["):
        try:
            context = json.loads(context)
        except (ValueError, RecursionError):
            return [("", context)]
    if isinstance(context, list) and all(isinstance(m, Mapping) for m in context):
        return [(str(m.get("role", "")), _text(m.get("content"))) for m in context]
    return [("", _text(context))]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
