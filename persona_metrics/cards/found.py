"""Finds the card of a run's critic, and says what it means for the run's numbers. Knows no report and no task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs

from .. import settings as settings_of
from ..critic import critic_card
from ..critic.protocol import FIRST
from ..errors import PersonaError, shorten
from ..files import file_name, write_text
from ..settings import Settings
from .any_card import AnyCard, read
from .card import differs, said

NONE = "no card of this critic is known; `persona-metrics exam` makes one"


@dataclass(frozen=True)
class Found:
    """A critic's card, None where there is none; ``why`` says why not, or in what the critic is not the card's."""

    card: AnyCard | None
    why: str


def folder(chosen: Settings | None = None) -> Path:
    """Return where cards are kept: the user's cache, or the folder that the setting ``card`` names."""
    place = (chosen or settings_of.load()).card
    if place and not _is_file(place):
        return Path(place).expanduser()
    return Path(platformdirs.user_cache_dir("persona-metrics")) / "cards"


def keep(card: AnyCard, chosen: Settings | None = None) -> Path:
    """Write the card where reports find it: one file for each critic and set of cases."""
    name = file_name(card.identity.critic_model, card.identity.key, card.asked.cases_digest)
    path = folder(chosen) / f"{name}.json"
    write_text(path, card.to_json())
    return path


def card_for(source: Settings | Mapping[str, Any]) -> Found:
    """Return the card of the critic that settings name, or that the metadata of results record.

    The setting ``card`` names a file, or a folder instead of the one in the cache. Of several cards of one critic the one
    from most bases counts, then the newest. Raises ``PersonaError`` for a named file that is no card.
    """
    chosen = source if isinstance(source, Settings) else settings_of.load()
    metadata = critic_card(source) if isinstance(source, Settings) else source
    if not metadata.get("critic_model"):
        return Found(None, "no critic")
    if chosen.card and _is_file(chosen.card):
        card = read(Path(chosen.card).expanduser())
        return Found(card, "; ".join(differs(card, metadata)))
    protocol = metadata.get("protocol") or FIRST
    known = [card for card in _cards(folder(chosen)) if card.identity.protocol == protocol]
    if exact := [card for card in known if not differs(card, metadata)]:
        return Found(max(exact, key=lambda card: (card.asked.bases, card.date)), "")
    same = [card for card in known if card.identity.critic_model == metadata.get("critic_model")]
    if not same:
        return Found(None, NONE)
    nearest = min(same, key=lambda card: (len(differs(card, metadata)), -card.asked.bases))
    return Found(nearest, "; ".join(differs(nearest, metadata)))


def _is_file(place: str) -> bool:
    path = Path(place).expanduser()
    return path.is_file() or (path.suffix == ".json" and not path.is_dir())


def _cards(place: Path) -> Iterator[AnyCard]:
    """Yield the cards in a folder; what is none is passed over, since nobody named it."""
    try:
        paths = sorted(place.glob("*.json"))
    except OSError:
        return
    for path in paths:
        with suppress(OSError):
            state = path.stat()
            if (card := _as_it_stands(path, state.st_mtime_ns, state.st_size)) is not None:
                yield card


@lru_cache(256)
def _as_it_stands(path: Path, modified: int, size: int) -> AnyCard | None:  # noqa: ARG001
    """Return the file's card, None where it is none: a report asks for the same few cards at every number."""
    try:
        return read(path)
    except PersonaError:
        return None


def noted(chosen: Settings) -> dict[str, Any] | None:
    """Return what results keep of the card, so that it is known where they are read; None without a card."""
    found = card_for(chosen)
    return None if found.card is None else _summary(found)


def _summary(found: Found) -> dict[str, Any]:
    assert found.card is not None
    card = found.card
    return {
        "card": card.digest,
        "fit": card.fit,
        "date": card.date,
        "balanced_accuracy": card.balanced_accuracy.value,
        "bases": card.asked.bases,
        "differs": found.why,
    }


def _known(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the summary of the card that is here, else of the one that the results noted."""
    try:
        found = card_for(metadata)
    except PersonaError as error:
        return {"differs": shorten(error)}
    kept = metadata.get("critic_card")
    recorded = kept if isinstance(kept, Mapping) and kept.get("card") else None
    if found.card is None or (found.why and recorded is not None and not recorded.get("differs")):
        return recorded
    return _summary(found)


def name(metadata: Mapping[str, Any]) -> str:
    """Return the card's name and outcome in a few words, ``""`` where no critic judged."""
    if not metadata.get("critic_model"):
        return ""
    known = _known(metadata)
    if known is None or not known.get("card"):
        return "no card"
    other = " of another critic or template" if known.get("differs") else ""
    return f"card {shorten(known['card'], 8)}{other}: {said(known.get('fit'))}"


def doubts(metadata: Mapping[str, Any]) -> list[str]:
    """Return what has to be said beside the numbers of these results, nothing where the critic passed."""
    critic = metadata.get("critic_model")
    if not critic:
        return []
    known = _known(metadata)
    panel = str(critic).split(",")
    who = f"The {'critic' if len(panel) == 1 else 'panel'} {shorten(', '.join(panel), 60)}"
    if known is None:
        return [f"{who} has no card: nobody knows its error. `persona-metrics exam` makes one."]
    lines = []
    if known.get("differs"):
        lines.append(f"{who} is not the one on its card: {shorten(known['differs'], 200)}.")
    if known.get("card") and known.get("fit") is not True:
        accuracy = known.get("balanced_accuracy")
        of = f" (balanced accuracy {accuracy:.2f})" if isinstance(accuracy, float) else ""
        what = "did not pass its exam" if known.get("fit") is False else "has sat too short an exam to tell"
        lines.append(f"{who} {what}{of}, card {shorten(known['card'], 8)} of {shorten(known.get('date'), 10)}.")
    return lines
