"""What lm_eval calls, and what knows how it calls. The classes and the filter are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {"ChoosingTask": "choosing", "PersonaCritic": "critic_filter", "PersonaTask": "task"}
__all__ = ["ChoosingTask", "PersonaCritic", "PersonaTask"]


def __getattr__(name: str) -> Any:
    # lm_eval takes seconds to import, and much that stands here knows nothing of it.
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
