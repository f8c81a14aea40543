"""Runs lm-eval over answers that are there already: a model that only repeats them, and a task over their pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from ..consoles import say
from ..costs.usage import told
from ..critic import Judged, Missing, Reason, Verdict, judge
from ..critic.store import Store
from ..dataset.sources import Pool, content_hash
from ..errors import PersonaError
from ..files import check_folder
from ..harness import so_far
from ..harness.exits import raising
from ..harness.judging import judge_replies
from ..harness.record import document
from ..harness.saving import save
from ..harness.spending import entered
from ..harness.task import PersonaTask
from ..harness.task_files import tasks_folder
from ..harness.yamls import read_task
from ..personas import columns_of
from ..settings import Settings
from . import batchfile
from .given import Given, scored

Ask = Callable[[Sequence[Judged]], Sequence[Verdict]]


class Repeater(LM):  # type: ignore[misc]
    """Answers each request with the reply that was given to it."""

    def __init__(self, given: Sequence[Given]) -> None:
        super().__init__()
        self._replies = {
            (one.task, answered.pair.id, variant.name): reply
            for one in given
            for answered in one.pairs
            for variant, reply in zip(
                one.evaluation.variants_of(answered.pair.persona, answered.pair.question.id),
                answered.replies,
                strict=True,
            )
        }

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:  # noqa: ARG002
        """Return the given replies."""
        return [self._replies[r.task_name, r.doc["pair_id"], r.doc["variant"]] for r in requests]

    def loglikelihood(self, *args: Any, **kwargs: Any) -> Any:
        """Not ours: every task of the pack generates."""
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


class Made(TaskManager):  # type: ignore[misc]
    """Hands lm-eval tasks that are made already: its 0.5 takes names and configurations alone."""

    def __init__(self, tasks: Sequence[PersonaTask]) -> None:
        super().__init__(include_path=str(tasks_folder()), include_defaults=False)
        self.made = {str(task.config.task): task for task in tasks}

    def load(self, specs: Any, overrides: Any = None) -> Any:  # noqa: ARG002
        """Return the tasks, whatever is asked for."""
        return {"tasks": dict(self.made), "groups": {}, "group_map": {}}


class ReplayTask(PersonaTask):
    """A persona task over pairs that are given instead of drawn, with ``ask`` in the place of the live critic if set."""

    def __init__(self, given: Given, ask: Ask | None = None) -> None:
        self._given, self._ask = given, ask
        self._asked = {answered.pair.id: answered.prompts for answered in given.pairs}
        # A task of the user's own is not in our folder: the evaluation's YAML stands in for it.
        config = read_task(given.task) or {**read_task(given.evaluation.task), "task": given.task}
        generation = {
            **config.get("generation_kwargs", {}),
            **(given.generation if isinstance(given.generation, Mapping) else {}),
        }
        metadata = {"version": config["metadata"]["version"], "evaluation": given.evaluation.name}
        super().__init__({**config, "generation_kwargs": generation, "metadata": metadata})
        # What was recorded of the answers stays; the critic and the grouping are this run's.
        recorded = {k: v for k, v in given.recorded.items() if not k.startswith("critic_")}
        mine = {k: v for k, v in self.config.metadata.items() if v is not None or k not in recorded}
        kept = {k: v for k, v in recorded.items() if k != "usage"}
        if model := told(given.recorded, "model"):
            kept["usage"] = {"model": dict(model)}  # the judging is this run's
        self.config.metadata = {**kept, **mine, "model_name": given.model, "scored_from": given.origin}
        if given.left_out:
            self.config.metadata["pairs_left_out"] = given.left_out
        if "answer_template" in given.recorded:
            self.config.metadata["answer_template"] = given.recorded["answer_template"]

    def _settings(self, metadata: Mapping[str, Any]) -> Any:  # noqa: ARG002
        return self._given.settings

    def _draw(self, evaluation: str) -> Pool:  # noqa: ARG002
        given = self._given
        self.evaluation, self.pairs = given.evaluation, [answered.pair for answered in given.pairs]
        personas = tuple(pair.persona for pair in self.pairs)
        questions = tuple(pair.question for pair in self.pairs)
        digest = given.recorded.get("data_hash") or content_hash(personas, questions)
        source, edition = (str(given.recorded.get(name) or "file") for name in ("source", "data"))
        return Pool(personas, questions, str(digest), source, edition)

    def construct_requests(self, doc: Any, ctx: Any, **kwargs: Any) -> list[Any]:
        """Return the instances with the prompts that were really sent, where they are known."""
        instances = super().construct_requests(doc, ctx, **kwargs)
        prompts = self._asked[str(doc["pair_id"])]
        for index, instance in enumerate(instances):
            instance.arguments = prompts[index] if prompts else ("", {})
        return instances

    def _check_critic(self) -> None:
        if self._ask is not None:
            return
        with Store(self.settings.critic_store) as store:
            if not any(batchfile.lacking(batchfile.wanted([j], self.settings), store) for j in judgements(self._given)):
                return  # judging again what is judged asks nobody
        super()._check_critic()

    def _announce(self, running: Any, limit: Any, samples: Any) -> None:  # noqa: ARG002
        given = self._given
        answers = sum(len(answered.replies) for answered in given.pairs)
        say(scored(self.config.task, len(self.pairs), answers, given.model, given.left_out))
        self._warn(self._given.model)

    def judge_replies(self, replies: Sequence[Sequence[str]], docs: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """Judge the given replies; answers that were taken out elsewhere are not searched for one again."""
        chosen, live = _taking(self._given), self.pairs_so_far()
        ask = self._ask or partial(judge, settings=chosen, told=live.told)
        with entered(self._judging):
            return judge_replies(
                replies, docs, chosen, evaluation=self.evaluation, ask=ask, prepared=None if self._ask else live.begin
            )


def judgements(given: Given) -> Iterator[Judged]:
    """Yield what the critic is to be asked about these answers, pair by pair, without asking it."""
    collected: list[Judged] = []

    def collect(wanted: Sequence[Judged]) -> list[Verdict]:
        collected.extend(wanted)
        return [Verdict(None, Missing(Reason.NOT_ASKED), None, ()) for _ in wanted]

    columns = columns_of(answered.pair.persona for answered in given.pairs)
    for answered in given.pairs:
        doc, pair = document(answered.pair, columns), answered.pair
        variants = given.evaluation.variants_of(pair.persona, pair.question.id)
        docs = [{**doc, "variant": variant.name} for variant in variants]
        replies = [[reply] for reply in answered.replies]
        judge_replies(replies, docs, _taking(given), evaluation=given.evaluation, ask=collect)
        yield from collected
        collected.clear()


def _taking(given: Given) -> Settings:
    """Return the settings by which answers are taken out of replies: of what was taken out elsewhere nothing is."""
    return given.settings.model_copy(update={"mode": "output_only"}) if given.extracted else given.settings


def score(given: Sequence[Given], out: Path, ask: Ask | None = None) -> list[Path]:
    """Judge the answers, write results_*.json and samples_*.jsonl under ``out``, and return what was written.

    Raises ``PersonaError`` where the critic does not work or ``out`` cannot be written, before anything is paid for.
    """
    return write([ReplayTask(one, ask) for one in given], given, out)


def write(tasks: Sequence[ReplayTask], given: Sequence[Given], out: Path) -> list[Path]:
    """Run lm-eval over tasks that answer ``given``, print its table, and write and return the files; see ``score``."""
    check_folder(out)
    manager = Made(tasks)
    with raising(), so_far.into(out):
        raw = simple_evaluate(model=Repeater(given), tasks=list(manager.made), task_manager=manager, log_samples=True)
        return _saved(raw, given, out)


def _saved(raw: dict[str, Any], given: Sequence[Given], out: Path) -> list[Path]:
    first = given[0]
    # The model's own arguments, without what lm-eval adds about this process (device, batch size), which made nothing.
    arguments = first.config.get("model_args") or {"model": first.model}
    raw["config"]["model"] = first.config.get("model") or first.model
    raw["config"]["model_args"] = arguments
    shown = arguments if isinstance(arguments, Mapping) else {"model": first.model}
    try:
        written = save(raw, out, str(raw["config"]["model"]), shown)
    except PersonaError as error:
        raise PersonaError(f"--out {error}; the verdicts are kept in the store: run the same again") from None
    _print_table(raw)
    return written


def _print_table(raw: Mapping[str, Any]) -> None:
    from lm_eval.utils import make_table

    print(make_table(raw))
