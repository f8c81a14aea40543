"""The critic as vLLM inside the cluster, through ``ray.data.llm``: what the stores lack goes in, verdicts go into a shard.

Once they are there, spans are scored by what the shards hold, as always. Knows no endpoint, and not how rows are made.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from ..costs.prices import find
from ..costs.usage import Usage
from ..critic import reply
from ..critic.budget import Ledger, Spent
from ..critic.check import way
from ..critic.missing import Missing, Reason, missing_from
from ..critic.protocol import Judged, Prompt, Protocol
from ..critic.request import INSIDE, Critic, key, panel
from ..critic.store import Store
from ..critic.verdict import Verdict, Vote, decide
from ..errors import PersonaError, shorten
from ..settings import Settings
from . import engine, shards, vllm
from .orders import Orders
from .spans import Span
from .till import too_many

_UNKNOWN = Missing(Reason.NOT_ASKED)


@dataclass(frozen=True)
class Inside:
    """The model that vLLM serves, how many replicas of it, and vLLM's engine arguments."""

    model: str
    replicas: int = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings with this model as the critic, by its own name where ``critic_model`` gives it none.

        Raises ``PersonaError`` for an address beside it.
        """
        if overrides.get("critic_base_url"):
            raise PersonaError("--vllm MODEL is the critic itself: leave critic_base_url out")
        return {"critic_model": self.model, **overrides, "critic_base_url": f"{INSIDE}{self.model}"}

    def require(self, settings: Settings) -> None:
        """Raise ``PersonaError`` where vLLM is not installed, and for settings that only an endpoint's client can keep."""
        if settings.critic_max_cost is not None or settings.max_tokens_total is not None:
            raise PersonaError(
                "--vllm: PERSONA_CRITIC_MAX_COST and PERSONA_MAX_TOKENS_TOTAL stop endpoints; leave them out"
            )
        if settings.critic_reasoning_effort is not None:
            raise PersonaError("--vllm: vLLM takes no PERSONA_CRITIC_REASONING_EFFORT here; leave it out")
        panel(settings)  # says what is wrong with its name
        vllm.require()


def require_gpu(ray: ModuleType) -> None:
    """Raise ``PersonaError`` where the cluster has none."""
    if ray.cluster_resources().get("GPU", 0) < 1:
        raise PersonaError("--vllm: the cluster has no GPU; name a critic with an endpoint instead")


# -- in --------------------------------------------------------------------------------------------------------------------


def lacking(span: Span, orders: Orders) -> Iterator[dict[str, Any]]:
    """Yield a row for every vote on a span's answers that no store holds: texts and numbers, the same keys in each."""
    chosen = orders.terms.settings
    (critic,), votes = panel(chosen), chosen.critic_votes
    asked: set[str] = set()
    with shards.Shards(orders.stores) as stores:
        for line in orders.lines(span):
            for judgement in orders.make(orders.terms, *line).judgements:
                prompt = Prompt.of(judgement)
                for n in range(votes):
                    name = key(critic, chosen, prompt, n)
                    if name not in asked and stores.get(name, prompt.protocol) is None:
                        asked.add(name)
                        yield {"key": name, "number": n, "chat": json.dumps(prompt.messages)}


def row_of(settings: Settings) -> Any:
    """Return what makes a row into what the engine is asked with: the chat, and a reply that has to fit the schema."""
    # A text: as a table's column, the schema's objects would all get each other's keys.
    schema = json.dumps(way(settings).schema)
    longest, temperature = settings.critic_max_tokens, settings.critic_temperature

    def made(row: Mapping[str, Any]) -> dict[str, Any]:
        sampling = {
            "max_tokens": longest,
            "temperature": temperature,
            "seed": int(row["number"]),
            "structured_outputs": {"json": schema},
        }
        return {"messages": json.loads(row["chat"]), "sampling_params": sampling}

    return made


def reply_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a row that the engine answered."""
    return {
        "key": row["key"],
        "number": row["number"],
        "chat": row["chat"],
        "reply": row["generated_text"],
        "tokens_in": row["num_input_tokens"],
        "tokens_out": row["num_generated_tokens"],
    }


# -- out -------------------------------------------------------------------------------------------------------------------


class Keeper:
    """Reads replies by the protocol, writes votes to a shard of its own, and reports on each batch. An actor."""

    def __init__(self, orders: Orders) -> None:
        self._settings = orders.terms.settings
        self._path = shards.own_path(orders.out, orders.run)
        (self._critic,) = panel(self._settings)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """Write a batch; return its report as JSON: what is missing and why, and what the calls took."""
        usage, missing = Usage(), {}
        try:
            # Closed after each batch, so that whoever reads it on another machine finds one whole file.
            with Store(str(self._path), alone=True) as store:
                for row in vllm.rows(batch):
                    why = self._keep(row, store, usage)
                    if why is not None:
                        missing[str(row["key"])] = str.__str__(why)
        except PersonaError as error:
            return {"report": [json.dumps({"error": str(error)})]}
        return {"report": [json.dumps({"missing": missing, "usage": vars(usage)})]}

    def _keep(self, row: Mapping[str, Any], store: Store, usage: Usage) -> Missing | None:
        if failed := row.get(vllm.ERROR):
            return Missing(Reason.ERROR, shorten(failed, 160), "vLLM")
        text, limit = str(row["reply"]), self._settings.critic_max_tokens
        tokens = int(row["tokens_in"]), int(row["tokens_out"])
        usage.add(sum(len(one["content"]) for one in json.loads(row["chat"])), *tokens, len(text))
        # Ray does not hand on why a reply ended.
        choice = {"message": {"content": text}, "finish_reason": "length" if tokens[1] >= limit else "stop"}
        read = reply.read({"choices": [choice]})
        got = read.opinion(way(self._settings))
        if got is None:
            return read.why_not(limit)
        vote = Vote(self._critic.model, self._critic.host, int(row["number"]), got[0], None, 1, *tokens)
        store.put(str(row["key"]), vote, got[1])
        return None


@dataclass
class Came:
    """What came of all batches: why votes are missing, by their keys, and what the calls took."""

    missing: dict[str, str] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)

    def add(self, report: Mapping[str, Any]) -> None:
        """Add a batch's report; raise ``PersonaError`` where it is of an error."""
        if "error" in report:
            raise PersonaError(report["error"])
        self.missing |= report["missing"]
        self.reasons.update(Missing.read(text).kind for text in report["missing"].values())
        self.usage = self.usage.plus(Usage(**report["usage"]))


def judged(ray: ModuleType, spans: list[Span], orders: Orders, inside: Inside, total: int) -> tuple[Orders, Ledger]:
    """Have every vote on ``total`` answers that the stores lack asked of vLLM and written to a shard.

    Returns the orders to score by what is there then, and what was taken. Raises ``PersonaError`` where the run cannot go on;
    what is judged by then is kept.
    """
    chosen, came = orders.terms.settings, Came()
    try:
        for row in _reports(ray, spans, orders, inside):
            came.add(json.loads(row["report"]))
            if (many := too_many(chosen, came.reasons, total * chosen.critic_votes)) is not None:
                raise PersonaError(many)
    except Exception as error:  # Ray wraps what an actor raised in types of its own
        found = engine.cause(error)
        said = found if isinstance(found, PersonaError) else f"--vllm: {engine.said(found)}"
        raise PersonaError(f"{said}; {shards.kept(orders.out)}") from None
    (critic,) = panel(chosen)
    spent = Spent(find(critic.model, critic.base_url, chosen.prices), came.usage)
    stores = dict.fromkeys((*orders.stores, *map(str, shards.found(orders.out))))
    after = replace(orders, stores=tuple(stores), missing=came.missing)
    return after, Ledger({(critic.model, critic.host): spent})


def _reports(ray: ModuleType, spans: list[Span], orders: Orders, inside: Inside) -> Iterable[Mapping[str, Any]]:
    held = [ray.put(orders)]

    def rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
        import ray

        return list(lacking(Span(**json.loads(str(row["span"]))), ray.get(held[0])))

    blocks = [{"span": json.dumps(vars(span))} for span in spans]
    asked = ray.data.from_items(blocks, override_num_blocks=min(len(blocks), engine.BLOCKS))
    asked = asked.flat_map(rows, num_cpus=vllm.READING)
    if not asked.take(1):
        return ()  # no engine is started for nothing
    configuration = vllm.configuration(inside.model, inside.replicas, inside.arguments)
    ask = vllm.processor(configuration, row_of(orders.terms.settings), reply_of)
    told = ask(asked).map_batches(
        Keeper,
        batch_size=vllm.BATCH,
        fn_constructor_args=(orders,),
        compute=ray.data.ActorPoolStrategy(size=1),
        num_cpus=0.1,
    )
    return told.iter_rows()  # type: ignore[no-any-return]


# -- scoring ---------------------------------------------------------------------------------------------------------------


class Held:
    """A session that asks nobody: what the shards lack is missing, for the reason that the engine's reply gave."""

    window = 64

    def __init__(self, settings: Settings, store: Store, missing: Mapping[str, str]) -> None:
        self._settings, self._store, self._missing = settings, store, missing
        (self._critic,) = panel(settings)

    async def verdict(self, judgement: Judged) -> Verdict:
        """Return the verdict that is there."""
        prompt = Prompt.of(judgement)
        votes = [self._vote(prompt, n, prompt.protocol, self._critic) for n in range(self._settings.critic_votes)]
        return decide(votes, prompt.protocol.name)

    def _vote(self, prompt: Prompt, number: int, protocol: Protocol, critic: Critic) -> Vote:
        name = key(critic, self._settings, prompt, number)
        if (found := self._store.get(name, protocol)) is not None:
            return found
        why = missing_from(self._missing.get(name)) or _UNKNOWN
        return Vote(critic.model, critic.host, number, None, missing=why)
