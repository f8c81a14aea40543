"""The kinds of exam, one for each protocol: what is asked, how it is marked, and how its card reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cards import page, pair_card
from ..cards.card import Card
from ..cards.pair_card import PairCard
from ..costs.prices import Price
from ..scoring.batchfile import Wanted
from ..settings import Settings
from . import mark, pair_mark, pairs, run


@dataclass(frozen=True)
class Kind:
    """An exam as the command uses it; ``draw`` returns the figures that it wrote into a folder."""

    plan: Callable[[int, int | None], Any]
    wanted: Callable[[Any, Settings], Mapping[str, Wanted]]
    sit: Callable[[Any, Settings, Any], Any]
    mark: Callable[[Any, Settings, Price | None], Any]
    markdown: Callable[..., str]
    draw: Callable[[Any, Path], list[Path]]


def _figure(card: Card, folder: Path) -> list[Path]:
    from . import figure  # draws, which takes a second to import

    return figure.write(card, folder)


def _pair_figure(card: PairCard, folder: Path) -> list[Path]:
    from . import pair_figure

    return pair_figure.write(card, folder)


KINDS: Mapping[str, Kind] = {
    "debate": Kind(run.plan, run.wanted, run.sit, mark.mark, page.markdown, _figure),
    "pairwise": Kind(pairs.plan, pairs.wanted, pairs.sit, pair_mark.mark, pair_card.markdown, _pair_figure),
}


def kind_of(protocol: str) -> Kind:
    """Return the exam of a protocol that settings name."""
    return KINDS[protocol]
