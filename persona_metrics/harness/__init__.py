"""What lm_eval calls, and what knows how it calls. The class and the filter are imported when they are asked for."""

from __future__ import annotations

from typing import Any

__all__ = ["PersonaCritic", "PersonaTask"]


def __getattr__(name: str) -> Any:
    # lm_eval takes seconds to import, and much that stands here knows nothing of it.
    if name in __all__:
        from . import task

        return getattr(task, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
