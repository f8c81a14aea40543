"""Answers as plain lines: ``{"persona", "question", "answer"}`` of any system, or answers by id to prompts of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..consoles import say
from ..dataset.people import read_person
from ..dataset.questions import of_document
from ..dataset.sources import Pair, content_hash
from ..errors import PersonaError, shorten, suggest
from ..evaluations import EVALUATIONS, Evaluation, judged_by, require_critic
from ..evaluations.base import WHOLE
from ..evaluations.contrast import NOBODY, Contrast
from ..evaluations.leave_one_out import NONE_LISTED, LeaveOneOut
from ..evaluations.pairwise import OVER, Pairwise
from ..evaluations.pass_at_k import PassAtK
from ..personas import Persona, attribute_name
from ..settings import Settings, load
from . import contrast
from .given import FIXED, Given, Prompt, align, pair_of, restore

Lines = Sequence[tuple[str, dict[str, Any]]]


def text_of(row: Mapping[str, Any], where: str) -> tuple[str, bool]:
    """Return the line's ``answer`` (True) or ``reply`` (False); an empty one is a text, a missing one an error."""
    for key, extracted in (("answer", True), ("reply", False)):
        if key in row:
            value = row[key]
            if value is None:
                return "", extracted  # the system said nothing: an answer failure, not an error
            if not isinstance(value, str):
                raise PersonaError(f"{where}: {key} must be a text, this one is a {type(value).__name__}")
            return value, extracted
    raise PersonaError(f'{where}: neither "answer" nor "reply"')


def _one_kind(kinds: set[bool], origin: Path) -> bool:
    if len(kinds) > 1:
        raise PersonaError(
            f'{origin}: some lines have "answer" (judged as it is), others "reply" (the answer is taken out of it); use one'
        )
    return kinds.pop()


# -- answers by id -------------------------------------------------------------------------------------------------


def from_ids(
    path: Path, rows: Lines, prompts: Lines, overrides: Mapping[str, Any], model: str | None, partial: bool
) -> list[Given]:
    """Join answers with the prompts that ``persona-metrics prompts`` wrote, by id: one ``Given`` a task."""
    asked: dict[str, tuple[str, dict[str, Any]]] = {}
    for where, row in prompts:
        if not isinstance(row.get("id"), str) or not isinstance(row.get("metadata"), Mapping):
            raise PersonaError(f"{where}: not a line that `persona-metrics prompts` wrote")
        if row["id"] in asked:
            raise PersonaError(f"{where}: the id {shorten(row['id'], 60)!r} stands twice")
        asked[row["id"]] = (where, row)
    replies: dict[str, str] = {}
    kinds: set[bool] = set()
    for where, row in rows:
        name = row.get("id")
        if name not in asked:
            raise PersonaError(
                f"{where}: the id {shorten(name, 60)!r} is none of the {len(asked)} prompts (another prompts file?)"
            )
        if name in replies:
            raise PersonaError(f"{where}: the id {shorten(name, 60)!r} is answered twice")
        replies[name], extracted = text_of(row, where)
        kinds.add(extracted)
    extracted = _one_kind(kinds, path)
    tasks = dict.fromkeys(str(row.get("task")) for _, row in asked.values())
    return [_joined(path, task, asked, replies, overrides, model, partial, extracted) for task in tasks]


def _joined(
    path: Path,
    task: str,
    asked: Mapping[str, tuple[str, dict[str, Any]]],
    replies: Mapping[str, str],
    overrides: Mapping[str, Any],
    model: str | None,
    partial: bool,
    extracted: bool,
) -> Given:
    pairs: dict[str, Pair] = {}
    said: dict[str, dict[str, str]] = {}
    shown: dict[str, dict[str, Prompt]] = {}
    recorded: Mapping[str, Any] = {}
    for name, (where, row) in asked.items():
        if str(row.get("task")) != task:
            continue
        pair = pair_of(row.get("doc"), where)
        pairs[pair.id] = pair
        recorded = row["metadata"]
        variant = str(row.get("variant"))
        if name in replies:
            said.setdefault(pair.id, {})[variant] = replies[name]
        if isinstance(row.get("prompt"), str) and isinstance(row.get("generation_kwargs"), Mapping):
            shown.setdefault(pair.id, {})[variant] = (row["prompt"], row["generation_kwargs"])
    if recorded.get("evaluation") == Contrast.name and not any(NOBODY in variants for variants in said.values()):
        recorded = {**recorded, "baseline": False}
        say(contrast.LIFT)
    chosen, evaluation = restore(str(recorded.get("evaluation")), recorded, overrides, list(pairs.values()), str(path))
    answered, left_out = align(
        ((pair, said.get(key, {}), shown.get(key, {})) for key, pair in pairs.items()), evaluation, partial, str(path)
    )
    return Given(
        task,
        evaluation,
        chosen,
        answered,
        recorded,
        model or str(recorded.get("model_name") or "elsewhere"),
        path.name,
        generation=recorded.get("generation_kwargs"),
        extracted=extracted,
        left_out=left_out,
    )


# -- any system's answers ------------------------------------------------------------------------------------------


def from_answers(
    path: Path,
    rows: Lines,
    task: str,
    evaluation: str,
    overrides: Mapping[str, Any],
    model: str | None,
    partial: bool,
    baseline: Lines = (),
) -> Given:
    """Return the answers of ``{"persona": {…}, "question": "…", "answer": "…"}`` lines.

    Optional: ``id`` or ``pair_id``, ``persona_id``, ``question_id``, ``topic``, ``model``, ``variant`` (leave-one-out:
    ``whole``, ``without age``, …, where ``persona`` stays the whole one). Pass@k takes the lines of one pair as its
    attempts, in their order. Contrast judges each answer for another person of the file, too, and has a lift where lines with
    ``"mode": "baseline"`` are there, or in ``baseline``.
    """
    if evaluation not in EVALUATIONS:
        raise PersonaError(
            f"evaluation {evaluation!r} is none of {', '.join(EVALUATIONS)}{suggest(evaluation, EVALUATIONS)}"
        )
    require_critic(evaluation, "answers cannot be judged so")
    contrasted = evaluation == Contrast.name
    for key in overrides:
        if key in FIXED and not (contrasted and key in contrast.CHOICES):
            raise PersonaError(f"{key}=…: the answers are there already, so this can no longer be chosen; leave it out")
    rows, named = _of_one_model(path, rows, model)
    nobody = [(where, row) for where, row in baseline if named in (row.get("model", named), "elsewhere")]
    if contrasted:
        nobody += [(where, row) for where, row in rows if contrast.for_nobody(row)]
        rows = [(where, row) for where, row in rows if not contrast.for_nobody(row)]
    if not rows:
        raise PersonaError(f"{path}: every answer was written for nobody; add those written with the persona")
    if baseline and not nobody:
        raise PersonaError(f"--baseline: no line there is of the model {shorten(named, 40)!r}")
    pairs: dict[str, Pair] = {}
    said: dict[str, dict[str, str]] = {}
    kinds: set[bool] = set()
    unknown: dict[str, None] = {}
    alone = evaluation != PassAtK.name
    for number, (where, row) in enumerate(rows):
        pair = pair_in(row, where, number if alone else None, unknown)
        before = pairs.setdefault(pair.id, pair)
        if (before.persona, before.question.text) != (pair.persona, pair.question.text):
            raise another_further_up(where, pair)
        text, extracted = text_of(row, where)
        kinds.add(extracted)
        variants = said.setdefault(pair.id, {})
        name = f"attempt {len(variants) + 1}" if evaluation == PassAtK.name else str(row.get("variant") or WHOLE)
        if name in variants:
            raise there_twice(where, pair, name)
        variants[name] = text
    for key, (where, row) in contrast.by_pair(nobody, pairs).items():
        said[key][NOBODY], extracted = text_of(row, where)
        kinds.add(extracted)
    if unknown:
        listed = shorten(", ".join(unknown))
        say(f"not shown to the critic, since no attribute of a person: {listed}")
    if contrasted and not nobody:
        say(contrast.LIFT)
    names = list(dict.fromkeys(name for variants in said.values() for name in variants))
    recorded = record_of(evaluation, path, names, max(map(len, said.values())), len(pairs))
    chosen, built = built_of(evaluation, recorded, overrides, list(pairs.values()), path, names=names)
    require_known(
        names, (v.name for p in pairs.values() for v in built.variants_of(p.persona, p.question.id)), task, path
    )
    answered, left_out = align(((p, said[key], {}) for key, p in pairs.items()), built, partial, str(path))
    recorded |= {
        "source": "file",
        "data_hash": content_hash((p.persona for p in pairs.values()), (p.question for p in pairs.values())),
        # Nobody here knows what the model was shown.
        "answer_template": None,
    }
    return Given(
        task, built, chosen, answered, recorded, named, path.name, extracted=_one_kind(kinds, path), left_out=left_out
    )


def _of_one_model(path: Path, rows: Lines, model: str | None) -> tuple[Lines, str]:
    names = dict.fromkeys(str(row["model"]) for _, row in rows if row.get("model") is not None)
    if len(names) > 1:
        if model not in names:
            raise PersonaError(
                f"{path}: answers of {len(names)} models ({shorten(', '.join(names))}): choose one with --model"
            )
        return [(where, row) for where, row in rows if row.get("model") == model], str(model)
    return rows, model or next(iter(names), "elsewhere")


def another_further_up(where: str, pair: Pair) -> PersonaError:
    """Return the error that an earlier line of the pair states another persona or question."""
    return PersonaError(f"{where}: the pair {shorten(pair.id, 40)!r} has another persona or question further up")


def there_twice(where: str, pair: Pair, name: str) -> PersonaError:
    """Return the error that a pair has two answers of one variant."""
    return PersonaError(f"{where}: the pair {shorten(pair.id, 40)!r} has {name!r} twice; give each pair its own id")


def pair_in(row: Mapping[str, Any], where: str, number: int | None, unknown: dict[str, None]) -> Pair:
    """Return the pair of a line; ``number`` names it where the line does not. Raises ``PersonaError`` where there is none."""
    persona, question = row.get("persona"), row.get("question")
    if not isinstance(persona, Mapping):
        raise PersonaError(
            f'{where}: "persona" must be an object of attributes, this one is a {type(persona).__name__}'
        )
    if not isinstance(question, str) or not question.strip():
        raise PersonaError(f"{where}: the question is blank or no text")
    attributes, strange = _read_person(persona, where)
    if strange:
        unknown.update({f"{k} ({why})": None for k, why in strange.items() if k != "id"})
    if not attributes:
        raise PersonaError(f"{where}: the persona has no attribute")
    own_id = next((v for k, v in persona.items() if attribute_name(k) == "id"), None)
    person = str(row.get("persona_id") or own_id or "p" + _digest(attributes))
    asked = str(row.get("question_id") or "q" + _digest(question))
    alone = number is not None and "variant" not in row  # else several lines make one pair
    given = row.get("pair_id", row.get("id") if alone else None)
    fallback = f"{number:05d}" if alone else f"{person}/{asked}"
    return Pair(
        fallback if given is None else str(given),
        Persona(person, attributes),
        of_document({**row, "question_id": asked}),
    )


def _read_person(persona: Mapping[str, Any], where: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return what ``read_person`` does; the lines of one pair, and the questions to one person, follow one another."""
    if all(type(value) is str for value in persona.values()):
        try:
            return _read_once(tuple(persona.items()))
        except PersonaError:
            pass  # said below, with the line's name
    return read_person(persona, where)


@lru_cache(1024)
def _read_once(items: tuple[tuple[str, str], ...]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return read_person(dict(items), "")


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def record_of(evaluation: str, path: Path, names: Sequence[str], longest: int, pairs: int) -> dict[str, Any]:
    """Return what is recorded of lines; ``names`` are their variants in order, ``longest`` is how many a pair has at most."""
    recorded: dict[str, Any] = {"evaluation": evaluation, "n": pairs}
    if evaluation == Contrast.name:
        recorded["baseline"] = NOBODY in names
    if evaluation == PassAtK.name:
        recorded["k"] = longest
    if evaluation == LeaveOneOut.name:
        recorded["attributes"] = [n.removeprefix("without ") for n in names if n.startswith("without ")]
        if not recorded["attributes"]:
            raise PersonaError(
                f'{path}: leave-one-out needs lines with "variant": "{WHOLE}", "without age", …, "{NONE_LISTED}"'
            )
    return recorded


def require_known(names: Iterable[str], variants: Iterable[str], task: str, path: Path) -> None:
    """Raise ``PersonaError`` where a line's variant is none of the evaluation's."""
    if extras := set(names) - set(variants):
        raise PersonaError(
            f"{path}: the variant {shorten(min(extras), 40)!r} does not belong to {task}; --task names the evaluation"
        )


def built_of(
    evaluation: str,
    recorded: dict[str, Any],
    overrides: Mapping[str, Any],
    pairs: Sequence[Pair],
    path: Path,
    people: Sequence[Persona] | None = None,
    names: Sequence[str] = (),
) -> tuple[Settings, Evaluation]:
    """Return the settings and the evaluation, and enter into ``recorded`` what it compares with.

    ``people`` are those of the pairs where ``pairs`` are not all of them. Raises ``PersonaError`` where the settings do not
    fit.
    """
    if evaluation in (LeaveOneOut.name, PassAtK.name):
        others = {k: v for k, v in overrides.items() if k != "mode"}
        return restore(evaluation, {**recorded, "mode": overrides.get("mode")}, others, pairs, str(path))
    chosen = load({"n": recorded["n"], **overrides}, where="--metadata")
    kind = judged_by(evaluation, chosen.protocol)
    if kind is Contrast:
        drawn = contrast.people({}, chosen, pairs) if people is None or chosen.personas else people
        return chosen, Contrast.restore(recorded, chosen, drawn, str(path))
    if kind is not Pairwise:
        return chosen, kind.build(chosen, [pair.persona for pair in pairs] if people is None else people)
    # Whom an answer to be compared was written for, only its author knows: nobody is drawn.
    recorded |= {"evaluation": kind.name, "against": sorted(OVER.keys() & set(names))}
    return chosen, kind.restore(recorded, chosen, [], str(path))
