"""The critic's verdict as a reward, through the critic's own client and store; the canary sees every batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import settings as settings_of
from ..critic import Judgement, Verdict, check_once, judge
from ..critic.tally import FIRST, advice
from ..errors import PersonaError, shorten
from ..settings import Settings
from .canary import Canary, Planted
from .columns import aligned, answer_of, person
from .terms import Parts, Terms, parts

Log = Callable[[str, float], None]


class VerdictMissing(PersonaError):
    """A verdict that could not be had, where a score is needed: nothing was scored."""


@dataclass(frozen=True)
class _Item:
    """One completion that is judged: for its own person, and for another where that counts."""

    answer: str | None
    persona: Mapping[str, str]
    question: str
    other: Mapping[str, str] | None = None


class _Reward:
    """One critic and one set of weights, with what the canary has seen of them."""

    def __init__(self, chosen: Settings, terms: Terms) -> None:
        # A missing verdict is None to the trainer and stops nothing, unless there is none at all.
        self._settings = chosen.model_copy(update={"critic_max_failures": 1.0})
        self._terms, self.canary = terms, Canary(chosen)
        self._lost = 0
        # Trainers that score rollouts one by one do so from several threads.
        self._lock = threading.Lock()

    def of(self, items: Sequence[_Item]) -> list[Parts]:
        """Return the parts of each item's reward; raise ``PersonaError`` where no verdict is to be had at all."""
        wanted: list[Judgement] = []
        for item in items:
            if item.answer is not None:
                people = (item.persona, *((item.other,) if self._contrasts(item) and item.other else ()))
                wanted += [Judgement(item.question, who, item.answer, self._settings.template) for who in people]
        verdicts = iter(self._judged(wanted))
        return [self._parts(item, verdicts) for item in items]

    def _contrasts(self, item: _Item) -> bool:
        return self._terms.contrast_weight > 0 and item.other is not None

    def _parts(self, item: _Item, verdicts: Any) -> Parts:
        if item.answer is None:
            return parts(self._terms, None, item.persona, item.question, 0.0, None)
        fits = _value(next(verdicts))
        other = None
        if self._contrasts(item):
            value = _value(next(verdicts))
            other = float("nan") if value is None else value
        return parts(self._terms, item.answer, item.persona, item.question, fits, other)

    def _judged(self, wanted: Sequence[Judgement]) -> list[Verdict]:
        verdicts = judge(wanted, self._settings, progress=False, description="reward")
        for verdict in verdicts:
            self._lost = 0 if verdict.missing is None else self._lost + 1
        if verdicts and self._lost >= FIRST and verdicts[-1].missing is not None:
            raise PersonaError(f"the last {self._lost} verdicts are missing: {advice(verdicts[-1].missing)}")
        return verdicts

    def batch(self, items: Sequence[_Item], log: Log | None) -> list[float | None]:
        """Return the rewards of a batch, and let the canary look; raise ``PersonaError`` with its sentence."""
        with self._lock:
            planted = self.canary.plant([(item.persona, item.question) for item in items])
        found = self.of([*items, *(_Item(one.answer, one.persona, one.question) for one in planted)])
        own, tricks = found[: len(items)], found[len(items) :]
        with self._lock:
            self._watch(items, own, planted, tricks)
            means, sentence = self.canary.means()["planted"], self.canary.sentence()
        if log is not None:
            _log(own, means, log)
        if sentence is not None:
            raise PersonaError(sentence)
        return [one.reward for one in own]

    def _watch(
        self, items: Sequence[_Item], own: Sequence[Parts], planted: Sequence[Planted], tricks: Sequence[Parts]
    ) -> None:
        for item, one in zip(items, own, strict=True):
            self.canary.own(item.answer, item.persona, item.question, one.reward)
        for trick, one in zip(planted, tricks, strict=True):
            self.canary.planted(trick, one.reward)


def _value(verdict: Verdict) -> float | None:
    return None if verdict.personalized is None else float(verdict.personalized)


def _log(found: Sequence[Parts], canary: Mapping[str, tuple[float, int]], log: Log) -> None:
    columns: dict[str, list[float | None]] = {
        "persona/fits": [one.fits for one in found],
        "persona/missing": [float(one.reward is None) for one in found],
        "persona/over_budget": [one.over for one in found],
        "persona/recital": [one.recital for one in found],
        "persona/fits_other": [one.fits_other for one in found],
    }
    for name, values in columns.items():
        if known := [value for value in values if value is not None]:
            log(name, sum(known) / len(known))
    for kind, (mean, _) in canary.items():
        log(f"persona/canary/{kind}", mean)


_rewards: dict[tuple[str, Terms], _Reward] = {}
_making = threading.Lock()


def _reward(overrides: Mapping[str, Any] | None, terms: Terms) -> _Reward:
    chosen = settings_of.load(overrides or {}, where="settings")
    key = (chosen.model_dump_json(exclude={"critic_api_key", "critic_api_keys"}), terms)
    with _making:
        if key not in _rewards:
            check_once(chosen)
            _rewards[key] = _Reward(chosen, terms)
        return _rewards[key]


async def personalized(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    *,
    persona: Sequence[Any],
    question: Sequence[str],
    other: Sequence[Any] | None = None,
    log_metric: Log | None = None,
    settings: Mapping[str, Any] | None = None,
    length_budget: int | None = None,
    length_weight: float = 0.5,
    recital_weight: float = 0.0,
    contrast_weight: float = 0.0,
    **columns: Any,
) -> list[float | None]:
    """Return one reward a completion: 1.0 where the critic finds that it fits its person, 0.0 where not, less the terms.

    TRL's asynchronous reward function over the rows of ``export --to trl-prompts``. A missing verdict is None, which TRL
    masks; a completion without an answer earns 0.0. The critic is the one of the environment, or of ``settings`` (names
    and values as ``evaluate_model`` takes them); verdicts come from its store where it has them.

    ``length_budget`` (characters), ``recital_weight`` and ``contrast_weight`` (needs ``other``, another person) switch
    terms on; give them with ``functools.partial``. Logged through ``log_metric``, each a mean over the batch:
    ``persona/fits``, ``persona/missing``, ``persona/over_budget``, ``persona/recital``, ``persona/fits_other``, and what
    the canary's plantings earn.

    Raises ``PersonaError`` where the canary finds that a trick pays, where no verdict is to be had at all, and for columns
    that cannot be.
    """
    del prompts, columns
    aligned(completions, persona=persona, question=question, **({} if other is None else {"other": other}))
    terms = Terms(length_budget, length_weight, recital_weight, contrast_weight)
    if contrast_weight and other is None:
        raise PersonaError("contrast_weight needs the column other: export the prompts with --to trl-prompts")
    items = [
        _Item(answer_of(completion), who or {}, str(asked), person(another, "other"))
        for completion, who, asked, another in zip(
            completions, map(person, persona), question, other or [None] * len(completions), strict=True
        )
    ]
    if any(not item.persona for item in items):
        raise PersonaError("persona: blank; every row needs one")
    return await asyncio.to_thread(lambda: _reward(settings, terms).batch(items, log_metric))


async def required(
    completion: Any,
    persona: Any,
    question: str,
    *,
    settings: Mapping[str, Any] | None = None,
    terms: Terms | None = None,
) -> float:
    """Return the reward of one completion; raise ``VerdictMissing`` where there is no verdict. A failure never scores."""
    found = await personalized(
        [None],
        [completion],
        persona=[persona],
        question=[question],
        settings=settings,
        **({} if terms is None else vars(terms)),
    )
    if found[0] is None:
        raise VerdictMissing(f"no verdict on the answer to {shorten(question, 60)!r}: nothing was scored")
    return found[0]
