"""Every Eval Ever (evalevalai.com), schema 0.3.0: an aggregate JSON a run, and one line a judged answer beside it."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..critic.protocol import FIRST, named
from ..errors import PersonaError, shorten
from ..files import safe_name, write_text
from ..labels.agree import Agreed
from ..runs.rows import fact_of_row
from .eee_samples import COLLECTION, SCHEMA_VERSION, evaluation_name, lines, result_id, write_lines
from .scores import CONFIDENCE, Score, Task, critics, date_of, votes_of
from .templates import answer_template, debate_template

PAPER = "https://arxiv.org/abs/2407.17387"
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")

# Model types of lm-eval whose models have one maker; a bare name behind any other endpoint says nothing of it.
_MAKERS = {"openai-chat-completions": "openai", "openai-completions": "openai", "anthropic-chat": "anthropic"}
_HOSTED = frozenset({*_MAKERS, "anthropic-completions", "anthropic-chat-completions"})


@dataclass(frozen=True)
class Reporter:
    """What a run does not know of itself: who publishes it, who made the model, and how the two relate."""

    developer: str | None = None
    organization: str = "not stated"
    relationship: str = "other"


def write(tasks: list[Task], out: Path, reporter: Reporter | None = None) -> list[Path]:
    """Write ``data/persona_bench/<developer>/<model>/<uuid>.json`` and ``<uuid>_samples.jsonl`` below ``out``.

    The id is made of the run, so a second export replaces the first. A missing verdict has no line in the samples
    file, since a line must have a score; the aggregate says how many there are. Raises ``PersonaError`` where the
    model's maker is unknown, since records are filed under it.
    """
    reporter = reporter or Reporter()
    run = tasks[0].run
    identity = model_id(tasks[0], reporter)
    evaluation = f"{COLLECTION}/{identity}/{run.path.stem.removeprefix('results_')}"
    name = str(uuid.UUID(bytes=hashlib.sha256(f"{evaluation}/{date_of(run)}".encode()).digest()[:16], version=4))
    maker, _, model = identity.partition("/")
    place = Path("data", COLLECTION, _safe(maker), safe_name("_".join(map(_safe, model.split("/")))))
    # A line has one score, and a pick's row is made of several prompts.
    sampled = [t for t in tasks if t.task.samples is not None and t.judged]
    written = []
    log = _log(tasks, evaluation, identity, reporter)
    if sampled:
        target = place / f"{name}_samples.jsonl"
        texts = (
            json.dumps(line, ensure_ascii=False, allow_nan=False)
            for task in sampled
            for line in lines(task, evaluation, identity)
        )
        count, checksum = write_lines(out / target, texts)
        if count:
            log["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": target.as_posix(),
                "hash_algorithm": "sha256",
                "checksum": checksum,
                "total_rows": count,
                "additional_details": {
                    "verdicts_missing": str(sum(t.missing or 0 for t in sampled)),
                    "note": "an answer whose verdict could not be had has no line here; it is never scored",
                },
            }
            written.append(out / target)
        else:
            (out / target).unlink(missing_ok=True)
    path = out / place / f"{name}.json"
    write_text(path, json.dumps(log, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return [path, *written]


def model_id(task: Task, reporter: Reporter) -> str:
    """Return ``developer/model``; raise ``PersonaError`` where neither the run nor the reporter names the developer."""
    name = task.run.model.strip()
    source = str(task.run.config.get("model") or task.run.extra.get("model_source") or "")
    if Path(name).is_absolute() or name.startswith((".", "~")):
        name = Path(name).name  # a folder of one machine is no name, and tells about it
    if reporter.developer:
        return f"{reporter.developer}/{name.rpartition('/')[2]}"
    if "/" in name:
        return name
    if source in _MAKERS:
        return f"{_MAKERS[source]}/{name}"
    raise PersonaError(
        f"the run does not say who made the model {shorten(name, 60)!r}, and Every Eval Ever files records by maker:"
        " add --developer NAME"
    )


def _safe(part: str) -> str:
    cleaned = safe_name(part, fallback="_")
    return f"_{cleaned}" if cleaned == "data" else cleaned


def _log(tasks: list[Task], evaluation: str, identity: str, reporter: Reporter) -> dict[str, Any]:
    run = tasks[0].run
    sampled = any(t.task.samples is not None for t in tasks)
    source = str(run.config.get("model") or "unknown")
    began = date_of(run)
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation,
        **({"evaluation_timestamp": str(int(began))} if began is not None else {}),
        "retrieved_timestamp": str(int(time.time())),
        "source_metadata": {
            "source_name": "persona-metrics",
            "source_type": "evaluation_run" if sampled else "documentation",
            "source_organization_name": reporter.organization,
            "evaluator_relationship": reporter.relationship,
        },
        "eval_library": {
            "name": "lm_eval",
            "version": str(run.extra.get("lm_eval_version") or "unknown"),
            "additional_details": {"task_pack": f"persona-metrics {tasks[0].metadata.get('pack_version')}"},
        },
        "model_info": _model(identity, source in _HOSTED, source),
        "evaluation_results": [_result(task, score) for task in tasks for score in task.scores()],
    }


def _model(identity: str, hosted: bool, platform: str | None = None) -> dict[str, Any]:
    info: dict[str, Any] = {
        "name": identity.partition("/")[2] or identity,
        "id": identity,
        "additional_details": {
            "deployment_type": "externally_managed" if hosted else "unknown",
            "model_availability": "unknown",
        },
    }
    if "/" in identity:
        info["developer"] = identity.partition("/")[0]
    if platform:
        info["inference_platform"] = platform
    return info


def _result(task: Task, score: Score) -> dict[str, Any]:
    metadata = task.metadata
    group = score.kind == "personalized" and score.argument is not None
    fact = fact_of_row(score.row, metadata)
    described = fact.says
    metric: dict[str, Any] = {
        "evaluation_description": described + (f", among {score.argument}" if group else ""),
        "metric_id": f"{COLLECTION}.{score.kind}",
        "metric_name": score.row,
        "metric_kind": "pass_rate" if score.kind.startswith("pass") or score.kind == "personalized" else score.kind,
        "metric_unit": fact.unit,
        "metric_parameters": _parameters(score),
        "lower_is_better": not score.scale.higher_is_better,
        "score_type": "continuous",
        "min_score": score.scale.least,
        "max_score": score.scale.most,
        "additional_details": {"level": "group" if group else "overall"},
    }
    if fact.judged and metadata.get("critic_model"):
        metric["llm_scoring"] = _judging(metadata)
    details = {
        "mode": str(metadata.get("mode")),
        "pairs": str(task.pairs),
        ("pairs_judged" if task.judged else "pairs_used"): str(score.n),
        ("verdicts_missing" if task.judged else "replies_missing"): str(task.missing),
        **({"verdicts_tied": str(task.tied)} if task.tied else {}),
        "data_hash": str(metadata.get("data_hash")),
        "pairs_hash": str(metadata.get("pairs_hash")),
    }
    if task.agreed is not None and score.row == task.agreed.row:
        details |= _people(task.agreed)
    result: dict[str, Any] = {
        "evaluation_result_id": result_id(task, score.row),
        "evaluation_name": evaluation_name(task) + (f".{score.argument}" if group else ""),
        "source_data": _source(metadata),
        "metric_config": {k: v for k, v in metric.items() if v is not None},
        "score_details": {"score": score.value, "details": details, "uncertainty": _uncertainty(score)},
        "generation_config": _generation(task),
    }
    if not result["score_details"]["uncertainty"]:
        del result["score_details"]["uncertainty"]
    return result


def _people(agreed: Agreed) -> dict[str, str]:
    """Return what people's labels say of the row as the texts that its details may hold."""
    a, found = agreed.agreement, agreed.rates[0].result.found
    values = {"agreement": a.agreement.value, "kappa": a.kappa.value, "corrected": found.value}
    values |= {"corrected_low": found.low, "corrected_high": found.high}
    said = {f"annotators_{name}": f"{value:.4f}" for name, value in values.items() if value == value}
    return {"annotators": str(len(agreed.raters)), "annotator_labels": str(agreed.labels), **said}


def _parameters(score: Score) -> dict[str, Any] | None:
    if score.kind in ("pass@k", "pass^k"):
        return {"k": int(score.argument or 1)}
    return {"attribute": score.argument} if score.kind.startswith("importance") else None


def _uncertainty(score: Score) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if score.stderr is not None:
        found["standard_error"] = {"value": score.stderr, "method": "analytic"}
    if score.low is not None and score.high is not None:
        found["confidence_interval"] = {"lower": score.low, "upper": score.high, "confidence_level": CONFIDENCE}
    if score.n is not None:
        found["num_samples"] = score.n
    return found


def _judging(metadata: Any) -> dict[str, Any]:
    panel = critics(metadata)
    votes = votes_of(metadata)
    way = named(str(metadata.get("protocol") or FIRST))
    judges = [
        {
            "model_info": _model(name, hosted=False, platform=place or None),
            "temperature": float(metadata.get("critic_temperature") or 0.0),
            "additional_details": {
                "votes": str(votes),
                "max_tokens": str(metadata.get("critic_max_tokens")),
                "endpoint": place,
                **({"reasoning_effort": str(effort)} if (effort := metadata.get("critic_reasoning_effort")) else {}),
            },
        }
        for name, place in panel
    ]
    scoring: dict[str, Any] = {
        "judges": judges,
        "input_prompt": debate_template(metadata),
        "additional_details": {
            "template_hash": str(metadata.get("critic_template")),
            "votes_per_answer": str(votes * len(panel)),
            "verdict": way.rule or way.name,
        },
    }
    if votes * len(panel) > 1:
        scoring["aggregation_method"] = "majority_vote"
    return scoring


def _source(metadata: Any) -> dict[str, Any]:
    details = {
        "personas_and_questions": str(metadata.get("source")),
        "data_hash": str(metadata.get("data_hash")),
        "pack_version": str(metadata.get("pack_version", __version__)),
        "seed": str(metadata.get("seed")),
    }
    if metadata.get("source") == "hub":
        from ..dataset.sources import HUB_PERSONAS

        return {
            "dataset_name": COLLECTION,
            "source_type": "hf_dataset",
            "hf_repo": HUB_PERSONAS,
            "samples_number": int(metadata.get("n") or 0),
            "additional_details": details,
        }
    return {"dataset_name": COLLECTION, "source_type": "url", "url": [PAPER], "additional_details": details}


def _generation(task: Task) -> dict[str, Any]:
    given = task.task.generation
    arguments: dict[str, Any] = {"prompt_template": answer_template(task.metadata)}
    if isinstance(given.get("temperature"), (int, float)):
        arguments["temperature"] = float(given["temperature"])
    if isinstance(given.get("max_gen_toks"), int) and given["max_gen_toks"] > 0:
        arguments["max_tokens"] = given["max_gen_toks"]
    if isinstance(task.metadata.get("k"), int):
        arguments["max_attempts"] = task.metadata["k"]
    return {"generation_args": arguments, "additional_details": {"mode": str(task.metadata.get("mode"))}}
