"""What contrast needs beside answers made elsewhere: other people to judge them for, and answers written for nobody.

Knows no lm-eval and no critic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..consoles import say
from ..dataset.people import read_person
from ..dataset.sources import Pair, load_personas
from ..errors import PersonaError, shorten
from ..evaluations.contrast import NOBODY, Contrast
from ..personas import Persona
from ..settings import Settings, load

CHOICES = ("seed", "personas")
"""Settings that decide nothing of the answers here, but for whom else they are judged."""
LIFT = (
    'no answers written for nobody are there (lines with "mode": "baseline", or --baseline FILE), so there is no lift;'
    " contrast needs none"
)
Lines = Sequence[tuple[str, dict[str, Any]]]


def of_main(recorded: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what a run of ``persona_main`` recorded as that of a contrast without answers written for nobody.

    Raises ``PersonaError`` where the run showed the model no persona.
    """
    if recorded.get("mode") == "baseline":
        raise PersonaError(
            f"{where}: mode=baseline showed the model no persona, and contrast asks what showing one is worth"
        )
    say(LIFT)
    return {**recorded, "evaluation": Contrast.name, "baseline": False}


def people(recorded: Mapping[str, Any], settings: Settings, pairs: Sequence[Pair]) -> list[Persona]:
    """Return the people that others are drawn from: those the run drew its own from, where they can be had.

    ``personas`` of the settings names them; else the package's or the hub's, where the run took them there. Otherwise they
    are the people of the answers, which is said where a run had more to draw from.
    """
    if settings.personas:
        return list(load_personas(settings)[0])
    own = list({pair.persona.id: pair.persona for pair in pairs}.values())
    source = str(recorded.get("source")).partition("+")[0]
    if source in ("embedded", "hub"):
        try:
            found = load_personas(load({"source": source, **_edition(recorded)}, where="source"))[0]
        except PersonaError:
            found = ()
        by_id = {persona.id: persona.attributes for persona in found}
        if all(by_id.get(persona.id) == persona.attributes for persona in own):
            return list(found)
    if recorded.get("source") is not None:
        say(
            f"other people are drawn from the {len(own)} of these answers: the run's personas are not at hand (--metadata"
            " personas=FILE names them)"
        )
    return own


def for_nobody(row: Mapping[str, Any]) -> bool:
    """Return whether a line holds an answer that was written without a persona."""
    return row.get("mode") == "baseline" or row.get("variant") == NOBODY


def by_pair(rows: Lines, pairs: Mapping[str, Pair]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return each pair's line of those written for nobody: by ``pair_id``, by persona and question, or by question alone.

    A line without a persona answers its question for all who asked it. Raises ``PersonaError`` for a line that belongs to no
    pair, and for two that belong to one.
    """
    by_content: dict[str, list[str]] = {}
    for key, pair in pairs.items():
        for content in (_content(pair.question.text, None), _content(pair.question.text, pair.persona.attributes)):
            by_content.setdefault(content, []).append(key)
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for where, row in rows:
        given = row.get("persona")
        stated = read_person(given, where)[0] if isinstance(given, Mapping) else None
        named = str(row["pair_id"]) if row.get("pair_id") is not None else None
        keys = (
            [named]
            if named is not None and named in pairs
            else by_content.get(_content(row.get("question"), stated or None), [])
        )
        if not keys:
            raise nobody_asked(where, row, bool(stated))
        for key in keys:
            if key in found:
                raise asked_twice(where, key)
            found[key] = (where, row)
    return found


def nobody_asked(where: str, row: Mapping[str, Any], stated: bool) -> PersonaError:
    """Return what is wrong with an answer written for nobody that belongs to no pair; ``stated`` where it has a persona."""
    return PersonaError(
        f"{where}: written for nobody, and no other line has its question"
        f"{' and persona' if stated else ''}: {shorten(row.get('question'), 60)!r}"
    )


def asked_twice(where: str, pair: str) -> PersonaError:
    """Return what is wrong with the second answer written for nobody of a pair."""
    return PersonaError(f"{where}: the pair {shorten(pair, 40)!r} has two answers written for nobody")


def _content(question: Any, attributes: Mapping[str, str] | None) -> str:
    return json.dumps([question, None if attributes is None else dict(attributes)], sort_keys=True)


def _edition(recorded: Mapping[str, Any]) -> dict[str, Any]:
    data = str(recorded.get("data")).partition("+")[0]
    return {"columns": recorded.get("columns"), **({"data": int(data)} if data in ("1", "2") else {})}
