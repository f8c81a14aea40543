"""``--metadata`` of our own commands: settings in the spelling that lm-eval takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..errors import PersonaError, shorten, suggest
from ..settings import Settings, own_keys

METADATA = "settings, as with lm_eval: critic_model=… n=… by=… (the key only through PERSONA_CRITIC_API_KEY)"


def parse_metadata(pairs: Sequence[str]) -> dict[str, Any]:
    """Return ``key=value`` arguments (or one JSON object) as settings; raise ``PersonaError`` for anything else."""
    if len(pairs) == 1 and pairs[0].lstrip().startswith("{"):
        try:
            found: dict[str, Any] = json.loads(pairs[0])
        except ValueError as error:
            raise PersonaError(f"--metadata: not JSON: {shorten(error)}") from None
    else:
        found = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals or not key.strip():
                raise PersonaError(f"--metadata {shorten(pair, 60)!r}: write key=value")
            found[key.strip()] = value
    own = own_keys(found, "--metadata")
    for key in found:
        # With lm_eval a strange key may be an argument of the model; here there is no model.
        if key not in own:
            raise PersonaError(f"--metadata: unknown key {shorten(key, 60)!r}{suggest(key, Settings.model_fields)}")
    return own
