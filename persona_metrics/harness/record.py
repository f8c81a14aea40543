"""What a run leaves in the results about itself: settings, hashes, versions, warnings. Never a key or a token."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .. import __version__
from ..critic import critic_card
from ..dataset.sources import Pair, Pool
from ..evaluations import Evaluation
from ..exam.found import doubts, noted
from ..personas import ATTRIBUTES
from ..prompts import template_hash
from ..settings import Settings

_SECRET = re.compile(r"key|token(?!izer|s\b|ized)|secret|passw|auth|header|credential", re.I)


def document(pair: Pair) -> dict[str, Any]:
    """Return the pair as lm-eval's document: one flat row, the persona with all 33 attributes (None where unknown)."""
    return {
        "pair_id": pair.id,
        "persona_id": pair.persona.id,
        "question_id": pair.question.id,
        "question": pair.question.text,
        "topic": pair.question.topic,
        "persona": {name: pair.persona.attributes.get(name) for name in ATTRIBUTES},
    }


def metadata(
    given: Mapping[str, Any], settings: Settings, evaluation: Evaluation, pool: Pool, pairs: Sequence[Pair]
) -> dict[str, Any]:
    """Return the task's metadata for results_*.json: what was given, without secrets, and what came of it."""
    kept = {k: _clean(v) for k, v in given.items() if not _SECRET.search(k) and k not in Settings.model_fields}
    recorded = {
        **kept,
        "evaluation": evaluation.name,
        "mode": settings.mode,
        "n": len(pairs),
        "seed": settings.seed,
        "source": pool.label,
        "data_hash": pool.hash,
        "pairs_hash": _pairs_hash(pairs),
        "answer_template": template_hash(f"answer/{settings.mode}.jinja"),
        "pack_version": __version__,
        **evaluation.record(),
        **critic_card(settings),
        "critic_card": noted(settings),
    }
    if support := evaluation.support(pair.persona for pair in pairs):
        recorded["support"] = support
    return recorded


def _pairs_hash(pairs: Sequence[Pair]) -> str:
    text = "\n".join(f"{p.id}/{p.persona.id}/{p.question.id}" for p in pairs)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _clean(value: Any) -> Any:
    # http://user:password@host/ and ?key=… are where keys hide in addresses.
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return value


def votes(settings: Settings) -> int:
    """Return how many verdicts each answer gets."""
    return settings.critic_votes * len((settings.critic_model or "").split(","))


def warnings(settings: Settings, model: str | None) -> list[str]:
    """Return what makes this run's numbers mean less than they seem to, one line each."""
    critics = [name.partition("@")[0] for name in (settings.critic_model or "").split(",")]
    lines = []
    if "embedded" in critics:
        lines.append("the embedded 135M critic's verdicts mean nothing; it is there to try things out")
    if model and model in critics:
        lines.append(f"the critic {model} is the model under test: models favour their own answers")
    lines += doubts(critic_card(settings))
    if settings.critic_votes > 1 and settings.critic_temperature == 0:
        lines.append("votes of one critic at temperature 0 mostly repeat each other; set PERSONA_CRITIC_TEMPERATURE")
    if settings.yardstick == "reduced":
        lines.append("yardstick=reduced: the critic sees what the model saw, so leaving a fact out cannot be noticed")
    if settings.mode == "baseline":
        lines.append("mode=baseline: the model does not see the persona; this is the floor, not the model's rate")
    return lines
