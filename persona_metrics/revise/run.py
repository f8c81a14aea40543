"""Takes a run's answers through the rounds and writes what came of them as a run of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..consoles import say
from ..critic import Judged, Judgement, Verdict, check, check_once, critic_card, judge
from ..errors import PersonaError, shorten
from ..evaluations import needs_critic
from ..evaluations.base import WHOLE
from ..files import check_folder
from ..personas import known
from ..runs.find import Keep, find
from ..runs.read import results_of
from ..scoring import given as answers
from ..scoring import replay
from ..scoring.given import Given
from ..settings import Settings
from .loop import Revised, State, revise
from .writer import PROTOCOL, UNDER_TEST, under_test, writer_settings

Place = tuple[str, str]
"""A pair's id and a variant's name."""

SAME = {
    "critic_model": "critic",
    "critic_template": "template",
    "critic_temperature": "temperature",
    "critic_votes": "votes",
}
"""In what the critic has to be the one that judged the run: else before and after are two critics' words."""


@dataclass
class Source:
    """One task of a run: its answers, the results as they were written, and those that can be revised, by place."""

    given: Given
    results: dict[Place, list[dict[str, Any]]]
    revised: dict[Place, Revised] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What a revision came to: the tasks with every answer's rounds, and the files."""

    sources: tuple[Source, ...]
    writer: str
    rounds: int
    files: tuple[Path, ...]


def run(path: Path, out: Path, writer: str, rounds: int, overrides: Mapping[str, Any], task: str | None = None) -> Done:
    """Revise the newest run at ``path`` and write the results below ``out``.

    Everything that can be checked is, before the first call that costs: the run, its critic against the one that is set,
    the folder, critic and writer by a dry call each. Whatever was judged or written before comes from the store. Raises
    ``PersonaError`` for what cannot be.
    """
    if not 1 <= rounds <= 20:
        raise PersonaError(f"--rounds {rounds}: must be between 1 and 20")
    found = find([path], Keep.NEWEST, samples=True, task=task)
    for note in found.notes:
        say(note)
    listed = found.runs[0]
    judged = [one for one in listed.tasks if needs_critic(one.metadata.get("evaluation"))]
    if not judged:
        names = ", ".join(one.name for one in listed.tasks)
        raise PersonaError(f"{shorten(path)}: {names} has no verdicts, so nothing says what to revise")
    sources = [read(one.samples, overrides) for one in judged if one.samples is not None]
    chosen = sources[0].given.settings
    name = under_test(listed.config, listed.model) if writer == UNDER_TEST else writer
    writing = writer_settings(name, chosen, overrides)
    for source in sources:
        _same_critic(source.given)
    made = not out.exists()
    check_folder(out)
    try:
        return _revised(sources, chosen, writing, out, name.partition("@http")[0], rounds)
    except PersonaError:
        if made:
            with suppress(OSError):
                out.rmdir()  # only where nothing came of it
        raise


def _revised(
    sources: Sequence[Source], chosen: Settings, writing: Settings, out: Path, writer: str, rounds: int
) -> Done:
    if any(one.last.verdict.personalized is False for source in sources for one in source.revised.values()):
        check_once(chosen)
        _ask_first(writing)
    for source in sources:
        revise(
            list(source.revised.values()),
            rounds,
            partial(_write, writing=writing),
            partial(judge, settings=chosen),
            chosen.template,
        )
        _judge_for_others(source, chosen)
    return Done(tuple(sources), writer, rounds, tuple(_save(sources, out, writer, rounds)))


def read(samples: Path, overrides: Mapping[str, Any]) -> Source:
    """Return the answers of a samples file with the verdicts that stand in it.

    What can be revised are answers for the whole persona (attempts, too) that have a verdict: a changed persona, or none
    within a contrast, is there to be compared with.
    """
    rows = answers.read_lines(samples)
    source = Source(answers.from_samples(samples, rows, overrides), {})
    first = rows[0][1].get("filter")
    for where, row in rows:
        if row.get("filter") != first:
            continue
        doc, places = row["doc"], list[Place]()
        for result in results_of(row):
            if "judged_for" not in result:
                places.append((str(doc["pair_id"]), str(result.get("variant", WHOLE))))
            elif not places or not isinstance(result["judged_for"], Mapping):
                raise PersonaError(f"{where}: judged_for names no person beside an answer's own")
            source.results.setdefault(places[-1], []).append(dict(result))
        for place in places:
            result = source.results[place][0]
            answer, verdict = result.get("answer"), _verdict(result, where)
            if _revisable(place[1]) and isinstance(answer, str) and verdict is not None:
                source.revised[place] = Revised(str(doc["question"]), known(doc["persona"]), [State(answer, verdict)])
    for answered in source.given.pairs:
        for variant in source.given.evaluation.variants(answered.pair.persona):
            if (answered.pair.id, variant.name) not in source.results:
                raise PersonaError(
                    f"{samples}: {shorten(answered.pair.id, 40)}/{variant.name} was never judged (--predict_only?): judge the"
                    " run first (persona-metrics score)"
                )
    return source


def _revisable(variant: str) -> bool:
    return variant == WHOLE or variant.startswith("attempt ")


def _verdict(result: Mapping[str, Any], where: str) -> Verdict | None:
    try:
        return Verdict.from_dict(result["verdict"]) if result.get("verdict") else None
    except (TypeError, AttributeError, KeyError) as error:
        raise PersonaError(f"{where}: not a verdict of this pack: {shorten(error)}") from None


def _same_critic(given: Given) -> None:
    here = critic_card(given.settings)
    apart = [
        f"{label} {shorten(given.recorded.get(name), 40)} there, {shorten(here.get(name), 40)} here"
        for name, label in SAME.items()
        if given.recorded.get(name) is not None and _plain(given.recorded[name]) != _plain(here.get(name))
    ]
    efforts = [str(told.get("critic_reasoning_effort") or "unset") for told in (given.recorded, here)]
    if efforts[0] != efforts[1]:
        apart.append(f"reasoning effort {efforts[0]} there, {efforts[1]} here")
    if not given.settings.critic_model:
        critic = shorten(given.recorded.get("critic_model"), 60)
        raise PersonaError(f"no critic is configured: set the one that judged the run, PERSONA_CRITIC_MODEL={critic}")
    if apart:
        raise PersonaError(
            f"the run was judged by another critic than is set ({'; '.join(apart)}): set that one, or judge the run by"
            " yours first (persona-metrics score)"
        )


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _ask_first(writing: Settings) -> None:
    try:
        check(writing, remembered=True, protocol=PROTOCOL)
    except PersonaError as error:
        raise PersonaError(str(error).replace("the critic ", "the writer ", 1)) from None


def _write(wanted: Sequence[Judged], writing: Settings) -> list[Verdict]:
    """Have everything written; raise ``PersonaError`` where the writer gives nothing at all."""
    patient = writing.model_copy(update={"critic_max_failures": 1.0})
    try:
        made = judge(wanted, patient, description="writer")
    except PersonaError as error:
        raise PersonaError(f"the writer {shorten(writing.critic_model, 60)}: {error}") from None
    if all(one.missing is not None for one in made):
        reason = made[0].missing
        raise PersonaError(
            f"the writer {shorten(writing.critic_model, 60)} wrote none of {len(made)} revisions: {reason}"
        )
    return made


def _judge_for_others(source: Source, chosen: Settings) -> None:
    """Judge what was written anew for the other people, too, for whom its original was judged."""
    waiting: list[tuple[dict[str, Any], Judgement]] = []
    for place, one in source.revised.items():
        for result in source.results[place][1:] if one.touched else ():
            person = known(result["judged_for"].get("persona") or {})
            result["answer"] = one.last.answer
            waiting.append((result, Judgement(one.question, person, one.last.answer, chosen.template)))
    if waiting:
        for (result, _), verdict in zip(waiting, judge([j for _, j in waiting], chosen), strict=True):
            result["verdict"] = verdict.to_dict()


class RevisedTask(replay.ReplayTask):
    """The task over the revised answers: every verdict is there already."""

    def __init__(self, source: Source, more: Mapping[str, Any]) -> None:
        self._source = source
        super().__init__(source.given)
        self.config.metadata |= more

    def _check_critic(self) -> None:
        """Ask nobody."""

    def judge_replies(self, replies: Sequence[Sequence[str]], docs: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """Return the results of the last round; an answer that was written anew has its ``rounds`` beside it."""
        del replies
        return [self._results((str(doc["pair_id"]), str(doc["variant"]))) for doc in docs]

    def _results(self, place: Place) -> list[dict[str, Any]]:
        own, *others = self._source.results[place]
        one = self._source.revised.get(place)
        if one is None or not one.touched:
            return [own, *others]
        rounds = [
            {"answer": state.answer, "personalized": state.verdict.personalized, "marks": list(state.marks)}
            for state in one.states
        ]
        return [{**own, "answer": one.last.answer, "verdict": one.last.verdict.to_dict(), "rounds": rounds}, *others]


def _save(sources: Iterable[Source], out: Path, writer: str, rounds: int) -> list[Path]:
    tasks, made = [], []
    for source in sources:
        given = source.given
        model = f"{given.model} revised by {writer}"
        changed = replace(
            given,
            pairs=tuple(_replied(source, answered) for answered in given.pairs),
            model=model,
            config={"model": given.config.get("model") or given.model, "model_args": {"model": model}},
        )
        source.given = changed
        more = {
            "revised_from": given.origin,
            "revised_by": writer,
            "revised_rounds": rounds,
            "revised_model": given.model,
        }
        tasks.append(RevisedTask(source, more))
        made.append(changed)
    return replay.write(tasks, made, out)


def _replied(source: Source, answered: answers.Answered) -> answers.Answered:
    names = [variant.name for variant in source.given.evaluation.variants(answered.pair.persona)]
    texts = []
    for name, reply in zip(names, answered.replies, strict=True):
        one = source.revised.get((answered.pair.id, name))
        texts.append(one.last.answer if one is not None and one.touched else reply)
    return replace(answered, replies=tuple(texts))
