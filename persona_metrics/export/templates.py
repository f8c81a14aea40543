"""The text of the templates a run was made with, where this package still has that text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..critic.debate import LATEST, TEMPLATES, edition_of
from ..critic.protocol import FIRST, named
from ..evaluations import EVALUATIONS
from ..prompts import template_hash, templates_folder


def debate_template(metadata: Mapping[str, Any]) -> str:
    """Return the critic's template, or a line that names it where the run used another version's.

    Raises ``PersonaError`` for a protocol that this version does not have.
    """
    recorded = str(metadata.get("critic_template"))
    if (name := str(metadata.get("protocol") or FIRST)) != FIRST:
        protocol = named(name)
        known = protocol.prompt_hash() == recorded
        return _text(protocol.template) if known else _named(protocol.template, recorded, metadata)
    number = edition_of(recorded)
    return _named(TEMPLATES[LATEST], recorded, metadata) if number is None else _text(TEMPLATES[number])


def answer_template(metadata: Mapping[str, Any]) -> str:
    """Return the template of the answer's prompt, or a line that names it where the run used another version's."""
    evaluation = EVALUATIONS.get(str(metadata.get("evaluation")))
    name = getattr(evaluation, "template", f"answer/{metadata.get('mode')}.jinja")
    recorded = str(metadata.get("answer_template"))
    known = (templates_folder() / name).is_file() and template_hash(name) == recorded
    return _text(name) if known else _named(name, recorded, metadata)


def _text(name: str) -> str:
    return (templates_folder() / name).read_text(encoding="utf-8")


def _named(name: str, recorded: str, metadata: Mapping[str, Any]) -> str:
    return f"{name} of persona-metrics {metadata.get('pack_version')} (SHA-256 begins {recorded})"
