"""``--metadata`` of our own commands: settings in the spelling that lm-eval takes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from ..errors import PersonaError, shorten, suggest
from ..settings import Settings, canonical, own_keys

# `n=3,attributes=age,sex` is two settings: a comma parts them where a name and an equals sign follow.
_NEXT = re.compile(r",(?=\s*[A-Za-z_]\w*\s*=)")

METADATA = "settings, as with lm_eval: critic_model=… n=… by=… (the key only through PERSONA_CRITIC_API_KEY)"


def parse_metadata(pairs: Sequence[str]) -> dict[str, Any]:
    """Return ``key=value`` arguments (or one JSON object) as settings; raise ``PersonaError`` for anything else."""
    if len(pairs) == 1 and pairs[0].lstrip().startswith("{"):
        try:
            found: dict[str, Any] = json.loads(pairs[0])
        except (ValueError, RecursionError) as error:
            raise PersonaError(f"--metadata: not JSON: {shorten(error)}") from None
        if not isinstance(found, dict):
            raise PersonaError("--metadata: not a JSON object")
    else:
        found = {}
        found = split_pairs(pairs)
    own = own_keys(found, "--metadata")
    for key in found:
        # With lm_eval a strange key may be an argument of the model; here there is no model.
        if canonical(key) not in own:
            raise PersonaError(f"--metadata: unknown key {shorten(key, 60)!r}{suggest(key, Settings.model_fields)}")
    return own


def split_pairs(words: Sequence[str]) -> dict[str, str]:
    """Return ``n=3 by=sex,age`` and ``n=3,by=sex,age`` as keys and values; raise ``PersonaError`` for a word without =."""
    found: dict[str, str] = {}
    for word in words:
        for pair in _NEXT.split(word):
            key, equals, value = pair.partition("=")
            if not equals or not key.strip():
                raise PersonaError(f"--metadata {shorten(pair, 60)!r}: write key=value, and a list as a,b")
            found[key.strip()] = value
    return found
