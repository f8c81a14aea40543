"""``evaluate_model``: an evaluation from Python. Runs lm-eval in this process, without indexing lm-eval's own tasks."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from . import settings
from .critic import keys
from .critic.budget import ledger
from .critic.client import announce
from .embedded_model.model import model_path, shared_server
from .errors import PersonaError, suggest
from .evaluations import EVALUATIONS, NAMES, evaluation_of
from .files import check_folder
from .harness.saving import save
from .harness.task_files import tasks_folder
from .runs import rows
from .runs.read import tidy
from .settings import environment, keyring

TASKS = {name: kind.task for kind in map(evaluation_of, NAMES) for name in (kind.name, *kind.aliases)}
"""The task of each ``evaluation_type``; some go by two names."""
GENERATE = {kind.task: f"{kind.task}_generate" for kind in EVALUATIONS.values() if not kind.needs_critic}
"""The task that takes the place of one that needs loglikelihoods, for models that write and say nothing of likelihood."""
OPENAI = "https://api.openai.com/v1"


class Metric(BaseModel):
    """One row of lm-eval's table: its value and standard error (None where lm-eval has none)."""

    value: float
    stderr: float | None = None


class Results(BaseModel):
    """The rows of one evaluation, and what was recorded of the run."""

    task: str
    model: str
    metrics: dict[str, Metric]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class EvaluationResult:
    """``results.model_dump()`` gives the metrics; ``samples`` has one row a variant of a pair (``samples.COLUMNS``)."""

    results: Results
    samples: pd.DataFrame
    raw: Mapping[str, Any]


def evaluate_model(
    model: str,
    evaluation_type: str = "main",
    *,
    n: int | None = None,
    seed: int | None = None,
    generate_mode: str | None = None,
    critic_model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    model_args: str | Mapping[str, Any] | None = None,
    loo_attributes: Sequence[str] | Mapping[str, Any] | str | Path | None = None,
    intersections: str | Path | Sequence[Mapping[str, Any]] | None = None,
    k: int | None = None,
    num_concurrent: int = 16,
    apply_chat_template: bool | None = None,
    gen_kwargs: Mapping[str, Any] | None = None,
    use_cache: str | None = None,
    output_path: str | Path | None = None,
    **more: Any,
) -> EvaluationResult:
    """Evaluate a model and return the metrics with their standard errors and every sample.

    ``model`` is the name of a model behind an OpenAI-compatible endpoint (``base_url``, default OpenAI's), or
    ``"embedded"``, or with ``model_args`` any model type of lm-eval (``model="hf"``,
    ``model_args={"pretrained": …}``). ``evaluation_type`` is ``main``, ``contrast``, ``loo``,
    ``intersectionality``, ``pass_at_k``, or ``choice`` or ``opinion``, which need no critic: by loglikelihood where the model
    gives one, by a letter that it writes where it is a chat model. ``loo_attributes`` are names, or a JSON file or object as
    ``loo_json`` takes it; ``intersections`` a JSON file or a list of objects. ``more`` takes every other setting by name
    (``critic_base_url=``, ``by=``, …).
    ``output_path`` also writes lm-eval's results and samples files there.

    ``api_key`` goes to the model's host alone (and to a critic at the same one). Without it OPENAI_API_KEY goes to
    OpenAI, or to the host of OPENAI_BASE_URL, and to no other. The critic's key is ``critic_api_key``.

    Raises ``PersonaError`` for anything the user can put right, before the first generation.
    """
    if evaluation_type not in TASKS:
        raise PersonaError(
            f"evaluation_type={evaluation_type!r} is none of {', '.join(TASKS)}{suggest(evaluation_type, TASKS)}"
        )
    given: dict[str, Any] = {
        "n": n,
        "seed": seed,
        "mode": generate_mode,
        "critic_model": critic_model,
        "k": k,
        **_left_out(loo_attributes),
        "intersection_json": _as_json(intersections),
        **more,
    }
    overrides = {key: value for key, value in given.items() if value is not None}
    for key in overrides:
        if key not in settings.Settings.model_fields:
            raise PersonaError(
                f"evaluate_model: unknown argument {key!r}{suggest(key, settings.Settings.model_fields)}"
            )
    chosen = settings.load(overrides)
    address = None if model_args is not None else _address(model, base_url, chosen.local_model)
    with _keys(overrides, api_key, address, address or _own_address(model_args)):
        kind, arguments, chat = _model(model, model_args, address, num_concurrent)
        overrides = {key: value for key, value in overrides.items() if key not in ("critic_api_key", "critic_api_keys")}
        task = TASKS[evaluation_type]
        return _run(
            GENERATE.get(task, task) if chat else task,
            kind,
            arguments,
            overrides,
            chat if apply_chat_template is None else apply_chat_template,
            gen_kwargs,
            use_cache,
            output_path,
        )


def _run(
    task: str,
    kind: str,
    arguments: dict[str, Any],
    overrides: dict[str, Any],
    chat: bool,
    gen_kwargs: Mapping[str, Any] | None,
    use_cache: str | None,
    output_path: str | Path | None,
) -> EvaluationResult:
    # lm_eval takes seconds to import; nobody should pay for it who only imports the package.
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    from .harness import so_far
    from .harness.exits import raising

    if output_path is not None:
        check_folder(Path(output_path))
    ledger.reset()  # what a run may take is counted from here
    manager = TaskManager(include_path=str(tasks_folder()), include_defaults=False, metadata={**arguments, **overrides})
    with raising(), so_far.into(Path(output_path) if output_path is not None else None):
        raw = _outside_event_loops(
            simple_evaluate,
            model=kind,
            model_args=dict(arguments),
            tasks=[task],
            task_manager=manager,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat,
            gen_kwargs=dict(gen_kwargs) if gen_kwargs else None,
            use_cache=use_cache,
            log_samples=True,
        )
        if output_path is not None:
            save(raw, Path(output_path), kind, arguments)
    metadata = raw["configs"][task]["metadata"]
    name = metadata.get("model_name") or arguments.get("model") or arguments.get("pretrained") or kind
    return EvaluationResult(
        Results(task=task, model=str(name), metrics=_metrics(raw["results"][task]), metadata=metadata),
        tidy(raw["samples"][task], task, metadata, str(name)),
        raw,
    )


def _outside_event_loops(call: Callable[..., Any], **arguments: Any) -> Any:
    """Call in this thread, or in one of its own where a loop runs in this one (a notebook): lm-eval starts a loop itself."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call(**arguments)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, **arguments).result()


def _metrics(table: Mapping[str, Any]) -> dict[str, Metric]:
    return {row.name: Metric(value=row.value, stderr=row.stderr) for row in rows.parse(table).values()}


def _address(model: str, base_url: str | None, local_model: str | None) -> str:
    """Return the address of the model under test; the embedded one is started for it."""
    if model == "embedded" and base_url is None:
        return shared_server(model_path(local_model)).base_url
    return base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI


def _own_address(model_args: str | Mapping[str, Any] | None) -> str | None:
    if isinstance(model_args, Mapping):
        return str(model_args.get("base_url") or "") or None
    pairs = (part.partition("=") for part in (model_args or "").split(","))
    return next((value.strip() for name, _, value in pairs if name.strip() == "base_url"), None)


def _model(
    model: str, model_args: str | Mapping[str, Any] | None, address: str | None, num_concurrent: int
) -> tuple[str, dict[str, Any], bool]:
    """Return lm-eval's model type, its arguments, and whether it takes messages."""
    if model_args is not None or address is None:
        from lm_eval.utils import simple_parse_args_string

        arguments = simple_parse_args_string(model_args) if isinstance(model_args, str) else dict(model_args or {})
        return model, arguments, "chat" in model
    if address.rstrip("/") == OPENAI:
        if os.environ.get("OPENAI_API_KEY", "none") == "none":
            raise PersonaError(
                f"model={model!r} goes to OpenAI: set OPENAI_API_KEY (or in .env), or give base_url= or model_args="
            )
        return "openai-chat-completions", {"model": model, "num_concurrent": num_concurrent}, True
    return _endpoint(model, address, num_concurrent)


def _endpoint(model: str, url: str, num_concurrent: int) -> tuple[str, dict[str, Any], bool]:
    address = url.rstrip("/")
    if not address.endswith("/chat/completions"):
        address += "/chat/completions"
    arguments = {"model": model, "base_url": address, "num_concurrent": num_concurrent, "max_retries": 5}
    return "local-chat-completions", arguments, True


def _left_out(value: Any) -> dict[str, Any]:
    """Return the setting for names (``"age,sex"`` or a list), or for a JSON file or object that holds them."""
    if isinstance(value, (Mapping, Path)) or (isinstance(value, str) and value.lstrip()[:1] == "{"):
        return {"loo_json": _as_json(value)}
    if isinstance(value, str) and value.lower().endswith(".json"):
        return {"loo_json": value}
    return {"attributes": list(value) if isinstance(value, (list, tuple)) else value}


def _as_json(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, Path) else json.dumps(value)


@contextmanager
def _keys(given: Mapping[str, Any], model_key: str | None, url: str | None, belongs: str | None) -> Iterator[None]:
    """Lend the key of the model at ``url`` to lm-eval, which reads it in the environment alone, and hand the critic's on.

    ``url`` is None where lm-eval takes the address itself (``model_args=``): it gets the key of the environment as ever.
    A critic at ``belongs`` may have ``model_key``, too. A key that is for another host stays, and a line says so.
    """
    lent = {name: keyring.plain(given.get(name)) for name in ("critic_api_key", "critic_api_keys")}
    lent = {name: secret for name, secret in lent.items() if secret}
    if model_key:
        keyring.remember(model_key)
        model_key = keys.checked(model_key, "api_key=")
        if belongs is not None:
            lent |= {"OPENAI_API_KEY": model_key, "OPENAI_BASE_URL": belongs}
    with environment.lending(lent, {}):
        known = [key for key in settings.load(given).keys if key.variable == keyring.OPENAI]
        if url is None:
            secret = model_key or next((key.secret for key in known), "")
        else:
            choice = keys.choose(url, tuple(known))
            secret = choice.secret or ""
            if choice.why_none:
                announce([f"{choice.why_none.partition('. Where')[0]}. Where it wants one, give api_key="])
    # lm-eval's chat models insist on a key even where the endpoint wants none.
    with environment.lending(lent, {"OPENAI_API_KEY": secret or "none"}):
        yield
