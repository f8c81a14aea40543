"""The judge-free reward: did the completion pick the option that fits the person? Exact, and free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..evaluations.letters import letter_of
from .columns import aligned, text_of


def choice(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    *,
    options: Sequence[Sequence[str]],
    right: Sequence[int | None],
    log_metric: Callable[[str, float], None] | None = None,
    **columns: Any,
) -> list[float | None]:
    """Return 1.0 for each completion that names the right option, 0.0 for another or none, None where nothing is right.

    TRL's reward function over the rows of ``export --to trl-prompts`` of a persona_choice run: ``options`` as they were
    shown, ``right`` the right one's position. Logs ``persona/right`` and ``persona/no_letter``, shares of completions.
    """
    del prompts, columns
    aligned(completions, options=options, right=right)
    picked = [letter_of(text_of(text), shown) for text, shown in zip(completions, options, strict=True)]
    values = [None if want is None else float(got == want) for got, want in zip(picked, right, strict=True)]
    if log_metric is not None and values:
        known = [value for value in values if value is not None]
        log_metric("persona/no_letter", sum(got is None for got in picked) / len(picked))
        if known:
            log_metric("persona/right", sum(known) / len(known))
    return values
