"""What a run leaves in the results about itself: settings, hashes, versions, warnings. Never a key or a token."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..cards.found import doubts, noted
from ..critic import critic_card
from ..critic.check import ties
from ..critic.debate import prompt_hash as debate_hash
from ..critic.protocol import FIRST
from ..dataset.sources import Pair, Pool
from ..errors import PersonaError, shorten, suggest
from ..evaluations import Evaluation
from ..evaluations.judgefree import Document, Judgefree
from ..masking import conceal, shown_url
from ..personas import ATTRIBUTES
from ..prompts import template_hash
from ..settings import ALIASES, Settings, canonical

if TYPE_CHECKING:
    import datasets

OF_YAML = ("evaluation", "version", "config_source")
"""Keys of a task's metadata that are its YAML's or lm-eval's own words."""

CHOSEN = ("columns", "kind", "bears", "counterparts", "locale", "language")
"""Settings that chose among the questions; recorded where they are not the default."""

_SECRET = re.compile(r"key|token(?!izer|s\b|ized)|secret|passw|auth|header|credential", re.I)


def document(pair: Pair, columns: Sequence[str] = ATTRIBUTES) -> dict[str, Any]:
    """Return the pair as lm-eval's document: one flat row, the persona with all of ``columns`` (None where unknown)."""
    bears = pair.question.bears
    return {
        "pair_id": pair.id,
        "persona_id": pair.persona.id,
        "question_id": pair.question.id,
        "question": pair.question.text,
        "topic": pair.question.topic,
        "kind": pair.question.kind,
        "bears": None if bears is None else {"decides": list(bears.decides), "colours": list(bears.colours)},
        "columns": dict(pair.question.columns) or None,
        "persona": {name: pair.persona.attributes.get(name) for name in columns},
    }


def dataset(documents: Sequence[Mapping[str, Any]]) -> datasets.Dataset:
    """Return the documents as lm-eval takes them, under a name of their own: ``from_list`` makes one by pickling them all."""
    import datasets
    from datasets.table import InMemoryTable

    return datasets.Dataset(InMemoryTable.from_pylist(list(documents)), fingerprint=uuid.uuid4().hex)


def metadata(
    given: Mapping[str, Any], settings: Settings, evaluation: Evaluation, pool: Pool, pairs: Sequence[Pair | Document]
) -> dict[str, Any]:
    """Return the task's metadata for results_*.json: what was given, without secrets, and what came of it."""
    kept = _clean({k: v for k, v in given.items() if canonical(k) not in Settings.model_fields})
    template = evaluation.template if isinstance(evaluation, Judgefree) else f"answer/{settings.mode}.jinja"
    recorded = {
        **kept,
        "evaluation": evaluation.name,
        "mode": evaluation.form if isinstance(evaluation, Judgefree) else settings.mode,
        "n": len(pairs),
        "seed": settings.seed,
        "source": pool.label,
        "data": pool.data,
        "data_hash": pool.hash,
        "pairs_hash": _pairs_hash(pairs),
        "answer_template": template_hash(template),
        "pack_version": __version__,
        **evaluation.record(),
        **(
            {"items_hash": evaluation.items_hash}
            if isinstance(evaluation, Judgefree)
            else {**critic_card(settings), "critic_card": noted(settings)}
        ),
    }
    recorded |= {k: v for k in CHOSEN if (v := getattr(settings, k)) != Settings.model_fields[k].default}
    if settings.protocol != FIRST:
        # By which debates these numbers stand beside.
        recorded["debate_template"] = debate_hash(settings.template)
    if settings.labels:
        recorded["labels"] = settings.labels
    if support := evaluation.support(pair.persona for pair in pairs):
        recorded["support"] = support
    return recorded


def require_samples(task: str, samples: Sequence[int], pairs: int) -> None:
    """Raise ``PersonaError`` where ``--samples`` names a pair that the task does not have."""
    if strange := [i for i in samples if not isinstance(i, int) or not 0 <= i < pairs]:
        raise PersonaError(
            f"--samples: {task} numbers its pairs 0 to {pairs - 1} (n={pairs}), and has no {shorten(strange[0], 20)}"
        )


def thin(support: Mapping[str, int], least: int) -> list[str]:
    """Return the line about groups with fewer pairs than ``least``; none where there are none."""
    few = {group: pairs for group, pairs in support.items() if pairs < least}
    named = ", ".join(f"{group} {pairs}" for group, pairs in list(few.items())[:8])
    more = f" and {len(few) - 8} more" if len(few) > 8 else ""
    return [f"below {least} pairs: {named}{more} (more n or personas would help)"] if few else []


def strange_keys(given: Mapping[str, Any], taken: Collection[str], others: bool) -> list[str]:
    """Return a line for each key of ``--metadata`` that nobody takes; ``taken`` are the model's own arguments.

    Tasks of other benchmarks may take what ours do not: where ``others`` run, only what is near one of ours is named.
    """
    lines = []
    for key in given:
        if canonical(key) in Settings.model_fields or key in taken or key in OF_YAML:
            continue
        near = suggest(key, [*Settings.model_fields, *ALIASES])
        if near or not others:
            lines.append(f"--metadata {shorten(key, 60)}=…: neither the tasks nor the model take that key{near}")
    return lines


def _pairs_hash(pairs: Sequence[Pair | Document]) -> str:
    text = "\n".join(f"{p.id}/{p.persona.id}/{p.question.id}" for p in pairs)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _clean(value: Any) -> Any:
    """Return a value without what is named like a secret at any depth, and without what addresses hide."""
    if isinstance(value, Mapping):
        return {k: _clean(v) for k, v in value.items() if not _SECRET.search(str(k))}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    if not isinstance(value, str):
        return value
    # http://user:password@host/, /v1/sk-…/ and ?key=… are where keys hide in addresses.
    return shown_url(value) if "://" in value else conceal(value)


def warnings(settings: Settings, model: str | None) -> list[str]:
    """Return what makes this run's numbers mean less than they seem to, one line each."""
    critics = [name.partition("@")[0] for name in (settings.critic_model or "").split(",")]
    lines = []
    if "embedded" in critics:
        lines.append("the embedded 135M critic's verdicts mean nothing; it is there to try things out")
    if model and model in critics:
        lines.append(f"the critic {model} is the model under test: models favour their own answers")
    lines += doubts(critic_card(settings))
    lines += ties(settings)
    if settings.critic_votes > 1 and settings.critic_temperature == 0:
        lines.append("votes of one critic at temperature 0 mostly repeat each other; set PERSONA_CRITIC_TEMPERATURE")
    if settings.yardstick == "reduced":
        lines.append("yardstick=reduced: the critic sees what the model saw, so leaving a fact out cannot be noticed")
    if settings.mode == "baseline":
        lines.append("mode=baseline: the model does not see the persona; this is the floor, not the model's rate")
    return lines
