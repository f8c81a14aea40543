"""An Inspect log (``.eval``) of each task, made of inspect-ai's own classes; ``inspect view`` opens it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import __version__
from ..costs.usage import price_of, told
from ..critic import Verdict, Vote
from ..errors import PersonaError
from ..files import placing, safe_name
from ..labels.read import consensus
from .scores import Answer, Score, Task, critics, date_of, unjudged

SCORER = "persona_critic"
HUMAN = "human"


def write(tasks: list[Task], out: Path) -> list[Path]:
    """Write one ``.eval`` file a task and return their paths.

    A pair's variant is a sample; an attempt of pass@k is an epoch. The critic's debate is the score's explanation, a
    missing verdict is an unscored sample, an answer failure scores 0 with its reason. Raises ``PersonaError`` without
    the ``inspect`` extra or without samples.
    """
    try:
        from inspect_ai.log import write_eval_log
    except ImportError:
        raise PersonaError("--to inspect needs inspect-ai: pip install 'persona-metrics[inspect]'") from None
    for task in tasks:
        task.require_samples("an Inspect log")
    written = []
    with placing(out) as part:
        for task in tasks:
            log = build(task)
            # Inspect's own pattern, by which its viewer sorts and names logs; the id makes a second export replace the first.
            name = safe_name(re.sub(r"[^A-Za-z0-9]+", "-", task.name).strip("-"))
            file = f"{log.eval.created.replace(':', '-')}_{name}_{log.eval.task_id}.eval"
            write_eval_log(log, str(part / file))
            written.append(out / file)
    return written


def build(task: Task) -> Any:
    """Return the task as ``inspect_ai.log.EvalLog``."""
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalPlan, EvalResults, EvalSpec, EvalStats
    from inspect_ai.model import GenerateConfig, ModelConfig

    metadata = task.metadata
    samples = list(_samples(task))
    identity = hashlib.sha256(f"{task.run.model}/{task.name}/{date_of(task.run)}".encode()).hexdigest()[:22]
    created = _stamp(date_of(task.run) or 0.0)
    judged = {name: ModelConfig(model=name, base_url=place or None) for name, place in critics(metadata)}
    spec = EvalSpec(
        eval_id=identity,
        run_id=identity,
        created=created,
        task=task.name,
        task_id=identity,
        task_version=str(metadata.get("version", 0)),
        dataset=EvalDataset(
            name=f"persona_bench ({metadata.get('source')})",
            samples=task.pairs,
            sample_ids=list(dict.fromkeys(str(s.id) for s in samples)),
        ),
        model=task.run.model,
        model_roles={"critic": list(judged.values())} if judged else None,
        config=EvalConfig(epochs=max((s.epoch for s in samples), default=1)),
        packages={"persona-metrics": str(metadata.get("pack_version", __version__)), **_lm_eval(task)},
        metadata={k: v for k, v in metadata.items() if v is not None},
    )
    scored = [s for s in samples if s.scores[_asked(task)].value == s.scores[_asked(task)].value]
    return EvalLog(
        status="success",
        eval=spec,
        plan=EvalPlan(name="lm-eval", config=GenerateConfig(**_generation(task))),
        results=EvalResults(
            total_samples=len(samples),
            completed_samples=len(samples),
            scores=[*_eval_scores(task.scores(), len(samples), len(scored)), *_human_scores(task, len(samples))],
        ),
        stats=EvalStats(
            started_at=created,
            completed_at=_stamp((date_of(task.run) or 0.0) + _seconds(task)),
            **_spent(task, samples),
        ),
        samples=samples,
    )


def _samples(task: Task) -> Iterator[Any]:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, ModelOutput, ModelUsage

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    for answer in task.answers():
        row = answer.row
        asked = [kinds.get(m["role"], ChatMessageUser)(content=m["content"]) for m in answer.prompt]
        reply = row["reply"] or ""
        attempt = int(row["attempt"])
        used = {critic: ModelUsage(**tokens) for critic, tokens in _usage(answer.verdict).items()}
        seconds = sum(v.latency or 0.0 for v in (answer.verdict.votes if answer.verdict else ()) if not v.stored)
        yield EvalSample(
            id=str(row["pair_id"]) if attempt else answer.sample_id,
            epoch=max(attempt, 1),
            # The prompt as sent is the first message; a list of samples is read by what was asked.
            input=str(row["question"]),
            target="",
            messages=[*asked, ChatMessageAssistant(content=reply, model=task.run.model)],
            output=ModelOutput.from_content(task.run.model, reply),
            scores={_asked(task): _score(answer), **_human(task, answer)},
            model_usage=used,
            role_usage={"critic": sum(used.values(), ModelUsage())} if used else {},
            total_time=seconds or None,
            working_time=seconds or None,
            metadata={
                "pair_id": row["pair_id"],
                "persona_id": row["persona_id"],
                "question_id": row["question_id"],
                "question": row["question"],
                "topic": row["topic"],
                "variant": row["variant"],
                "dropped": list(row["dropped"]),
                "persona": {k: v for k, v in row["persona"].items() if v is not None},
            },
        )


def _asked(task: Task) -> str:
    """Return what a sample's score says: whether the answer fits, or whether it was preferred to the sample's."""
    return "preferred" if unjudged(task.metadata.get("evaluation")) else "personalized"


def _score(answer: Answer) -> Any:
    from inspect_ai.scorer import Score as InspectScore

    row = answer.row
    votes = [
        {"critic": v.critic, "vote": v.number + 1, "missing": v.missing and str(v.missing)} | _said(v)
        for v in (answer.verdict.votes if answer.verdict else ())
    ]
    details = {"votes": votes, "agreement": answer.verdict.agreement if answer.verdict else None}
    if answer.score is None:
        return InspectScore.unscored(
            reason="other" if row["variant"] in unjudged(row["evaluation"]) else "grader_failed",
            answer=row["answer"],
            explanation=answer.explanation,
            metadata={**details, "missing": row["missing"]},
        )
    failure = row["answer_failure"]
    return InspectScore(
        value=answer.score,
        answer=row["answer"],
        explanation=answer.explanation,
        reason=None if failure is None else "invalid_response_format" if row["reply"] else "no_response",
        metadata={**details, "answer_failure": failure} if failure else details,
    )


def _said(vote: Vote) -> dict[str, Any]:
    if vote.opinion is None:
        return {}
    outcome = vote.opinion.outcome
    return {"needs_revision": outcome is False} if isinstance(outcome, bool) else {"outcome": outcome}


def _human(task: Task, answer: Answer) -> dict[str, Any]:
    """Return what people said of the answer as a second scorer's score; nothing where nobody was asked."""
    from inspect_ai.scorer import Score as InspectScore

    labels = task.labels_of(answer)
    if not labels:
        return {}
    notes = "\n".join(f"{one.rater}: {one.label}{f' ({one.note})' if one.note else ''}" for one in labels)
    details = {"needs_revision": {one.rater: one.label for one in labels}, "blind": all(one.blind for one in labels)}
    value = consensus(labels)
    if value is None:
        return {HUMAN: InspectScore.unscored(reason="other", explanation=notes, metadata=details)}
    return {HUMAN: InspectScore(value=value, answer=answer.row["answer"], explanation=notes, metadata=details)}


def _human_scores(task: Task, samples: int) -> list[Any]:
    from inspect_ai.log import EvalMetric, EvalScore

    if task.agreed is None:
        return []
    agreed = task.agreed
    values = {"agreement": agreed.agreement.agreement.value, "kappa": agreed.agreement.kappa.value}
    if agreed.rates:
        found = agreed.rates[0].result.found
        values |= {"corrected": found.value, "corrected_low": found.low, "corrected_high": found.high}
    return [
        EvalScore(
            name=HUMAN,
            scorer=HUMAN,
            scored_samples=agreed.labels,
            unscored_samples=samples - agreed.labels,
            metrics={k: EvalMetric(name=k, value=v) for k, v in values.items() if v == v},
            metadata={"raters": list(agreed.raters), "confidence_level": 0.95},
        )
    ]


def _spent(task: Task, samples: list[Any]) -> dict[str, Any]:
    """Return the whole run's usage as the log's statistics: models by their names, the critic by its role, too.

    The run's ledger has the model under test and the critic's whole; a run without one has the critics of its samples.
    """
    from inspect_ai.model import ModelUsage

    models: dict[str, Any] = {}
    for sample in samples:
        for name, usage in sample.model_usage.items():
            models[name] = models.get(name, ModelUsage()) + usage
    roles = {"critic": sum(models.values(), ModelUsage())} if models else {}
    for role, held, name in (("model", models, task.run.model), ("critic", roles, "critic")):
        found = told(task.metadata, role)
        taken, given = (found.get(key) for key in ("prompt_tokens", "completion_tokens"))
        if type(taken) is not int or type(given) is not int:
            continue
        cost = price_of(task.metadata, role)
        more = {"total_cost": cost} if cost is not None and "total_cost" in ModelUsage.model_fields else {}
        held[name] = ModelUsage(input_tokens=taken, output_tokens=given, total_tokens=taken + given, **more)
    return {"model_usage": models, "role_usage": roles}


def _usage(verdict: Verdict | None) -> dict[str, dict[str, int]]:
    """Return each critic's tokens; what the model under test used is not recorded by lm-eval, and not guessed."""
    found: dict[str, dict[str, int]] = {}
    for vote in verdict.votes if verdict else ():
        taken, given = vote.prompt_tokens or 0, vote.completion_tokens or 0
        if not vote.stored and taken + given:
            had = found.setdefault(vote.critic, {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0})
            had["input_tokens"] += taken
            had["output_tokens"] += given
            had["total_tokens"] += taken + given
    return found


def _eval_scores(scores: list[Score], samples: int, scored: int) -> list[Any]:
    from inspect_ai.log import EvalMetric, EvalScore

    made = []
    # Inspect shows the first score as the log's own: whether answers fit, where the task has that, and not what follows.
    for score in sorted(scores, key=lambda one: one.row != "personalized"):
        values = {"mean": score.value, "stderr": score.stderr, "low": score.low, "high": score.high}
        headline = score.row == "personalized"
        made.append(
            EvalScore(
                name=score.row,
                scorer=SCORER,
                scored_samples=scored if headline else score.n,
                unscored_samples=samples - scored if headline else score.missing,
                metrics={k: EvalMetric(name=k, value=v) for k, v in values.items() if v is not None},
                metadata={"pairs": score.n, "pairs_missing": score.missing, "confidence_level": 0.95},
            )
        )
    return made


def _generation(task: Task) -> dict[str, Any]:
    known = {"temperature": "temperature", "max_gen_toks": "max_tokens", "top_p": "top_p", "seed": "seed"}
    given = task.task.generation
    return {ours: given[theirs] for theirs, ours in known.items() if given.get(theirs) is not None}


def _lm_eval(task: Task) -> dict[str, str]:
    version = task.run.extra.get("lm_eval_version")
    return {"lm_eval": str(version)} if version else {}


def _seconds(task: Task) -> float:
    return min(max(task.run.seconds or 0.0, 0.0), 1e8)


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
