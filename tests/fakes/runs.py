"""Runs as lm-eval writes them, with planted rates: the report's tests and benchmarks need thousands of verdicts, not a model.

``write_run`` makes results_*.json and samples_*.jsonl in lm-eval's own format (``test_report_load`` holds them against a
real run's). Pairs, variants, rows and metadata come from the pack's own code; only the replies and the debates are made up.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from persona_metrics import evaluations, settings
from persona_metrics.dataset import sources
from persona_metrics.dataset.sources import Pair
from persona_metrics.evaluations import Evaluation, Outcome, Variant
from persona_metrics.harness import record
from persona_metrics.harness.task_files import tasks_folder
from persona_metrics.prompts import render
from persona_metrics.runs.read import Result
from tests.fakes.server import draw


def _tasks() -> dict[str, dict[str, Any]]:
    """Return each task's YAML with what it includes, by the task's name."""
    read = {path.name: yaml.load(path.read_text(encoding="utf-8"), _Loader) for path in tasks_folder().glob("*.yaml")}
    whole = [{**read.get(found.get("include", ""), {}), **found} for found in read.values()]
    return {
        found["task"]: found
        for found in whole
        if isinstance(found.get("task"), str) and "evaluation" in found["metadata"]
    }


class _Loader(yaml.SafeLoader):
    """YAML that leaves lm-eval's ``!function`` alone."""


_Loader.add_constructor("!function", lambda _, node: node.value)
TASKS = _tasks()
EVALUATION_OF = {name: str(task["metadata"].get("evaluation")) for name, task in TASKS.items()}
SENTENCES = (
    "Start with the smallest step that you could take this week.",
    "It depends on how much slack there is in your month, so work that out first.",
    "Two routes are open to you, and the cheaper one is seldom the worse.",
    "Ask for the price in writing, then sleep on it.",
    "A short call in the morning gets further than three long letters.",
    "What you already know from your own work carries over here.",
    "If that feels like too much, halve it and keep the habit.",
    "There is no need to decide the rest before spring.",
)

Rate = Callable[[Pair, Variant], float]
"""The chance that an answer is judged personalised."""


@dataclass(frozen=True)
class Texts:
    """Replaces texts of a run, to plant what should stay a text; each takes (pair, variant, the usual text)."""

    answer: Callable[[Pair, Variant, str], str] = lambda pair, variant, text: text  # noqa: ARG005
    debate: Callable[[Pair, Variant, str], str] = lambda pair, variant, text: text  # noqa: ARG005
    question: Callable[[Pair, str], str] = lambda pair, text: text  # noqa: ARG005
    persona: Callable[[Pair, dict[str, Any]], dict[str, Any]] = lambda pair, persona: persona  # noqa: ARG005


@dataclass(frozen=True)
class Planted:
    """What a run is made of; ``missing`` and ``failures`` are shares of the variants."""

    rate: Rate = lambda pair, variant: 0.6  # noqa: ARG005
    missing: float = 0.0
    failures: float = 0.0
    sentences: int = 6
    texts: Texts = field(default_factory=Texts)
    identical: bool = False
    salt: str = ""


_POOLS: dict[str, sources.Pool] = {}


def write_run(
    folder: Path,
    tasks: Sequence[str] = ("persona_main",),
    *,
    model: str = "model-a",
    planted: Planted | None = None,
    stamp: str = "2026-03-01T10-00-00.000001",
    metadata: Mapping[str, Any] | None = None,
    generation: Mapping[str, Any] | None = None,
    **given: Any,
) -> Path:
    """Write one run of ``tasks`` below ``folder`` and return its results_*.json.

    ``given`` are settings (``n=``, ``k=``, ``attributes=`` …); ``metadata`` overrides what is recorded,
    ``generation`` how the model sampled (as the task's YAML says, otherwise).
    """
    planted = planted or Planted()
    place = folder / model.replace("/", "__")
    place.mkdir(parents=True, exist_ok=True)
    results, configs, counts = {}, {}, {}
    for task in tasks:
        chosen = settings.load(
            {
                "critic_model": "critic-x",
                "critic_base_url": "http://127.0.0.1:1/v1",
                **{name: TASKS[task]["metadata"][name] for name in ("mode",) if name in TASKS[task]["metadata"]},
                **given,
            }
        )
        asked = chosen.model_dump_json()
        pool = _POOLS[asked] if asked in _POOLS else _POOLS.setdefault(asked, sources.load_pool(chosen))
        evaluation = evaluations.build(EVALUATION_OF[task], chosen, pool.personas)
        pairs = sources.draw(pool, chosen.n, chosen.seed, evaluation.groups, chosen.min_support, chosen.counterparts)
        recorded = {
            "version": 1.0,
            **record.metadata({"model": model}, chosen, evaluation, pool, pairs),
            "model_name": model,
            **(metadata or {}),
        }
        rows: dict[str, list[Any]] = {}
        with (place / f"samples_{task}_{stamp}.jsonl").open("w", encoding="utf-8") as file:
            for number, pair in enumerate(pairs):
                line = sample(number, pair, evaluation, chosen, planted, f"{model}/{task}/{planted.salt}")
                for name in line["metrics"]:
                    rows.setdefault(name, []).append(line[name])
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        results[task] = {"name": task, "alias": task, "sample_len": len(pairs), **_table(rows, evaluation)}
        sampling = {**TASKS[task]["generation_kwargs"], **(generation or {})}
        configs[task] = {
            "task": task,
            "output_type": "generate_until",
            "generation_kwargs": sampling,
            "metadata": recorded,
        }
        counts[task] = {"original": len(pairs), "effective": len(pairs)}
    data = {
        "results": results,
        "group_subtasks": {},
        "configs": configs,
        "versions": dict.fromkeys(tasks, 1.0),
        "n-samples": counts,
        "config": {"model": "local-chat-completions", "model_args": {"model": model}, "limit": None},
        "git_hash": None,
        "date": 1772359200.0,
        "lm_eval_version": "0.4.13",
        "task_hashes": {},
        "model_source": "local-chat-completions",
        "model_name": model,
        "model_name_sanitized": place.name,
        "total_evaluation_time_seconds": "612.5",
    }
    path = place / f"results_{stamp}.json"
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False), encoding="utf-8")
    return path


def sample(
    number: int, pair: Pair, evaluation: Evaluation, chosen: settings.Settings, planted: Planted, salt: str
) -> dict[str, Any]:
    """Return one line of a samples file."""
    doc = record.document(pair)
    doc["question"] = planted.texts.question(pair, doc["question"])
    doc["persona"] = planted.texts.persona(pair, doc["persona"])
    replies, results, outcomes, arguments = [], [], [], {}
    for index, variant in enumerate(evaluation.variants(pair.persona)):
        own = _reply(pair, variant, chosen, planted, salt)
        replies.append([own[0]])
        for name, person in evaluation.judged(variant, pair.persona, pair.question.id):
            # The same answer judged for somebody else: another verdict with a chance of its own.
            for_other = person is not pair.persona
            judged = replace(variant, name=name)
            result = own[1] if not for_other else _reply(pair, judged, chosen, planted, salt)[1]
            if for_other:
                result = Result(
                    variant=name,
                    dropped=list(variant.dropped),
                    answer=own[1]["answer"],
                    answer_failure=own[1]["answer_failure"],
                    verdict=None if own[1]["answer_failure"] else result["verdict"],
                    reply=index,
                    judged_for={"id": person.id, "persona": dict(person.attributes)},
                )
            results.append([str(result)])
            verdict = result["verdict"] or {}
            value = 0.0 if result["answer_failure"] else verdict.get("personalized")
            outcomes.append(
                Outcome(
                    None if value is None else float(value),
                    result["answer_failure"] is not None,
                    answer=result["answer"],
                )
            )
        prompt = render(f"answer/{chosen.mode}.jinja", persona=variant.persona.attributes, question=pair.question.text)
        sampling: dict[str, Any] = {"until": [], "max_gen_toks": 1024, "temperature": evaluation.temperature or 0.0}
        if variant.seed is not None:
            sampling["seed"] = variant.seed
        arguments[f"gen_args_{index}"] = {
            "arg_0": [json.dumps([{"role": "user", "content": prompt}])],
            "arg_1": sampling,
        }
    rows = evaluation.metrics(pair.persona, outcomes)
    rows |= evaluation.of_question(rows, pair.question)
    return {
        "doc_id": number,
        "doc": doc,
        "target": "",
        "arguments": arguments,
        "resps": replies,
        "filtered_resps": results,
        "filter": "critic",
        "metrics": list(rows),
        "doc_hash": "0" * 64,
        "prompt_hash": "0" * 64,
        "target_hash": "0" * 64,
        **rows,
    }


def _reply(
    pair: Pair, variant: Variant, chosen: settings.Settings, planted: Planted, salt: str
) -> tuple[str, dict[str, Any]]:
    key = (salt, pair.id, pair.persona.id, pair.question.id, variant.name)
    words = random.Random(repr((salt, pair.id) if planted.identical else key))
    text = " ".join(words.choice(SENTENCES) for _ in range(planted.sentences))
    answer = planted.texts.answer(pair, variant, text)
    if draw("failure", *key) < planted.failures:
        failed = Result(
            variant=variant.name,
            dropped=list(variant.dropped),
            answer=None,
            answer_failure="empty reply",
            verdict=None,
        )
        return "", failed
    # The draw is the pair's own, so that two models or modes with the same rate agree no more than chance.
    good = draw("verdict", *key) < planted.rate(pair, variant)
    missing = draw("missing", *key) < planted.missing
    votes = []
    for critic in (chosen.critic_model or "critic-x").split(","):
        for vote in range(chosen.critic_votes):
            debate = {
                "chain_of_thought": planted.texts.debate(pair, variant, f"What bears on {pair.question.id}."),
                "personalization_critic": planted.texts.debate(
                    pair, variant, "It speaks to their situation." if good else "It could be anybody's answer."
                ),
                "helpfulness_critic": planted.texts.debate(pair, variant, "The steps are clear and can be taken."),
                "conclusion": planted.texts.debate(pair, variant, "Let it go out." if good else "Revise it."),
                "needs_revision": not good,
            }
            votes.append(
                {
                    "critic": critic,
                    "endpoint": "critic.example",
                    "number": vote,
                    "debate": None if missing else debate,
                    "missing": "timeout" if missing else None,
                    "attempts": 5 if missing else 1,
                    "prompt_tokens": 900,
                    "completion_tokens": 160,
                    "latency": 1.5,
                    "served_model": critic,
                    "stored": False,
                }
            )
    verdict = {
        "personalized": None if missing else good,
        "missing": "timeout" if missing else None,
        "agreement": None if missing else 1.0,
        "votes": votes,
    }
    result = Result(
        variant=variant.name, dropped=list(variant.dropped), answer=answer, answer_failure=None, verdict=verdict
    )
    return answer, result


def odd_answers(samples: Path) -> None:
    """Put line separators, half a surrogate pair, a template and a tag into the answers, as a model can."""
    lines = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        result = json.loads(line["filtered_resps"][0][0])
        result["answer"] = "a\u2028b\x85c \ud800 {{7*7}} </script>"
        line["filtered_resps"], line["resps"] = [[json.dumps(result)]], [[result["answer"]]]
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _table(rows: Mapping[str, Sequence[Any]], evaluation: Evaluation) -> dict[str, Any]:
    table: dict[str, Any] = {}
    own = evaluation.aggregates()
    for name, values in rows.items():
        if name in own:
            table[f"{name},critic"], table[f"{name}_stderr,critic"] = own[name](values), "N/A"
            continue
        mean = sum(values) / len(values)
        spread = sum((v - mean) ** 2 for v in values)
        table[f"{name},critic"] = mean
        table[f"{name}_stderr,critic"] = (spread / (len(values) - 1) / len(values)) ** 0.5 if len(values) > 1 else "N/A"
    return table
