"""Judges many answers at once: bounded, resumable, with every judgement accounted for. Knows no metric and no lm-eval."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

from ..errors import PersonaError
from ..settings import Settings
from . import debate
from .client import Critic, Endpoint, panel
from .debate import Judgement, Verdict, Vote, decide
from .store import Store

FIRST = 20
"""So many failures in a row at the start, all for one reason, and the run stops."""

_T = TypeVar("_T")


def judge(
    judgements: Sequence[Judgement],
    settings: Settings,
    *,
    share: int = 1,
    progress: bool = True,
    description: str = "critic",
    backoff: float = 0.5,
) -> list[Verdict]:
    """Return one verdict a judgement, in their order.

    ``share`` is the number of processes that divide the concurrency among them. Verdicts are written to the store as
    they arrive. Raises ``PersonaError`` where the run cannot go on (the first 20 all fail for one reason, more than
    ``critic_max_failures`` fail, the deadline passes); what is judged by then is kept, and the message says how to
    resume.
    """
    if not judgements:
        return []
    run = _Run(judgements, settings, share, progress, description, backoff)
    return _in_own_loop(run.all())


def check(settings: Settings) -> None:
    """Hold one dry debate with every critic; raise ``PersonaError`` that names the setting to change."""
    probe = Judgement("What should I cook tonight?", {"age": "40", "lifestyle": "vegetarian"}, "A lentil curry.")
    quick = settings.model_copy(update={"critic_attempts": min(2, settings.critic_attempts), "critic_deadline": None})

    async def one(critic: Critic) -> tuple[Critic, Vote]:
        endpoint = Endpoint(_located(critic, settings), quick, backoff=0.2)
        try:
            with Store("off") as nowhere:
                return critic, await endpoint.vote(probe, 0, nowhere)
        finally:
            await endpoint.close()

    async def all_critics() -> list[tuple[Critic, Vote]]:
        return await asyncio.gather(*(one(critic) for critic in panel(settings)))

    for critic, vote in _in_own_loop(all_critics()):
        if vote.missing is not None:
            raise PersonaError(f"the critic {critic.model} at {critic.host} does not work: {_advice(vote.missing)}")


def _advice(reason: str) -> str:
    for mark, advice in (
        ("HTTP 401", "set PERSONA_CRITIC_API_KEY (or OPENAI_API_KEY) to a key it accepts"),
        ("HTTP 403", "this key may not use it: change PERSONA_CRITIC_API_KEY or PERSONA_CRITIC_MODEL"),
        ("HTTP 404", "no such model or address: change PERSONA_CRITIC_MODEL or PERSONA_CRITIC_BASE_URL"),
        ("connection failed", "nothing answers there: change PERSONA_CRITIC_BASE_URL"),
        ("no reply within", "raise PERSONA_CRITIC_TIMEOUT, or change PERSONA_CRITIC_BASE_URL"),
        ("was cut at", "raise PERSONA_CRITIC_MAX_TOKENS"),
        ("not one object", "the model cannot hold the debate's format: change PERSONA_CRITIC_MODEL"),
        ("empty reply", "the model says nothing: change PERSONA_CRITIC_MODEL, or raise PERSONA_CRITIC_MAX_TOKENS"),
    ):
        if mark in reason:
            return f"{reason}; {advice}"
    return f"{reason}; change PERSONA_CRITIC_MODEL or PERSONA_CRITIC_BASE_URL"


def critic_card(settings: Settings) -> dict[str, Any]:
    """Return what results_*.json says of the critic: flat, and without a key or a path of an address."""
    if not settings.critic_model:
        return {"critic_model": None}
    critics = panel(settings)
    return {
        "critic_model": ",".join(c.model for c in critics),
        "critic_endpoint": ",".join(c.host if c.model != "embedded" else "embedded" for c in critics),
        "critic_template": debate.prompt_hash(),
        "critic_temperature": settings.critic_temperature,
        "critic_max_tokens": settings.critic_max_tokens,
        "critic_votes": settings.critic_votes,
    }


def _located(critic: Critic, settings: Settings) -> Critic:
    """Give the embedded critic the address of the model in this process, unless one is given."""
    if critic.model != "embedded" or critic.base_url is not None:
        return critic
    from .. import embedded

    return Critic(critic.model, embedded.shared_server(embedded.model_path(settings.local_model)).base_url)


class _Run:
    """One batch: unique judgements through a bounded number of workers."""

    def __init__(
        self,
        judgements: Sequence[Judgement],
        settings: Settings,
        share: int,
        progress: bool,
        description: str,
        backoff: float,
    ) -> None:
        self.settings, self.share, self.backoff = settings, share, backoff
        # Identical judgements (a baseline answer given twice, attempts that agree) are asked once.
        self.names = [(j.question, tuple(j.persona.items()), j.answer) for j in judgements]
        self.unique = dict(zip(self.names, judgements, strict=True))
        self.verdicts: dict[Any, Verdict] = {}
        self.failures: Counter[str] = Counter()
        self.bar = tqdm(total=len(self.unique), desc=description, unit="verdict", disable=not progress, file=sys.stderr)
        self.stop: str | None = None

    async def all(self) -> list[Verdict]:
        """Judge everything, or raise with the reason to stop."""
        store = Store(self.settings.critic_store)
        endpoints = [
            Endpoint(_located(c, self.settings), self.settings, share=self.share, backoff=self.backoff)
            for c in panel(self.settings)
        ]
        waiting = iter(self.unique.items())
        workers = max(1, sum(int(e.gate.ceiling) for e in endpoints))
        try:
            await asyncio.wait_for(
                _gather(self._worker(waiting, endpoints, store) for _ in range(min(workers, len(self.unique)))),
                self.settings.critic_deadline,
            )
        except asyncio.TimeoutError:
            self.stop = f"the deadline of {self.settings.critic_deadline:g} s passed (PERSONA_CRITIC_DEADLINE)"
        except asyncio.CancelledError:
            self._resume_hint("interrupted", store)
            raise
        finally:
            self.bar.close()
            for endpoint in endpoints:
                await endpoint.close()
            store.close()
        self._report(store)
        return [self.verdicts[name] for name in self.names]

    async def _worker(self, waiting: Any, endpoints: list[Endpoint], store: Store) -> None:
        for name, judgement in waiting:
            if self.stop is not None:
                return
            votes = await asyncio.gather(
                *(e.vote(judgement, number, store) for e in endpoints for number in range(self.settings.critic_votes))
            )
            self._done(name, decide(votes))

    def _done(self, name: Any, verdict: Verdict) -> None:
        self.verdicts[name] = verdict
        if verdict.personalized is None:
            self.failures[verdict.missing or "unknown"] += 1
        judged = (
            [v.personalized for v in self.verdicts.values() if v.personalized is not None]
            if self.bar.n % 25 == 0
            else None
        )
        self.bar.update(1)
        if judged:
            rate = sum(judged) / len(judged)
            self.bar.set_postfix(failed=sum(self.failures.values()), personalized=f"{rate:.2f}", refresh=False)
        done = len(self.verdicts)
        if done == FIRST and len(self.failures) == 1 and sum(self.failures.values()) == FIRST:
            self.stop = f"the first {FIRST} judgements all failed: {_advice(next(iter(self.failures)))}"

    def _report(self, store: Store) -> None:
        failed = sum(self.failures.values())
        for reason, count in self.failures.most_common():
            print(f"persona-metrics: {count} of {len(self.verdicts)} verdicts missing: {reason}", file=sys.stderr)
        allowed = self.settings.critic_max_failures
        if self.stop is None and failed > allowed * len(self.unique):
            worst = self.failures.most_common(1)[0][0]
            self.stop = (
                f"{failed} of {len(self.unique)} verdicts are missing, more than PERSONA_CRITIC_MAX_FAILURES={allowed:g}"
                f" allows; mostly: {_advice(worst)}"
            )
        if self.stop is not None:
            raise PersonaError(f"{self.stop}; {self._kept(store)}")

    def _kept(self, store: Store) -> str:
        judged = len(self.verdicts) - sum(self.failures.values())
        if store.path is None:
            return f"{judged} verdicts are lost, since the verdict store is off"
        return f"{judged} verdicts are kept; run the same command again to go on from there (lm_eval: with --use_cache)"

    def _resume_hint(self, what: str, store: Store) -> None:
        print(f"\npersona-metrics: {what}; {self._kept(store)}", file=sys.stderr, flush=True)


async def _gather(coroutines: Any) -> None:
    """Run all to their end; where one fails, end the others before its error goes on."""
    tasks = [asyncio.ensure_future(c) for c in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _in_own_loop(work: Coroutine[Any, Any, _T]) -> _T:
    """Run in an event loop of its own, also where the caller (a notebook) already runs one in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    result: concurrent.futures.Future[_T] = concurrent.futures.Future()

    def target() -> None:
        try:
            result.set_result(asyncio.run(work))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=target, daemon=True).start()
    return result.result()
