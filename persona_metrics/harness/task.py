"""What lm_eval calls: our task. What differs between its versions stands here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import datasets
from lm_eval.api.task import ConfigurableTask

from .. import consoles, evaluations, settings
from ..analysis.words import count
from ..consoles import say, say_once
from ..costs.usage import Usage
from ..critic import Missing, Reason, Verdict, check_once, judge
from ..critic.budget import Ledger
from ..critic.request import votes_each
from ..dataset import sources
from ..dataset.questions import of_document as question_of
from ..errors import PersonaError
from ..personas import Persona, columns_of, shown
from ..prompts import render
from . import cache, closing, compat, exits, overall, processes, record, so_far
from .critic_filter import bind
from .endpoint import check_key, look
from .exits import user_errors
from .judging import judge_replies, outcome, persona_of
from .metrics import Means
from .remarks import Judged, design_effect, remarks, rows_of_pair
from .replies import Guard, guard, reply_text
from .spending import Spending, entered, gathered

try:  # lm-eval 0.5 splits tasks by output type; ours generates
    from lm_eval.api.task import GenerateTask as _BaseTask
except ImportError:  # lm-eval 0.4
    _BaseTask = ConfigurableTask


class PersonaTask(_BaseTask):  # type: ignore[misc]
    """One of the four evaluations as an lm-eval task: a document is a pair, an instance is a variant of it."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        config = dict(config or {})
        config.pop("class", None)
        metadata = dict(config.get("metadata") or {})
        self._rank, self._world = 0, 1
        self._model: Any = None
        self._collected = False
        self._predict_only = False
        self._incomplete: set[str] = set()
        self._repeats = False
        self._typed = metadata
        self._guard: Guard | None = None
        self._judging = Ledger()
        self._so_far: so_far.SoFar | None = None
        # lm-eval prints its table when everything is paid: a console in cp1252 must not end it there.
        consoles.forgive()
        with user_errors():
            self.settings = self._settings(metadata)
            pool = self._draw(str(metadata.get("evaluation", "main")))
            self.columns, self._remarks_of_pool = pool.columns or columns_of(pool.personas), pool.remarks
            config["metadata"] = record.metadata(metadata, self.settings, self.evaluation, pool, self.pairs)
        people, questions = {p.persona.id for p in self.pairs}, {p.question.id for p in self.pairs}
        self._repeats = min(len(people), len(questions)) < len(self.pairs)
        config["generation_kwargs"] = self._generation(config.get("generation_kwargs"))
        super().__init__(config=config)
        compat.quiet(str(self.config.task))
        self.dataset = {"test": self._documents()}
        for ensemble in self._ensembles():
            ensemble.filters = [bind(f, self) for f in ensemble.filters]

    def _settings(self, metadata: Mapping[str, Any]) -> settings.Settings:
        return settings.load(_without_defaults(metadata), where="--metadata")

    def _draw(self, evaluation: str) -> sources.Pool:
        """Set the evaluation and its pairs; return the pool that they come from."""
        pool = sources.load_pool(self.settings)
        self.evaluation = evaluations.build(evaluation, self.settings, pool.personas)
        chosen = self.settings
        self.pairs = sources.draw(
            pool, chosen.n, chosen.seed, self.evaluation.groups, chosen.min_support, chosen.counterparts
        )
        return pool

    def _generation(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        kwargs = {"until": [], **(given or {})}
        if self.evaluation.temperature is not None:
            kwargs.setdefault("temperature", self.evaluation.temperature)
        return kwargs

    def _ensembles(self) -> list[Any]:
        # 0.4 keeps the filters on the task, 0.5 on its scorers.
        return list(getattr(self, "_filters", None) or [scorer.filter for scorer in self._scorers])

    # -- data and prompts ------------------------------------------------------------------------------------------

    def download(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Hand over the pairs that were drawn; nothing is downloaded here."""
        self.dataset = {"test": self._documents()}

    def _documents(self) -> datasets.Dataset:
        return record.dataset([record.document(pair, self.columns) for pair in self.pairs])

    def doc_to_text(self, doc: Any, doc_to_text: Any = None) -> Any:
        """Render the YAML's template over the pair; ``prompt`` is the mode's template, filled in."""
        return super().doc_to_text(doc if "prompt" in doc else {**doc, "prompt": self._prompt(doc)}, doc_to_text)

    def _prompt(self, doc: Mapping[str, Any], persona: Persona | None = None, mode: str | None = None) -> str:
        told = shown((persona or persona_of(doc)).attributes)
        return render(f"answer/{mode or self.settings.mode}.jinja", persona=told, question=doc["question"])

    def fewshot_context(self, doc: Any, num_fewshot: Any = 0, *args: Any, **kwargs: Any) -> list[Any]:
        """Return one context a variant."""
        contexts = []
        for variant in self._variants(doc):
            filled = {**doc, "prompt": self._prompt(doc, variant.persona, variant.mode)}
            contexts.append(super().fewshot_context(filled, num_fewshot, *args, **kwargs))
        return contexts

    def construct_requests(self, doc: Any, ctx: Any, **kwargs: Any) -> list[Any]:
        """Return one instance a variant, in the variants' order, each with its own seed where it has one."""
        instances = []
        for index, (variant, context) in enumerate(zip(self._variants(doc), ctx, strict=True)):
            made = super().construct_requests(doc={**doc, "variant": variant.name}, ctx=context, **kwargs)
            instance = made[0] if isinstance(made, list) else made
            instance.idx = index
            instance.arguments = (context, self._sampling(dict(instance.arguments[1]), variant.seed))
            instances.append(instance)
        return instances

    def _variants(self, doc: Mapping[str, Any]) -> tuple[evaluations.Variant, ...]:
        return self.evaluation.variants_of(persona_of(doc), str(doc.get("question_id")))

    def _sampling(self, kwargs: dict[str, Any], seed: int | None) -> dict[str, Any]:
        if seed is None:
            return kwargs
        if "pretrained" in (self.config.metadata or {}):
            # Models in this process sample by their own generator and reject a seed a request.
            return {**kwargs, "do_sample": True}
        # Endpoints: the seed makes the attempts differ, and differ in lm-eval's cache; do_sample would switch that off.
        kwargs.pop("do_sample", None)
        return {**kwargs, "seed": seed}

    def build_all_requests(self, **kwargs: Any) -> Any:
        """Check everything that can be checked, say what the run will ask for, then build the prompts."""
        self._rank, self._world = int(kwargs.get("rank") or 0), int(kwargs.get("world_size") or 1)
        found = compat.running(kwargs.get("chat_template"))
        caching, running = found.caching, found.model
        self._model = running
        endpoint = compat.is_endpoint(running)
        with user_errors():
            record.require_samples(str(self.config.task), kwargs.get("samples") or (), len(self.pairs))
            asked = len(set(kwargs.get("samples") or ())) or len(self.pairs[: kwargs.get("limit")])
            if asked < self._world:
                raise PersonaError(
                    f"{asked} pairs cannot be shared by {self._world} processes: raise n (or --limit), or start fewer"
                )
            if getattr(self.config, "num_fewshot", None):
                raise PersonaError("--num_fewshot: there are no examples to show; leave it at 0")
            if (self.config.repeats or 1) != 1:
                raise PersonaError(
                    "repeats: attempts are counted by persona_pass_at_k (--metadata k=…); leave repeats at 1"
                )
            if compat.takes_messages(running) and not kwargs.get("apply_chat_template"):
                raise PersonaError("a chat endpoint needs --apply_chat_template: add it to the command")
            check_key(running)
            self._name_strange_keys()
            if endpoint and not self._rank:
                look(running)
            if not self._predict_only:
                self._check_critic()
        if kwargs.get("cache_requests"):
            # lm-eval keys that cache by the task's name alone: another n, seed or mode would get these prompts.
            kwargs["cache_requests"] = kwargs["rewrite_requests_cache"] = False
        self._announce(running, kwargs.get("limit"), kwargs.get("samples"))
        built = super().build_all_requests(**kwargs)
        if endpoint:
            self._guard = guard(running, self.instances, str(self.config.task))
        if caching is not None:
            self._keep_apart(caching, running)
        exits.interrupts_in_one_line()
        if not (self._rank or processes.process()):
            closing.begin(str(self.config.task))
            if not self._predict_only and self.evaluation.needs_critic:
                told = (str(self.config.task), self.config.metadata, self.config.generation_kwargs, asked)
                self._so_far = so_far.begin(compat.output_path(), compat.model_name(running), *told)
        return built

    def _keep_apart(self, caching: Any, running: Any) -> None:
        known = {k: v for k, v in self._typed.items() if k in compat.model_arguments()}
        who = cache.identity(running, compat.model_name(running), known)
        if nameless := cache.keep_apart(caching, running, who, self.instances):
            say(
                f"{self.config.task}: {nameless} replies in {caching.cache_db} do not say which model gave them (an"
                " earlier version kept them); they are not used"
            )

    def _name_strange_keys(self) -> None:
        """Say which keys of ``--metadata`` nobody takes: other benchmarks' tasks may, where some run beside ours."""
        if self._rank or processes.process():
            return
        say_once(record.strange_keys(self._typed, compat.model_arguments(), compat.other_tasks(PersonaTask)))

    def _check_critic(self) -> None:
        if not processes.process():
            check_once(self.settings)

    def _announce(self, running: Any, limit: Any, samples: Any) -> None:
        if self._rank or processes.process():
            return
        name = compat.model_name(running)
        self.config.metadata["model_name"] = name
        pairs = len(set(samples)) if samples else min(len(self.pairs), int(limit)) if limit else len(self.pairs)
        first = self.pairs[0]
        variants = len(self.evaluation.variants_of(first.persona, first.question.id))
        calls = pairs * variants
        each = self.evaluation.judgements(first.persona, first.question.id)
        most = pairs * each * votes_each(self.settings)
        if not self._predict_only:
            overall.expect(str(self.config.task), pairs, each, id(running))
        judged = "no judgement (predict only)" if self._predict_only else f"at most {count(most, 'judgement')}"
        sums = f"{count(pairs, 'pair')} × {count(variants, 'variant')} = {count(calls, 'generation')}"
        say(f"{self.config.task}: {sums}, {judged}")
        say_once(self._remarks_of_pool)
        for line in record.thin(self.config.metadata.get("support") or {}, self.settings.min_support):
            say(line)
        if not self._predict_only:
            self._warn(name)

    def _warn(self, model: str | None) -> None:
        for warning in record.warnings(self.settings, model):
            say(f"warning: {warning}")

    # -- judging and metrics ---------------------------------------------------------------------------------------

    def override_metric(self, metric_name: str) -> None:
        """With ``--predict_only`` nothing is judged."""
        self._predict_only = metric_name == "bypass"
        super().override_metric(metric_name)

    def judge_replies(self, replies: Sequence[Sequence[str]], docs: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """Return, for each instance, a list with one result a reply: answer, failure and verdict as plain data."""
        twins = processes.replicas(self._world)
        shown = self._rank == 0 and not processes.process()
        share = self._world * twins
        # Of replicas none knows the others' verdicts before all are there.
        live = self.pairs_so_far() if twins == 1 else so_far.Pairs()

        def ask(judgements: Sequence[Any]) -> list[Verdict]:
            at = overall.span(str(self.config.task), len(judgements), share)
            return judge(
                judgements,
                self.settings,
                share=share,
                progress=shown,
                description=at.name,
                beside=at.beside,
                told=live.told,
            )

        asking: Callable[[Sequence[Any]], Sequence[Verdict]] = ask
        if twins > 1:
            elsewhere = Verdict(None, Missing(Reason.ELSEWHERE), None, ())
            asking = partial(processes.judge_between, ask=ask, world=twins, placeholder=elsewhere)
        if self._guard is not None:
            self._guard.tell(replies, self.settings.critic_max_failures, str(self.config.task))
        with entered(self._judging):
            evaluation, begin = self.evaluation, live.begin
            return judge_replies(replies, docs, self.settings, evaluation=evaluation, ask=asking, prepared=begin)

    def pairs_so_far(self) -> so_far.Pairs:
        """Return what hears of verdicts as they arrive."""
        return so_far.Pairs(self._so_far, str(self.config.task), self.instances)

    def apply_filters(self) -> Any:
        """Judge this rank's replies, then bring them all to rank 0."""
        instances: list[Any] = self.instances
        for instance in instances:
            # To keep ranks in step lm-eval has the last request answered again on those that have fewer.
            del instance.resps[1:]
            # lm-eval writes replies as they are: a list of parts or half a surrogate pair would end the file there.
            if instance.request_type == "generate_until":
                instance.resps[:] = map(reply_text, instance.resps)
        done = super().apply_filters()
        if self._world > 1:
            processes.keep_every_row(self._model)
            parts = self._model.gather_object(instances, dst=0)
            if parts is not None:
                self._instances = sorted((i for part in parts for i in part), key=lambda i: (i.doc_id, i.idx))
            self._collected = True
        self._record_spending()
        if self._rank == 0 and not processes.process() and not self._predict_only:
            self._remark()
        return done

    def _record_spending(self) -> None:
        """Write what the calls of all ranks took into the metadata, and the model's into the store."""
        took = self._guard.took(str(self.config.task)) if self._guard is not None else Usage()
        found = gathered(Spending(took, self._judging), self._model, self._world)
        if found is not None and not processes.process():
            kept = self.settings if not self._predict_only and self.evaluation.needs_critic else None
            price = found.enter(
                self.config.metadata, compat.model_name(self._model), self._model, kept, self.settings.prices
            )
            closing.done(str(self.config.task), found.model, price)

    def _remark(self) -> None:
        """Let the evaluation learn from all pairs what a single one's rows lean on, and say what looks wrong."""
        by_pair: dict[Any, Judged] = {}
        unanswered: str | None = None
        for instance in self.instances:
            doc = instance.doc
            pair = by_pair.setdefault(instance.doc_id, Judged(persona_of(doc), str(doc["question_id"]), []))
            for results in instance.filtered_resps.values():
                pair.outcomes.extend(map(outcome, results))
                if unanswered is None and any(result["answer_failure"] for result in results):
                    unanswered = str(instance.resps[0])
        pairs = list(by_pair.values())
        self.evaluation = self.evaluation.informed(pair.outcomes for pair in pairs)
        for remark in remarks(self.evaluation, pairs, self.settings, unanswered):
            say(f"warning: {remark}")

    def doc_iterator(self, *, rank: int = 0, world_size: int = 1, **kwargs: Any) -> Any:
        """Return the rank's documents; once the replies are brought together, all of them on rank 0.

        lm-eval drops the rows that rank 0 lacks (``personalized[sex=Female]`` of another rank's persona), so rank 0
        has to make the rows of all. With ``--samples`` it looks each number up in the list that was given, whereas its own
        iterator numbers the chosen in the data's order (0.4) or hands over the document's own number (0.5).
        """
        if self._collected and rank:
            return iter(())
        if self._collected:
            world_size = 1
        if samples := kwargs.get("samples"):
            place = {number: at for at, number in reversed(list(enumerate(samples)))}
            chosen = ((place[number], self.eval_docs[number]) for number in dict.fromkeys(samples))
            return islice(chosen, rank, None, world_size)
        return super().doc_iterator(rank=rank, world_size=world_size, **kwargs)

    def process_results(self, doc: Any, results: Any) -> dict[str, Any]:
        """Return the pair's rows from its variants' verdicts."""
        if self._predict_only:
            return {"bypass": 0}
        outcomes = [outcome(result) for result in compat.flat(results)]
        rows = rows_of_pair(self.evaluation, persona_of(doc), question_of(doc), outcomes, self._repeats)
        self._incomplete |= {str(m["metric"]) for m in self.config.metric_list or ()} - rows.keys()
        return rows

    def dump_config(self) -> dict[str, Any]:
        """Return the configuration, naming only rows that every document has.

        lm-eval's wandb logger looks each named row up in every sample, and gives up on all samples where one lacks it:
        a missing verdict has no row. Over several processes nobody knows what the others' documents lack.
        """
        config = dict(super().dump_config())
        unsure = {"personalized"} if self._world > 1 else set()
        listed = config.get("metric_list") or []
        return {**config, "metric_list": [m for m in listed if m["metric"] not in self._incomplete | unsure]}

    def aggregation(self) -> dict[str, Any]:
        """Return the mean for every row, but for those the evaluation aggregates itself."""
        return Means({**super().aggregation(), **self._own()})

    def _own(self) -> dict[str, Callable[[Any], float]]:
        """Return the rows that are no mean: the evaluation's, and what repetition costs."""
        return {**self.evaluation.aggregates(), "design_effect": design_effect}

    def aggregate(self, bootstrap_iters: int | None = 100_000) -> tuple[dict[str, Any], int]:
        """Aggregate as lm-eval 0.5 does, but without bootstrapping the evaluation's own rows.

        0.5 bootstraps everything that is not its mean: 100,000 fits of the group model would take an hour. Their
        intervals stand in the report. (0.4 prints N/A by itself and never calls this.)
        """
        own = self._own()
        counted = {
            k for scorer in self._scorers for r in scorer.export_reduced().values() for k in r if k.startswith("n[")
        }
        own |= dict.fromkeys(counted, sum)
        kept = [scorer.export_reduced() for scorer in self._scorers]
        for scorer, rows in zip(self._scorers, kept, strict=True):
            scorer.import_reduced({d: {k: v for k, v in r.items() if k not in own} for d, r in rows.items()})
        table, count = super().aggregate(bootstrap_iters=bootstrap_iters)
        for scorer, rows in zip(self._scorers, kept, strict=True):
            scorer.import_reduced(rows)
            for name, function in own.items():
                if values := [r[name] for r in rows.values() if name in r]:
                    table[f"{name},{scorer.name}"] = function(values)
                    table[f"{name}_stderr,{scorer.name}"] = "N/A"
        return table, count


def _without_defaults(metadata: Mapping[str, Any]) -> dict[str, Any]:
    # `evaluation` is the YAML's own word, not a setting.
    return {k: v for k, v in metadata.items() if k not in record.OF_YAML}
