"""The tasks (a persona and its question, or a choice) and their reward. All that counts is persona-metrics' own."""

import json
from collections.abc import Iterator
from typing import Literal

import verifiers.v1 as vf
from pydantic import Field

from persona_metrics import rewards, settings
from persona_metrics.dataset.sources import draw, load_personas, load_pool
from persona_metrics.evaluations.choice import CHANGED, Choice
from persona_metrics.evaluations.letters import letters
from persona_metrics.personas import shown
from persona_metrics.prompts import render
from persona_metrics.rewards.terms import Terms


class PersonaData(vf.TaskData):
    """One prompt, and what its reward reads: the person and the question, or the options and the right one."""

    persona: str = ""
    question: str = ""
    options: list[str] = Field(default_factory=list)
    right: int = 0


class PersonaTaskConfig(vf.TaskConfig):
    """The reward's terms (see ``persona_metrics.rewards.terms``)."""

    length_budget: int | None = None
    length_weight: float = 0.5
    recital_weight: float = 0.0


class PersonaTask(vf.Task[PersonaData, vf.State, PersonaTaskConfig]):
    """One prompt. A verdict that cannot be had raises, and the rollout is an error: a failed judge never scores."""

    @property
    def key(self) -> str:
        """The pair's id, whatever its place in the taskset."""
        return self.data.id or self.hash

    @vf.reward(weight=1.0)
    async def fits(self, trace: vf.Trace) -> float:
        """Return the reward of the last reply."""
        data = self.data
        if data.options:
            (value,) = rewards.choice([None], [trace.last_reply], options=[data.options], right=[data.right])
            assert value is not None
            return value
        terms = Terms(self.config.length_budget, self.config.length_weight, self.config.recital_weight)
        return await rewards.required(trace.last_reply, data.persona, data.question, terms=terms)


class PersonaConfig(vf.TasksetConfig):
    """Which prompts: ``n`` pairs by ``seed``, judged by the critic, or choices that need none."""

    kind: Literal["personalized", "choice"] = "personalized"
    n: int = Field(100, gt=0)
    seed: int = 0
    task: PersonaTaskConfig = PersonaTaskConfig()


class PersonaTaskset(vf.Taskset[PersonaTask, PersonaConfig]):
    """The pack's pairs, drawn as its lm-eval tasks draw them."""

    def load(self) -> Iterator[PersonaTask]:
        """Yield a task a prompt; a choice has one for each side of its change."""
        chosen = settings.load({"n": self.config.n, "seed": self.config.seed})
        return self._choices(chosen) if self.config.kind == "choice" else self._pairs(chosen)

    def _pairs(self, chosen: settings.Settings) -> Iterator[PersonaTask]:
        for pair in draw(load_pool(chosen), chosen.n, chosen.seed):
            prompt = render(
                "answer/output_only.jinja", persona=shown(pair.persona.attributes), question=pair.question.text
            )
            persona = json.dumps(dict(pair.persona.attributes))
            data = PersonaData(
                id=pair.id, name=pair.question.id, prompt=prompt, persona=persona, question=pair.question.text
            )
            yield PersonaTask(data, self.config.task)

    def _choices(self, chosen: settings.Settings) -> Iterator[PersonaTask]:
        personas, _ = load_personas(chosen)
        for document in Choice.build(chosen, personas).documents():
            for ask in document.asks:
                if (
                    ask.persona is None
                    or ask.right is None
                    or not (ask.name == "whole" or ask.name.startswith(CHANGED))
                ):
                    continue
                options = [document.options[i] for i in ask.order]
                prompt = render(
                    Choice.template,
                    persona=shown(ask.persona.attributes),
                    question=document.question.text,
                    options=list(zip(letters(len(options)), options, strict=True)),
                )
                data = PersonaData(
                    id=f"{document.id}/{ask.name}",
                    name=document.question.id,
                    prompt=prompt,
                    options=options,
                    right=ask.order.index(ask.right),
                )
                yield PersonaTask(data, self.config.task)
