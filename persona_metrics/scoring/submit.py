"""Sends batch files through the ``openai`` client, waits, and fetches the results; a state file lets it go on later."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import openai
from openai.types import Batch
from tqdm import tqdm

from ..consoles import say
from ..costs.usage import Usage
from ..critic import check, faults, keys, rejection
from ..critic.address import credentials, joined, query
from ..critic.client import announce, dialects
from ..critic.http import httpx
from ..critic.request import Critic, dialect_name
from ..critic.store import Store
from ..errors import PersonaError, shorten
from ..files import safe_name, write_bytes, write_text
from ..masking import shown_url
from ..settings import Settings
from . import batchfile
from .batchfile import Collected, Dialects, Wanted

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
ROUNDS = 3
"""So often what failed is sent again by itself, as long as a round brings verdicts or another way of asking."""


@dataclass
class Sent:
    """One file that was sent. Without a ``batch`` the process ended between the upload and the batch's creation."""

    model: str
    base_url: str
    requests: int
    file: str
    batch: str | None = None
    collected: bool = False


@dataclass
class State:
    """What was sent and not yet fetched, on disk at every step, so that nothing that was paid for is lost."""

    path: Path
    sent: list[Sent] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, path: Path) -> State:
        """Return the state in ``path``, or an empty one; raise ``PersonaError`` where the file is broken."""
        if not path.exists():
            return cls(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, [Sent(**one) for one in data["sent"]], set(data["cut"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PersonaError(
                f"{path}: not a state file of --batch-submit ({shorten(error, 60)}); move it away"
            ) from None

    def save(self) -> None:
        """Write the state, whole or not at all."""
        data = {"sent": [asdict(one) for one in self.sent], "cut": sorted(self.cut)}
        write_text(self.path, json.dumps(data, indent=1))


class Submission:
    """The batches of one scoring. Batches that an earlier run sent are waited for instead of sent again.

    ``folder`` keeps the state, the requests and the results; ``poll`` is the time between two looks at a batch,
    seconds. Every method raises ``PersonaError`` where the endpoint takes no batches or rejects one.
    """

    def __init__(
        self, votes: Mapping[str, Wanted], settings: Settings, store: Store, folder: Path, poll: float = 30.0
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PersonaError(f"{folder}: {error.strerror}") from None
        self.votes, self.settings, self.store, self.folder, self.poll = votes, settings, store, folder, poll
        self.state, self.dialects = State.load(folder / "state.json"), Dialects(settings, store)
        self.critics = {(vote.critic.model, _address(vote.critic)): vote.critic for vote in votes.values()}
        self._clients: dict[Critic, openai.OpenAI] = {}
        self._checked = False
        self._took: dict[str, Usage] = {}

    def run(self) -> Collected:
        """Send what the store lacks, wait for it, put the verdicts into the store; return what is missing, and why."""
        found = self._finish()
        for _ in range(ROUNDS):
            if not (todo := batchfile.lacking(self.votes, self.store)):
                break
            self._learn()
            before = {critic: repr(self.dialects[critic]) for critic in self.critics.values()}
            self._send(todo)
            found = self._finish()
            learned = any(repr(self.dialects[critic]) != was for critic, was in before.items())
            if len(batchfile.lacking(self.votes, self.store)) == len(todo) and not learned:
                break
        return found

    def _learn(self) -> None:
        """Ask each critic one question live, before the first batch: a wrong key or model shows now and not in hours."""
        if self._checked:
            return
        check(self.settings)
        for critic in self.critics.values():
            name = dialect_name(critic, self.settings)
            if (learned := dialects.get((name, critic.base_url))) is not None:
                self.dialects[critic] = replace(learned)
        self._checked = True

    def _send(self, todo: Mapping[str, Wanted]) -> None:
        for critic in dict.fromkeys(vote.critic for vote in todo.values()):
            mine = {key: vote for key, vote in todo.items() if vote.critic == critic}
            name = self.folder / f"requests-{len(self.state.sent) + 1:03d}.jsonl"
            for path in batchfile.write(name, mine, self.settings, self.dialects, self.state.cut):
                with path.open("rb") as file:
                    count = sum(1 for _ in file)
                    file.seek(0)
                    with self._client(critic) as client:
                        uploaded = client.files.create(file=file, purpose="batch")
                sent = Sent(critic.model, _address(critic), count, uploaded.id)
                self.state.sent.append(sent)
                self.state.save()
                self._create(sent, critic)

    def _create(self, sent: Sent, critic: Critic) -> None:
        with self._client(critic) as client:
            made = client.batches.create(input_file_id=sent.file, endpoint=batchfile.URL, completion_window="24h")
        sent.batch = made.id
        self.state.save()
        say(f"sent {sent.requests} judgements to {critic.host} as {shorten(made.id, 80)}")

    def _finish(self) -> Collected:
        """Wait for every batch that is not collected, and collect it."""
        results: list[Path] = []
        for sent in self.state.sent:
            critic = self.critics.get((sent.model, _address(Critic(sent.model, sent.base_url))))
            if sent.collected or critic is None:
                continue
            if sent.batch is None:
                sent.batch = self._created_before(sent, critic)
            if sent.batch is None:
                self._create(sent, critic)
            batch = self._wait(sent, critic)
            results += (files := self._fetch(batch, critic))
            found = batchfile.collect(files, self.votes, self.settings, self.store, self.dialects)
            self._note(found.took)
            self.state.cut = {key for key in self.state.cut | found.cut if not self._has(key)}
            sent.collected = True
            self.state.save()
            for note in found.notes():
                say(note)
            if batch.status == "failed":
                raise PersonaError(f"{critic.host} rejected the batch {shorten(batch.id, 80)}: {_why(batch)}")
        last = batchfile.collect(results, self.votes, self.settings, self.store, Dialects(self.settings))
        last.took = self._took
        return last

    def _note(self, took: Mapping[str, Usage]) -> None:
        """Add what results took: a vote whose first reply was cut was paid for twice."""
        for key, usage in took.items():
            self._took[key] = self._took.get(key, Usage()).plus(usage)

    def _has(self, key: str) -> bool:
        return key in self.votes and self.store.get(key, self.votes[key].protocol) is not None

    def _created_before(self, sent: Sent, critic: Critic) -> str | None:
        """Return the batch over the uploaded file, where the process ended before it could note its id."""
        with self._client(critic) as client:
            return next(
                (batch.id for batch in client.batches.list(limit=100) if batch.input_file_id == sent.file), None
            )

    def _wait(self, sent: Sent, critic: Critic) -> Batch:
        assert sent.batch is not None
        with tqdm(total=sent.requests, desc=f"batch {shorten(sent.batch, 80)}", unit="verdict", file=sys.stderr) as bar:
            try:
                while True:
                    with self._client(critic) as client:
                        batch = client.batches.retrieve(sent.batch)
                    if batch.request_counts is not None:
                        bar.update(batch.request_counts.completed + batch.request_counts.failed - bar.n)
                    bar.set_postfix_str(shorten(batch.status, 40))
                    if batch.status in ENDED:
                        return batch
                    time.sleep(self.poll)
            except KeyboardInterrupt:
                bar.close()
                say(
                    f"the batch {shorten(sent.batch, 80)} goes on at {critic.host}; run the same command again to collect it"
                )
                raise

    def _fetch(self, batch: Batch, critic: Critic) -> list[Path]:
        files = []
        for kind, name in (("output", batch.output_file_id), ("error", batch.error_file_id)):
            if name:
                files.append(path := self.folder / f"{kind}-{safe_name(batch.id)}.jsonl")
                with self._client(critic) as client:
                    content = _content(client, name)
                write_bytes(path, content)
        return files

    @contextmanager
    def _client(self, critic: Critic) -> Iterator[openai.OpenAI]:
        """Lend the client of a critic's endpoint, and turn its errors into one line."""
        if critic not in self._clients:
            secret = critic.secret(self.settings)
            announce(critic.notes(self.settings))
            # Azure's dated API takes its key in another header than the client sends.
            signed = {**keys.own_headers(critic.base_url, os.environ), **credentials(critic.base_url, secret)}
            sign = partial(_sign, signed)
            with faults.building(os.environ):
                self._clients[critic] = openai.OpenAI(
                    api_key=secret or "none",
                    base_url=joined(critic.base_url, "").partition("?")[0],
                    default_query=dict(query(critic.base_url)),
                    timeout=max(600.0, self.settings.critic_timeout),
                    max_retries=self.settings.critic_attempts,
                    default_headers=keys.left_out(os.environ),  # type: ignore[arg-type]
                    # A redirect would carry the answers on, and where host and port stay, the key.
                    http_client=openai.DefaultHttpxClient(follow_redirects=False, event_hooks={"request": [sign]}),
                )
        try:
            yield self._clients[critic]
        except openai.NotFoundError:
            raise PersonaError(
                f"{critic.host} has no files and batches, or no longer these (HTTP 404): write the requests with"
                " --batch-out and run them there (vllm run-batch), or score live"
            ) from None
        except openai.APIStatusError as error:
            message = rejection.of(error.body, error.status_code).message or "no reason given"
            raise PersonaError(f"{critic.host}: HTTP {error.status_code}: {shorten(message, 160)}") from None
        except (openai.OpenAIError, httpx.HTTPError) as error:
            message = faults.described(error)
            raise PersonaError(f"{critic.host}: {message}; a batch that was sent goes on: run the same again") from None


def _why(batch: Batch) -> str:
    listed = (batch.errors.data if batch.errors else None) or []
    return shorten(
        "; ".join(f"line {e.line}: {e.message}" if e.line else str(e.message) for e in listed) or "no reason"
    )


def _address(critic: Critic) -> str:
    # What lies on disk holds no login and no key of an address.
    return shown_url(critic.address)


def _sign(headers: Mapping[str, str], request: Any) -> None:
    """Give a request of the client's our headers: the key, or none, and what else is for this host."""
    request.headers.pop("Authorization", None)
    request.headers.update(headers)


def _content(client: openai.OpenAI, name: str) -> bytes:
    """Return a file's content, also where the endpoint keeps it elsewhere; there goes no header of ours."""
    try:
        return client.files.content(name).read()
    except openai.APIStatusError as error:
        if (onward := error.response.headers.get("Location")) is None or not 300 < error.status_code < 400:
            raise
        target = error.response.url.join(onward)
    return httpx.get(target, follow_redirects=True, timeout=600).raise_for_status().content
