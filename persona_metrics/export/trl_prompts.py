"""Prompts for on-policy trainers, with the columns that ``persona_metrics.rewards`` reads. Knows no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import PersonaError, shorten
from ..evaluations.base import WHOLE
from ..evaluations.choice import CHANGED, Choice
from ..evaluations.judgefree import number_of
from ..personas import in_order, known, shown
from ..prompts import render
from ..runs.read import content_of, read_samples
from .scores import Task
from .training import Pair, strings, terms


def rows(pairs: Sequence[Pair], left: Counter[str], seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a row a pair: ``prompt``, and ``persona``, ``question`` and ``other`` for ``rewards.personalized``.

    Personas are JSON texts, so that every file has the same types. ``other`` is another person of these rows (the same for
    the same seed), for the reward's contrast term; blank where there is no other.
    """
    del left
    for pair in pairs:
        others = [p for p in pairs if p.persona != pair.persona]
        other = others[number_of(seed, f"other/{pair.content}") % len(others)] if others else None
        yield {
            "prompt": list(pair.prompt),
            "persona": strings(dict(pair.persona)),
            "question": pair.question,
            "other": "" if other is None else strings(dict(other.persona)),
            **pair.columns,
            **pair.about,
        }


def choice_pairs(tasks: Iterable[Task]) -> list[Pair]:
    """Return the documents of choice tasks as pairs, each prompt with its options and the right one in ``answers``' place.

    Raises ``PersonaError`` for a run over the held-out items, which nobody trains on.
    """
    found: list[Pair] = []
    for task in tasks:
        task.require_samples("training data")
        if (part := task.metadata.get("split")) != "main":
            raise PersonaError(
                f"{task.name}: split={shorten(part, 20)} holds the items that nobody trains on; run it with split=main"
            )
        about = terms(task)
        for sample in read_samples(task.task.samples) if task.task.samples else ():
            try:
                found += _asked(sample["doc"], about)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError):
                raise PersonaError(
                    f"{task.task.samples}: doc_id {shorten(sample.get('doc_id'), 20)}: not a document of {task.name}"
                ) from None
    return found


def _asked(doc: Mapping[str, Any], about: Mapping[str, str]) -> Iterator[Pair]:
    own = known(doc["persona"])
    for ask in doc["asks"]:
        if ask["name"] != WHOLE and not ask["name"].startswith(CHANGED):
            continue
        other = {**own, **{one["attribute"]: one["value"] for one in ask["changed"]}}
        options = [doc["options"][i] for i in ask["order"]]
        text = render(
            Choice.template,
            persona=shown({name: other[name] for name in in_order((own, other))}),
            question=doc["question"],
            options=list(zip(doc["letters"], options, strict=True)),
        )
        yield Pair(
            f"{content_of(doc)}/{ask['name']}",
            str(doc["persona_id"]),
            str(doc["question_id"]),
            str(doc["question"]),
            own,
            {**about, "options": options, "right": ask["order"].index(ask["right"]), "side": ask["name"]},
            ({"role": "user", "content": text},),
        )


def choice_rows(pairs: Sequence[Pair], left: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield a row a prompt: ``prompt``, and ``options`` (as shown) and ``right`` (position) for ``rewards.choice``."""
    del left
    for pair in pairs:
        yield {"prompt": list(pair.prompt), **pair.columns, **pair.about}


def notes(made: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield which reward the rows are for."""
    kind = "choice" if made and "options" in made[0] else "personalized"
    yield f"{len(made)} prompts for persona_metrics.rewards.{kind}"


def why_none(pairs: Sequence[Pair]) -> str:
    """Return why there is no row."""
    del pairs
    return "no pair in the run has a verdict"
