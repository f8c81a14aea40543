"""The evaluations without a critic as lm-eval tasks: options picked by loglikelihood, or by a letter that is generated."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import datasets
from lm_eval.api.instance import Instance

from .. import evaluations
from ..analysis.words import count, percent
from ..consoles import say, say_once
from ..dataset import sources
from ..errors import PersonaError, shorten
from ..evaluations.judgefree import GENERATE, LOGLIKELIHOOD, NO_LETTER, Ask, Document, Judgefree, picks
from ..evaluations.letters import letters
from ..personas import Persona, shown
from ..prompts import render
from . import compat, processes, record
from .exits import user_errors
from .remarks import design_effect, packed
from .task import PersonaTask

_BASES: tuple[type, ...] = (PersonaTask,)
try:  # lm-eval 0.5 has a class for each output type, and a task of ours may be of either
    from lm_eval.api.task import GenerateTask as _GenerateTask  # noqa: F401  # 0.4 has another MultipleChoiceTask
    from lm_eval.api.task import MultipleChoiceTask

    _BASES = (PersonaTask, MultipleChoiceTask)
except ImportError:  # lm-eval 0.4
    MultipleChoiceTask = None

EMBEDDED = "embedded"
"""The name by which our own server of the embedded model goes; it keeps replies to a grammar."""


class ChoosingTask(*_BASES):  # type: ignore[misc]
    """A judge-free evaluation: a document holds several prompts, an instance is one of them (or one of its options)."""

    evaluation: Judgefree
    pairs: list[Document]

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        config = dict(config or {})
        self._form = GENERATE if config.get("output_type") == "generate_until" else LOGLIKELIHOOD
        super().__init__(config=config)

    def _draw(self, evaluation: str) -> sources.Pool:
        edition = getattr(evaluations.evaluation_of(evaluation), "edition", None) or self.settings.data
        people, label = sources.load_people(self.settings.model_copy(update={"data": edition}))
        personas = people.personas
        built = evaluations.build(evaluation, self.settings, personas)
        assert isinstance(built, Judgefree)
        self.evaluation = replace(built, form=self._form)  # type: ignore[type-var]
        self.pairs = self.evaluation.documents()
        self._by_id = {document.id: document for document in self.pairs}
        made = sources.content_hash(personas, ())
        data = str(edition) if label == "embedded" else label
        return sources.Pool(personas, (), made, label, data, people.columns, people.remarks)

    def _generation(self, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return super()._generation(given) if self._form == GENERATE else None

    def _documents(self) -> datasets.Dataset:
        return record.dataset([document.to_row(self.columns) for document in self.pairs])

    # -- prompts -------------------------------------------------------------------------------------------------------

    def _prompt(self, doc: Mapping[str, Any], persona: Persona | None = None, mode: str | None = None) -> str:
        del persona, mode
        document = self._by_id[doc["pair_id"]]
        return self._asked(document, document.asks[0])

    def _asked(self, document: Document, ask: Ask) -> str:
        told = None if ask.persona is None else shown(ask.persona.attributes)
        options = list(zip(letters(len(ask.order)), (document.options[i] for i in ask.order), strict=True))
        return render(self.evaluation.template, persona=told, options=options, **self.evaluation.values(document))

    def fewshot_context(self, doc: Any, num_fewshot: Any = 0, *args: Any, **kwargs: Any) -> list[Any]:
        """Return one context a prompt."""
        document = self._by_id[doc["pair_id"]]
        one_context = super(PersonaTask, self).fewshot_context  # type: ignore[misc]
        return [
            one_context({**doc, "prompt": self._asked(document, ask)}, num_fewshot, *args, **kwargs)
            for ask in document.asks
        ]

    def construct_requests(self, doc: Any, ctx: Any, **kwargs: Any) -> list[Any]:
        """Return the instances of all prompts: one a prompt, or one for each of its options."""
        made: list[Instance] = []
        constrained = {}
        if self._form == GENERATE and compat.model_name(self._model) == EMBEDDED:
            constrained = {"grammar": f"root ::= [{''.join(doc['letters'])}]"}
        for ask, context in zip(self._by_id[doc["pair_id"]].asks, ctx, strict=True):
            instances = self._requests(doc, context, **kwargs)
            for instance in instances:
                instance.idx = len(made)
                if self._form == GENERATE:
                    sampled = self._sampling(dict(instance.arguments[1]), ask.seed)
                    instance.arguments = (instance.arguments[0], {**sampled, **constrained})
                made.append(instance)
        return made

    def _requests(self, doc: Any, context: Any, **kwargs: Any) -> list[Instance]:
        if MultipleChoiceTask is not None and self._form == LOGLIKELIHOOD:
            found = MultipleChoiceTask.construct_requests(self, doc=doc, ctx=context, **kwargs)
        else:
            found = super(PersonaTask, self).construct_requests(doc=doc, ctx=context, **kwargs)  # type: ignore[misc]
        return found if isinstance(found, list) else [found]

    # -- before the run ------------------------------------------------------------------------------------------------

    def _check_critic(self) -> None:
        """Ask nothing of a critic; make sure that the model gives loglikelihoods where they are needed."""
        if self._form == LOGLIKELIHOOD:
            _check_loglikelihoods(self._model, self.evaluation.generate_task)

    def _announce(self, running: Any, limit: Any, samples: Any) -> None:
        if self._rank or processes.process():
            return
        self.config.metadata["model_name"] = compat.model_name(running)
        asked = self.pairs if not limit or samples else self.pairs[: int(limit)]
        prompts = sum(len(document.asks) for document in asked)
        if self._form == GENERATE:
            wanted = count(prompts, "letter")
        else:
            options = sum(len(document.asks) * len(document.options) for document in asked)
            wanted = f"{count(prompts, 'prompt')}, {count(options, 'loglikelihood')}"
        number = len(samples) if samples else len(asked)
        say(f"{self.config.task}: {count(number, 'document')} of the model alone = {wanted}; no critic is asked")
        lacking = [name for name in self.evaluation.reads if name not in self.columns]
        if lacking:
            say(
                f"{self.config.task}: no persona states {shorten(', '.join(lacking), 200)}; what hangs on that is left out"
            )
        say_once(self._remarks_of_pool)
        if self.settings.questions:
            say(
                f"questions={shorten(self.settings.questions, 60)} is not used: {self.config.task} brings its own items"
            )

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _remark(self) -> None:
        """Say where replies are missing, and where many named no option."""
        if self._form != GENERATE:
            return
        if self._guard is not None:
            with user_errors(everywhere=True):
                replies = [instance.resps for instance in self.instances]
                self._guard.tell(replies, self.settings.critic_max_failures, str(self.config.task))
        failed = [i for i in self.instances if picks(_single(i.doc), [i.resps])[0].failure == NO_LETTER]
        total = len(self.instances)
        if total and len(failed) / total > self.settings.max_answer_failures:
            say(
                f"warning: in {len(failed):,} of {count(total, 'reply', 'replies')} ({percent(len(failed) / total)}) no"
                f" letter was found; the first: {shorten(failed[0].resps[0], 120)!r}; likely a token limit that thinking"
                " uses up (--gen_kwargs max_gen_toks=…), or a wrong chat template"
            )

    def process_results(self, doc: Any, results: Any) -> dict[str, Any]:
        """Return the document's rows from what was picked."""
        if self._predict_only:
            return {"bypass": 0}
        rows = dict(self.evaluation.score(doc, picks(doc, results)))
        value = rows.get(self.evaluation.headline)
        if self._repeats and isinstance(value, float):
            rows["design_effect"] = packed(value, doc["persona_id"], doc["question_id"])
        self._incomplete |= {str(m["metric"]) for m in self.config.metric_list or ()} - rows.keys()
        return rows

    def _own(self) -> dict[str, Any]:
        return {**self.evaluation.aggregates(), "design_effect": design_effect}


def _single(doc: Mapping[str, Any]) -> dict[str, Any]:
    # Every order shows the same letters: for whether there is one, the first will do.
    return {**doc, "asks": doc["asks"][:1]}


def _check_loglikelihoods(model: Any, instead: str) -> None:
    """Raise ``PersonaError`` where the model cannot say how likely a text is: a chat endpoint, or one that keeps it back.

    Models behind other endpoints are asked for one, since nothing else tells.
    """
    if compat.takes_messages(model):
        raise PersonaError(f"a chat endpoint gives no loglikelihoods, which this task picks by: run {instead} instead")
    api = sys.modules.get("lm_eval.models.api_models")
    if api is None or not isinstance(model, api.TemplateAPI) or processes.process():
        return
    probe = Instance(request_type="loglikelihood", doc={}, arguments=("Two and two are", " four"), idx=0)
    try:
        model.loglikelihood([probe], disable_tqdm=True)
    except Exception as error:  # lm-eval and its endpoints fail in as many ways as there are of them
        raise PersonaError(
            f"the endpoint gives no loglikelihoods, which this task picks by ({shorten(error, 120)}): run {instead} instead"
        ) from None
