"""A card of whichever exam, read from a file by its schema. Knows no critic that answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from ..errors import PersonaError, shorten
from . import card as cards
from .card import Card
from .pair_card import SCHEMA, PairCard

AnyCard: TypeAlias = Card | PairCard


def read(path: Path) -> AnyCard:
    """Return the card in a file; raise ``PersonaError`` where there is none that can be read."""
    try:
        text = path.read_text(encoding="utf-8")
        paired = json.loads(text)["schema"] == SCHEMA
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        paired = False
    if not paired:
        return cards.read(path)
    try:
        return PairCard.model_validate_json(text)
    except ValidationError as error:
        raise PersonaError(f"card {path}: not a critic's card ({shorten(error.errors()[0]['msg'], 80)})") from None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``card.json``: the debate's, or the pairwise one; ``schema`` in the file says which."""
    return TypeAdapter[AnyCard](AnyCard).json_schema(by_alias=True)
