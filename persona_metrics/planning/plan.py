"""Puts a plan together: calls, tokens, price and time of each task, and what its design can show. Makes no call."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..analysis import power
from ..costs import prices
from ..costs.prices import Price
from ..costs.usage import Usage
from ..critic.dialect import from_text
from ..critic.past import CRITIC, MODEL
from ..critic.protocol import Prompt
from ..critic.request import Critic, beginning, dialect_name
from ..critic.store import Store
from ..scoring.batchfile import Wanted
from ..settings import Settings
from . import tokens
from .calls import Calls
from .counting import Count, by_files
from .tokens import NOTHING, Range

_LETTERS = 4.2
"""Letters a token of answers, to foretell how long judgements are."""


@dataclass(frozen=True)
class Asked:
    """Who would answer: the tested model's name and address, how many requests at once, and whether judging is a batch.

    ``count`` counts prompts by a model's own tokenizer, where one is at hand.
    """

    model: str
    address: str
    host: str
    concurrency: int
    batch: bool = False
    count: Count = by_files


@dataclass(frozen=True)
class Side:
    """What one side's calls take. ``price`` is None where none is known, ``seconds`` where no call's time is known."""

    calls: int
    tokens_in: Range
    tokens_out: Range
    price: Range | None
    price_source: str
    seconds: float | None
    tokens_by: str

    def plus(self, other: Side) -> Side:
        """Return both together; what one does not know the sum does not know either, unless it makes no call."""
        known = [one for one in (self, other) if one.calls]
        total: Range | None = NOTHING
        for one in known:
            total = None if total is None or one.price is None else total.plus(one.price)
        seconds = [one.seconds for one in known]
        return Side(
            self.calls + other.calls,
            self.tokens_in.plus(other.tokens_in),
            self.tokens_out.plus(other.tokens_out),
            total,
            ", ".join(dict.fromkeys(one.price_source for one in known if one.price_source)),
            None if any(one is None for one in seconds) else sum(one for one in seconds if one is not None),
            ", ".join(dict.fromkeys(one.tokens_by for one in known if one.tokens_by)),
        )


NO_SIDE = Side(0, NOTHING, NOTHING, NOTHING, "", 0.0, "")


@dataclass(frozen=True)
class Shows:
    """What the design can show, in shares (0.05: five points); ``importance`` None where nothing is left out."""

    half_width: float
    difference: float
    importance: float | None
    items: int
    groups: int
    smallest_group: str | None
    smallest_n: int | None
    smallest_half_width: float | None


@dataclass(frozen=True)
class Row:
    """One task."""

    task: str
    pairs: int
    people: int
    questions: int
    generations: int
    judgements: int
    at_most: int
    stored: int
    model: Side
    critic: Side
    shows: Shows


def row(calls: Calls, asked: Asked, store: Store | None, answers: Range, discordance: float) -> Row:
    """Return a task's row; ``answers`` are the tokens of an answer, which judgements quote."""
    return Row(
        calls.task,
        calls.pairs,
        calls.people,
        calls.questions,
        len(calls.prompts),
        len(calls.votes),
        calls.at_most,
        calls.stored,
        _model(calls, asked, store),
        _critic(calls, asked, store, answers),
        _shows(calls, discordance),
    )


def answer_tokens(asked: Asked, store: Store | None, calls: int, longest: int | None) -> Range:
    """Return the tokens of an answer of the tested model."""
    return tokens.a_reply(calls, _past(store, MODEL, asked.model, asked.host), MODEL, longest)


def letters(answer: Range) -> int:
    """Return how many letters an answer is taken to have."""
    return round(answer.mid * _LETTERS)


def _past(store: Store | None, role: str, model: str, host: str) -> Usage | None:
    return None if store is None else store.past.of(role, model, host)


def _model(calls: Calls, asked: Asked, store: Store | None) -> Side:
    if not (number := len(calls.prompts)):
        return NO_SIDE
    past = _past(store, MODEL, asked.model, asked.host)
    sample = calls.prompts[:50]
    each, by = tokens.a_letter(asked.model, past, sample, lambda: asked.count(asked.model, asked.address, sample))
    taken = each.times(sum(map(len, calls.prompts)))
    given = tokens.a_reply(number, past, MODEL, calls.longest).times(number)
    price = prices.find(asked.model, asked.address, calls.settings.prices) if asked.model else None
    return _side(number, taken, given, price, past, asked.concurrency, by)


def _critic(calls: Calls, asked: Asked, store: Store | None, answers: Range) -> Side:
    by_critic: dict[Critic, list[Wanted]] = defaultdict(list)
    for vote in calls.votes.values():
        by_critic[vote.critic].append(vote)
    total = NO_SIDE
    for critic, votes in by_critic.items():
        past = _past(store, CRITIC, critic.model, critic.host)
        texts = ["".join(m["content"] for m in Prompt.of(v.judgement).messages) for v in votes]
        count = partial(asked.count, critic.model, critic.base_url, texts[:50])
        each, by = tokens.a_letter(critic.model, past, texts[:50], count)
        length, schema = sum(map(len, texts)), tokens.schema_letters(votes[0].protocol.schema)
        # Answers that are not there yet may be longer or shorter; a schema may count into the prompt or not.
        quoted = len(votes) * votes[0].protocol.answers * _LETTERS if calls.prompts else 0.0
        more = 0 if by.endswith("past calls") else schema * len(votes)
        taken = Range(
            max(0.0, length - quoted * (answers.mid - answers.low)) * each.low,
            length * each.mid,
            (length + more + quoted * (answers.high - answers.mid)) * each.high,
        )
        thinks = _thinks(critic, calls.settings, store)
        given = tokens.a_reply(len(votes), past, CRITIC, None, thinks=thinks).times(len(votes))
        price = prices.find(critic.model, critic.base_url, calls.settings.prices, batch=asked.batch)
        total = total.plus(
            _side(
                len(votes), taken, given, price, past, calls.settings.critic_concurrency, by, calls.settings.critic_rpm
            )
        )
    return total


def _thinks(critic: Critic, settings: Settings, store: Store | None) -> bool:
    """Return whether a critic is known to think: it is told to, or was seen to by an earlier run."""
    learned = None if store is None else store.dialect(dialect_name(critic, settings), critic.address)
    found = from_text(learned) if learned else None
    return bool((found or beginning(critic, settings)).thinks)


def _side(
    number: int,
    taken: Range,
    given: Range,
    price: Price | None,
    past: Usage | None,
    concurrency: int,
    by: str,
    rpm: int | None = None,
) -> Side:
    cost = None
    if price is not None:
        cost = Range(*(price.of(getattr(taken, at), getattr(given, at)) for at in ("low", "mid", "high")))
    seconds = None
    if past is not None and past.calls and past.latency:
        seconds = number * past.latency / past.calls / min(concurrency, max(1, number))
        seconds = max(seconds, 60.0 * number / rpm) if rpm else seconds
    return Side(number, taken, given, cost, price.source if price else "", seconds, by)


def _shows(calls: Calls, discordance: float) -> Shows:
    n = calls.pairs
    items = len(getattr(calls.evaluation, "items", ()) or ()) if calls.evaluation.name == "leave_one_out" else 0
    group, size = next(iter(calls.support.items()), (None, None))
    return Shows(
        power.half_width(n),
        power.difference(n, discordance),
        power.importance(n, items, discordance) if items else None,
        items,
        len(calls.support),
        group,
        size,
        power.half_width(size) if size else None,
    )


def total(rows: Sequence[Row], side: Callable[[Row], Side]) -> Side:
    """Return one side of all tasks together."""
    found = NO_SIDE
    for one in rows:
        found = found.plus(side(one))
    return found


def to_dict(rows: Sequence[Row], checks: int, notes: Sequence[str]) -> dict[str, Any]:
    """Return plain data for ``--json``: null stands for what is not known."""
    both = [total(rows, lambda r: r.model), total(rows, lambda r: r.critic)]
    return {
        "tasks": [
            {
                **{k: getattr(one, k) for k in ("task", "pairs", "people", "questions", "generations", "judgements")},
                "judgements_at_most": one.at_most,
                "judgements_in_store": one.stored,
                "model": _plain(one.model),
                "critic": _plain(one.critic),
                "shows": {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in vars(one.shows).items()},
            }
            for one in rows
        ],
        "total": {
            "generations": sum(one.generations for one in rows),
            "judgements": sum(one.judgements for one in rows),
            "judgements_at_most": sum(one.at_most for one in rows),
            "checks_of_the_critic": checks,
            "model": _plain(both[0]),
            "critic": _plain(both[1]),
        },
        "notes": list(notes),
    }


def _plain(side: Side) -> dict[str, Any]:
    return {
        "calls": side.calls,
        "tokens_in": side.tokens_in.to_dict(),
        "tokens_out": side.tokens_out.to_dict(),
        "tokens_by": side.tokens_by or None,
        "price": None if side.price is None else side.price.to_dict(),
        "price_source": side.price_source or None,
        "seconds": side.seconds,
    }
