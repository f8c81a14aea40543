"""What this process has set, and by whom: arguments, the environment, ``.env``."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..errors import PersonaError, shorten, suggest
from . import keyring
from .environment import ARGUMENT, DEFAULT, DOTENV, ENVIRONMENT, read_all
from .fields import SECRETS, Settings

PREFIX = "PERSONA_"

# A key of --metadata that starts like one of these and is not ours is a slip of the pen, not an argument of the model.
_OURS_BEGIN = (
    *("critic", "persona", "loo", "intersection", "attribute"),
    *("question", "yardstick", "min_support", "local_model"),
)

ALIASES = {
    "generate_mode": "mode",
    "loo_attributes": "attributes",
    "intersections": "intersection_json",
    "openai_api_key": "critic_api_key",
}
"""What else a setting is called where keywords and ``--metadata`` name it: the words of ``evaluate_model``."""
_OTHER_VARIABLES = {
    "mode": ("GENERATE_MODE",),
    "loo_json": ("LOO_JSON",),
    "intersection_json": ("INTERSECTION_JSON",),
    "critic_api_key": ("OPENAI_API_KEY",),
}


def canonical(key: str) -> str:
    """Return the setting that a key of ``--metadata`` names: itself, an alias, or a variable of the environment.

    Capitals make no other name: pass@k writes K.
    """
    lower = key.lower().removeprefix(PREFIX.lower()) if key.isupper() else key.lower()
    name = ALIASES.get(lower, lower)
    return name if name in Settings.model_fields else key


def load(overrides: Mapping[str, Any] | None = None, *, where: str = "settings") -> Settings:
    """Return the settings of this process, with ``overrides`` (task metadata or keywords) on top.

    Keys of ``overrides`` that are not ours are left alone, unless they look like a misspelt one of ours.
    Raises ``PersonaError`` for such a key, and for a value that cannot be.
    """
    mine = own_keys(overrides or {}, where)
    found = read_all()
    lent = found[ARGUMENT]
    mine = {**{name: value for name, value in lent.items() if name in SECRETS}, **mine}
    values, sources = dict(mine), {}
    for name in Settings.model_fields:
        if name in mine:
            sources[name] = DEFAULT if mine[name] in ("", None) else ARGUMENT
            continue
        for source, variable in _setters(name, found):
            values[name] = found[source][variable]
            sources[name] = source
            break
    keys = keyring.collect(mine, found)
    keyring.keep_secret(keys, values, found)
    try:
        chosen = Settings(**values)
    except ValidationError as error:
        raise PersonaError(_explain(error, mine)) from None
    chosen._keys, chosen._sources = keys, sources
    return chosen


def _setters(field: str, found: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """Return source and variable of everything beside arguments that sets a field, the strongest first."""
    # `PERSONA_BY=` means no breakdown; any other blank means nobody set it.
    set_by = [
        (source, variable)
        for source in (ENVIRONMENT, DOTENV)
        for variable in environment_names(field)
        if (found[source].get(variable) or (field == "by" and variable in found[source]))
    ]
    # What names the critic goes before OpenAI's, whoever set it.
    return sorted(set_by, key=lambda one: one[1].startswith("OPENAI_"))


def own_keys(metadata: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the part of ``metadata`` that is ours; raise ``PersonaError`` for a misspelt key or a key given in clear."""
    fields = Settings.model_fields
    mine = {}
    # Aliases last: beside the name itself, which a task's YAML may hold, the alias is what somebody typed.
    for given, value in sorted(metadata.items(), key=lambda item: canonical(item[0]) != item[0]):
        key = canonical(given)
        if key in SECRETS:
            if where in ("--metadata", "persona_critic"):
                keyring.remember(*(part.partition("=")[2] or part for part in keyring.plain(value).split(",")))
                # lm-eval writes metadata into every task's results, those of other benchmarks too; and a filter's arguments.
                raise PersonaError(
                    f"{where} {key}=… would be written into the results; set {PREFIX}{key.upper()} instead"
                )
            mine[key] = value
        elif key in fields:
            mine[key] = value
        elif _looks_like_ours(key):
            raise PersonaError(f"{where}: unknown key {shorten(key, 60)!r}{suggest(key, fields)}")
    return mine


def _looks_like_ours(key: str) -> bool:
    if key.startswith(_OURS_BEGIN):
        return True
    long_names = [name for name in Settings.model_fields if len(name) > 6]
    return bool(difflib.get_close_matches(key, long_names, n=1, cutoff=0.87))


def _explain(error: ValidationError, given: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else "settings"
    cause = (first.get("ctx") or {}).get("error")
    what = str(cause) if cause else f"{shorten(first.get('input'), 40)!r} is wrong: {first['msg']}"
    if field in SECRETS:
        what = "is not a text"
    origin = "" if field in given else f" (from {source_of(field)})"
    return f"{field}{origin}: {what}"


def environment_names(field: str) -> tuple[str, ...]:
    """Return the environment variables that set a field, the strongest first."""
    return (PREFIX + field.upper(), *_OTHER_VARIABLES.get(field, ()))


def source_of(field: str) -> str:
    """Return where this process takes a field from: ``environment NAME``, ``.env NAME`` or ``default``."""
    try:
        found = read_all()
    except PersonaError:
        return DEFAULT
    return next((f"{source} {variable}" for source, variable in _setters(field, found)), DEFAULT)


def unknown_environment() -> list[str]:
    """Return one line for each ``PERSONA_…`` variable that sets nothing, with the nearest name."""
    known = {name for field in Settings.model_fields for name in environment_names(field)}
    return [
        f"{name} sets nothing{suggest(name, (k.lower() for k in known)).upper().replace('DID YOU MEAN', 'did you mean')}"
        for name in os.environ
        if name.startswith(PREFIX) and name not in known
    ]
