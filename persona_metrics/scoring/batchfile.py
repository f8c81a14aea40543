"""Judgements as OpenAI Batch files, and the results of such files into the verdict store. Knows no network.

The same files run through OpenAI's Batch API and through ``vllm run-batch``. Each request is the one that a live run
would send, under the store's key as its ``custom_id``: a verdict from a batch is found again by a live run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from ..costs.usage import Usage
from ..critic import Judged, Verdict, Vote, decide, rejection, reply, request
from ..critic.budget import ledger
from ..critic.client import announce
from ..critic.dialect import Dialect, from_text
from ..critic.missing import Missing, Reason
from ..critic.protocol import Prompt, Protocol
from ..critic.request import Critic
from ..critic.store import Store
from ..errors import PersonaError, shorten
from ..files import writing
from ..settings import Settings

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
"""The Batch API's limits of one file (developers.openai.com, reference of ``batches.create``)."""

_WRITTEN = ", as it was last asked in a batch file"
NOT_THERE = Missing(Reason.NOT_IN_BATCH)


@dataclass(frozen=True)
class Wanted:
    """One vote that a judgement needs."""

    critic: Critic
    judgement: Judged
    number: int

    @property
    def protocol(self) -> Protocol:
        """The way it is judged."""
        return self.judgement.protocol


@dataclass
class Collected:
    """What reading results came upon. ``reasons`` says by key why a vote is still missing."""

    stored: int = 0
    repeated: int = 0
    unknown: int = 0
    broken: int = 0
    reasons: dict[str, Missing] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    """Keys whose reply ended at the token limit; asked again, they get twice as much."""
    took: dict[str, Usage] = field(default_factory=dict)
    """By key what the replies took that were read now, unusable ones among them: they were paid for."""

    def notes(self) -> Iterator[str]:
        """Yield one line for each thing that a reader of the results should know."""
        if self.broken:
            yield f"{self.broken} lines of the results are cut or no JSON objects, and left out"
        if self.unknown:
            yield f"{self.unknown} lines of the results belong to other judgements or another critic, and are left out"
        if self.repeated:
            yield f"{self.repeated} lines of the results repeat verdicts that the store has, and are left out"


def wanted(judgements: Iterable[Judged], settings: Settings) -> dict[str, Wanted]:
    """Return every vote that the judgements need by its key; identical judgements need it once."""
    critics = request.panel(settings)
    return {
        request.key(critic, settings, prompt, number): Wanted(critic, judgement, number)
        for judgement in judgements
        for prompt in (Prompt.of(judgement),)
        for critic in critics
        for number in range(settings.critic_votes)
    }


def lacking(votes: Mapping[str, Wanted], store: Store) -> dict[str, Wanted]:
    """Return the votes that the store does not have."""
    return {key: vote for key, vote in votes.items() if store.get(key, vote.protocol) is None}


class Dialects(dict[Critic, Dialect]):
    """What each critic's endpoint understands; learned from the requests that it rejected, and from its replies.

    It begins with what live requests and earlier files learned, where ``store`` keeps it, and is kept there: each file
    may be written and read by a process of its own.
    """

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        super().__init__()
        self.settings, self._store = settings, store
        self._sent: dict[Critic, Dialect] = {}

    def __missing__(self, critic: Critic) -> Dialect:
        return self.setdefault(critic, self._kept(critic))

    def sent(self, critic: Critic) -> Dialect:
        """Return the dialect of the requests whose results are read: that of the last file that was written."""
        if critic not in self._sent:
            self._sent[critic] = self._kept(critic, _WRITTEN)
        return self._sent[critic]

    def written(self, critic: Critic) -> None:
        """Note that requests in this critic's dialect go into a file."""
        self._sent[critic] = replace(self[critic])
        self._keep(critic, self[critic], _WRITTEN)

    def keep(self) -> None:
        """Keep what was learned for the next process."""
        for critic, dialect in self.items():
            if dialect != self._kept(critic):
                self._keep(critic, dialect)

    def _kept(self, critic: Critic, where: str = "") -> Dialect:
        name = request.dialect_name(critic, self.settings) + where
        text = None if self._store is None else self._store.dialect(name, critic.address)
        return (text and from_text(text)) or request.beginning(critic, self.settings)

    def _keep(self, critic: Critic, dialect: Dialect, where: str = "") -> None:
        if self._store is not None:
            name = request.dialect_name(critic, self.settings) + where
            self._store.keep_dialect(name, critic.address, dialect.to_text())

    def learn(self, critic: Critic, refused: rejection.Rejection, limit: int) -> None:
        """Leave out what was rejected; thousands of lines that reject the same are one step down."""
        sent = self.sent(critic)
        effort = self.settings.critic_reasoning_effort is not None
        if (found := replace(sent)).step_down(refused, limit, effort=effort):
            for name in (one.name for one in fields(found)):
                if (value := getattr(found, name)) != getattr(sent, name):
                    setattr(self[critic], name, value)

    def longest(self, critic: Critic, *, larger: bool = False) -> int:
        """Return the token limit of a critic's next request; ``larger`` where its last reply was cut."""
        dialect = self[critic]
        usual = request.longest(self.settings, dialect)
        return dialect.limit(request.longest(self.settings, dialect, above=usual if larger else 0))


def write(
    path: Path, votes: Mapping[str, Wanted], settings: Settings, dialects: Dialects, cut: Iterable[str] = ()
) -> list[Path]:
    """Write the votes' requests to ``path``, and to ``path-2`` … where one file cannot hold them; return the files.

    A file holds one critic's requests, since the Batch API takes one model a file, and at most ``MOST_REQUESTS``
    and ``MOST_BYTES``. Requests whose key is in ``cut`` ask for twice the token limit.
    """
    larger = frozenset(cut)
    written: list[Path] = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for lines in _files(_requests(votes, settings, dialects, larger)):
            part = path if not written else path.with_name(f"{path.stem}-{len(written) + 1}{path.suffix}")
            with writing(part) as file:
                file.writelines(lines)
            written.append(part)
    except OSError as error:
        raise PersonaError(f"{path}: cannot be written: {error.strerror}") from None
    return written


def _requests(
    votes: Mapping[str, Wanted], settings: Settings, dialects: Dialects, larger: frozenset[str]
) -> Iterator[tuple[Critic, bytes]]:
    for critic in dict.fromkeys(vote.critic for vote in votes.values()):
        if settings.critic_reasoning_effort is not None and not dialects[critic].effort:
            announce([request.effort_note(critic, settings)])
        dialects.written(critic)
        for key, vote in votes.items():
            if vote.critic == critic:
                prompt = Prompt.of(vote.judgement)
                dialect, limit = dialects[critic], dialects.longest(critic, larger=key in larger)
                body = request.body(critic, settings, prompt, vote.number, dialect, limit=limit)
                line = {"custom_id": key, "method": "POST", "url": URL, "body": body}
                yield critic, json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _files(requests: Iterator[tuple[Critic, bytes]]) -> Iterator[Iterator[bytes]]:
    """Split the lines into files; each has to be read to its end before the next."""
    waiting = next(requests, None)

    def one() -> Iterator[bytes]:
        nonlocal waiting
        assert waiting is not None
        critic, count, size = waiting[0], 0, 0
        while waiting is not None and waiting[0] == critic:
            if count and (count == MOST_REQUESTS or size + len(waiting[1]) > MOST_BYTES):
                return
            line = waiting[1]
            count, size = count + 1, size + len(line)
            waiting = next(requests, None)
            yield line

    while waiting is not None:
        yield one()


def collect(
    paths: Sequence[Path], votes: Mapping[str, Wanted], settings: Settings, store: Store, dialects: Dialects
) -> Collected:
    """Read result files, in any order and state, into the store. A good line counts wherever it stands."""
    found = Collected()
    good: set[str] = set()
    for path in paths:
        try:
            with path.open("rb") as lines:
                for line in lines:
                    if line.strip():
                        _collect_line(line, votes, settings, store, dialects, found, good)
        except OSError as error:
            raise PersonaError(f"{path}: cannot be read: {error.strerror}") from None
    for key, vote in votes.items():
        if key not in good and store.get(key, vote.protocol) is None:
            found.reasons.setdefault(key, NOT_THERE)
    dialects.keep()
    return found


def _collect_line(
    line: bytes,
    votes: Mapping[str, Wanted],
    settings: Settings,
    store: Store,
    dialects: Dialects,
    found: Collected,
    good: set[str],
) -> None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        found.broken += 1
        return
    key = str(row.get("custom_id"))
    if key not in votes:
        found.unknown += 1
        return
    vote = votes[key]
    if key in good or store.get(key, vote.protocol) is not None:
        found.repeated += 1
        good.add(key)
        found.reasons.pop(key, None)
        return
    cast, reply, reason = _read(row, vote, settings, dialects, found.took.setdefault(key, Usage()))
    if cast is not None:
        store.put(key, cast, reply)
        found.stored += 1
        good.add(key)
        found.reasons.pop(key, None)
        found.cut.discard(key)
        return
    found.reasons[key] = reason
    if reason.reason is Reason.CUT:
        found.cut.add(key)


def _read(
    row: Mapping[str, Any], vote: Wanted, settings: Settings, dialects: Dialects, took: Usage
) -> tuple[Vote | None, str, Missing]:
    response = row.get("response")
    response = response if isinstance(response, Mapping) else {}
    status = response.get("status_code", 200)
    # vllm run-batch has put the completion under "response" itself.
    body = response if "choices" in response else response.get("body")
    sent = dialects.sent(vote.critic)
    limit = sent.limit(request.longest(settings, sent))
    if (refused := _rejected(row.get("error"), body, status)) is not None:
        dialects.learn(vote.critic, refused, limit)
        if refused.refused:
            return None, "", Missing(Reason.REFUSED, shorten(refused.message or refused.code, 120))
        reason, code = (Reason.HTTP, str(status)) if status != 200 else (Reason.ERROR, refused.code)
        return None, "", Missing(reason, shorten(refused.message, 120), shorten(code, 40))
    read = reply.read(body)
    if isinstance(body, Mapping) and body.get("choices"):
        letters = sum(len(message["content"]) for message in vote.judgement.messages())
        took.add(letters, read.prompt_tokens, read.completion_tokens, len(read.texts[0]) if read.texts else 0)
    if read.thinks:
        dialects[vote.critic].saw_thoughts()
    if (got := read.opinion(vote.protocol)) is None:
        missing = read.why_not(limit)
        return None, "", Missing(missing.reason, shorten(missing.detail, 120))
    cast = Vote(
        vote.critic.model,
        vote.critic.host,
        vote.number,
        got[0],
        attempts=1,
        prompt_tokens=read.prompt_tokens,
        completion_tokens=read.completion_tokens,
        served_model=read.served_model,
    )
    return cast, got[1], Missing(Reason.UNKNOWN)


def _rejected(error: Any, body: Any, status: Any) -> rejection.Rejection | None:
    if error or status != 200:
        return rejection.of(error or body, status if isinstance(status, int) and status != 200 else 0)
    return rejection.in_reply(body)


def offline(
    settings: Settings, store: Store, reasons: Mapping[str, Missing], took: Mapping[str, Usage] | None = None
) -> Callable[[Sequence[Judged]], list[Verdict]]:
    """Return a stand-in for the live critic that knows the store alone; what is not there is missing, with its reason.

    What a vote ``took`` when its results were read goes into the ledger once, at the price of batches.
    """
    critics, unpaid = request.panel(settings), dict(took or {})

    def ask(judgements: Sequence[Judged]) -> list[Verdict]:
        verdicts = []
        for judgement in judgements:
            prompt, votes = Prompt.of(judgement), []
            for critic in critics:
                for number in range(settings.critic_votes):
                    key = request.key(critic, settings, prompt, number)
                    blank = Vote(critic.model, critic.host, number, None, missing=reasons.get(key, NOT_THERE))
                    votes.append(store.get(key, prompt.protocol) or blank)
                    spent = ledger.of(critic, settings, batch=True)
                    if (paid := unpaid.pop(key, None)) is not None and paid.calls:
                        spent.usage = spent.usage.plus(paid)
                    else:
                        spent.stored += votes[-1].stored
            verdicts.append(decide(votes, prompt.protocol.name))
        return verdicts

    return ask


def summary(reasons: Mapping[str, Missing]) -> str:
    """Return the reasons with their counts, the commonest first, on one line."""
    return shorten("; ".join(f"{count} × {reason}" for reason, count in Counter(reasons.values()).most_common(4)), 300)
