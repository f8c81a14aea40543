"""Answers from vLLM inside the cluster, through ``ray.data.llm``: its configuration, and rows on their way in and out.

Beside the engine everything is as with endpoints: spans, parts, resuming. Knows no endpoint and no key.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..costs.usage import Usage
from ..critic.answering import sampled
from ..critic.missing import Missing, Reason
from ..errors import PersonaError, shorten
from ..scoring import replies
from ..scoring.asked import Ids, Question, mark
from ..scoring.generate import Outcome, Tally
from .spans import Span

NEEDED = ("vllm", "transformers")
BATCH = 64
"""Prompts that a replica is given at once; what a kill loses of its work."""
READING = 0.25
"""CPUs of a task that makes prompts: the engine's stages hold one each, and a machine of four has to have some left."""
ERROR = "__inference_error__"
"""Where Ray says what became of a row that the engine failed on."""

Processor = Callable[[Any], Any]
"""Takes a dataset of ``row_of``'s rows and returns one of ``reply_of``'s."""


def require() -> None:
    """Raise ``PersonaError`` where vLLM, or what Ray builds its stages with, is not installed."""
    if lacking := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise PersonaError(f"--vllm needs {' and '.join(lacking)}, here and on the cluster: pip install 'ray[llm]'")


def configuration(model: str, replicas: int, arguments: Mapping[str, Any]) -> Any:
    """Return ``vLLMEngineProcessorConfig``: ``replicas`` of the engine, made with ``arguments`` (vLLM's engine arguments).

    A row that fails is a row with an error. Raises ``PersonaError`` where a value cannot be.
    """
    from ray.data.llm import vLLMEngineProcessorConfig

    try:
        return vLLMEngineProcessorConfig(
            model_source=model,
            engine_kwargs=dict(arguments),
            concurrency=replicas,
            batch_size=BATCH,
            should_continue_on_error=True,
            log_engine_metrics=False,
            chat_template_stage={"enabled": True},
            tokenize_stage={"enabled": True},
            detokenize_stage={"enabled": False},
            prepare_multimodal_stage={"enabled": False},
        )
    except ValueError as error:
        raise PersonaError(f"--vllm {shorten(model, 60)}: {shorten(error)}") from None


def processor(config: Any, before: Any = None, behind: Any = None) -> Processor:
    """Return the processor that Ray builds for a configuration; raise ``PersonaError`` where it cannot.

    ``before`` makes a row into what the engine is asked with, ``behind`` keeps what it answered: those of prompts, unless
    others are given.
    """
    from ray.data.llm import build_processor

    try:
        return build_processor(config, preprocess=before or row_of, postprocess=behind or reply_of)  # type: ignore[no-any-return]
    except Exception as error:  # it looks for the model's files, and for what reads them
        raise PersonaError(f"--vllm {shorten(config.model_source, 60)}: {shorten(error)}") from None


def waiting(question: Question, span: int) -> dict[str, Any]:
    """Return a prompt as it lies in the dataset: texts alone, so that all rows have one schema."""
    return {
        "id": question.id,
        "span": span,
        "chat": json.dumps(question.messages),
        "sampling": json.dumps(dict(question.sampling)),
    }


def row_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the engine is asked with: the chat, and the sampling that an endpoint would be asked with."""
    sampling = sampled(json.loads(row["sampling"]))
    # The same keys in every row: a table has one schema.
    return {"messages": json.loads(row["chat"]), "sampling_params": {"stop": [], **sampling}}


def reply_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a row that the engine answered."""
    return {
        "id": row["id"],
        "span": row["span"],
        "reply": row["generated_text"],
        "tokens_in": row["num_input_tokens"],
        "tokens_out": row["num_generated_tokens"],
    }


class Writer:
    """Writes replies to the folder and reports on each batch of them. An actor, so that its part stays open."""

    def __init__(self, out: str, run: str, model: str) -> None:
        self._out, self._run, self._model = Path(out), run, model
        self._part: replies.Part | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """Write a batch; return its report as JSON."""
        tally, usage = Tally(), Usage()
        try:
            self._part = self._part or replies.Part(self._out, self._run)
            for row in rows(batch):
                if failed := row.get(ERROR):
                    tally.add(str(row["id"]), Missing(Reason.ERROR, shorten(failed, 160), "vLLM"))
                    continue
                self._part.add(str(row["id"]), str(row["reply"]), self._model)
                tally.add(str(row["id"]), None)
                usage.add(0, int(row["tokens_in"]), int(row["tokens_out"]), len(str(row["reply"])))
        except PersonaError as error:
            return {"report": [json.dumps({"error": str(error)})]}
        told = {"answered": tally.answered, "reasons": tally.reasons, "examples": tally.examples}
        return {"report": [json.dumps({**told, "usage": vars(usage)})]}


def rows(batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a batch of columns as rows."""
    for values in zip(*batch.values(), strict=True):
        yield dict(zip(batch, values, strict=True))


def reports(
    ray: ModuleType, spans: Iterable[Span], there: Ids, out: Path, run: str, model: str, answer: Processor
) -> Iterable[Mapping[str, Any]]:
    """Yield the reports of all batches: prompts that ``there`` lacks go through ``answer`` and into the folder."""
    from .generate import questions

    done, folder = [ray.put(there.marks)], str(out.absolute())

    def lacking(row: Mapping[str, Any]) -> list[dict[str, Any]]:
        import ray

        span, known = Span(**json.loads(str(row["span"]))), Ids(ray.get(done[0]))
        return [waiting(one, span.number) for one in questions(span) if mark(one.id) not in known]

    blocks = [{"span": json.dumps(vars(span))} for span in spans]
    asked = ray.data.from_items(blocks, override_num_blocks=len(blocks)).flat_map(lacking, num_cpus=READING)
    told = answer(asked).map_batches(
        Writer,
        batch_size=BATCH,
        fn_constructor_args=(folder, run, model),
        compute=ray.data.ActorPoolStrategy(size=1),
        num_cpus=0.1,
    )
    return told.iter_rows()  # type: ignore[no-any-return]


def generate(
    prompts: str,
    out: Path,
    model: str,
    *,
    name: str | None = None,
    replicas: int = 1,
    arguments: Mapping[str, Any] | None = None,
    address: str | None = None,
    progress: bool = True,
) -> Outcome:
    """Have the prompts answered by ``replicas`` of vLLM with ``model``, kept under ``name``; as ``cluster.generate``."""
    from .generate import run

    require()
    config = configuration(model, replicas, arguments or {})

    def ask(ray: ModuleType, spans: list[Span], there: Ids, mark_of_run: str) -> Iterable[Mapping[str, Any]]:
        if ray.cluster_resources().get("GPU", 0) < 1:
            raise PersonaError("--vllm: the cluster has no GPU; name endpoints with --base_url instead")
        return reports(ray, spans, there, out, mark_of_run, name or model, processor(config))

    return run(prompts, out, name or model, ask, None, address=address, progress=progress, num_cpus=None)


__all__ = ["configuration", "generate", "processor", "reply_of", "require", "row_of", "waiting"]
