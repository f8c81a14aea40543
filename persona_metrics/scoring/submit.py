"""Sends batch files through the ``openai`` client, waits, and fetches the results; a state file lets it go on later."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import openai
from openai.types import Batch
from tqdm import tqdm

from ..critic import check, rejection
from ..critic.address import credentials, joined, query
from ..critic.client import dialects
from ..critic.request import Critic
from ..critic.store import Store
from ..errors import PersonaError, shorten
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
        unfinished = self.path.with_name(self.path.name + ".part")
        data = {"sent": [asdict(one) for one in self.sent], "cut": sorted(self.cut)}
        try:
            unfinished.write_text(json.dumps(data, indent=1), encoding="utf-8")
            unfinished.replace(self.path)
        except OSError as error:
            raise PersonaError(f"{self.path}: cannot be written: {error.strerror}") from None


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
        self.state, self.dialects = State.load(folder / "state.json"), Dialects()
        self.critics = {(vote.critic.model, vote.critic.base_url): vote.critic for vote in votes.values()}
        self._clients: dict[Critic, openai.OpenAI] = {}
        self._checked = False

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
            if (learned := dialects.get((critic.model, critic.base_url))) is not None:
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
                sent = Sent(critic.model, critic.base_url, count, uploaded.id)
                self.state.sent.append(sent)
                self.state.save()
                self._create(sent, critic)

    def _create(self, sent: Sent, critic: Critic) -> None:
        with self._client(critic) as client:
            made = client.batches.create(input_file_id=sent.file, endpoint=batchfile.URL, completion_window="24h")
        sent.batch = made.id
        self.state.save()
        _say(f"sent {sent.requests} judgements to {critic.host} as {made.id}")

    def _finish(self) -> Collected:
        """Wait for every batch that is not collected, and collect it."""
        results: list[Path] = []
        for sent in self.state.sent:
            critic = self.critics.get((sent.model, sent.base_url))
            if sent.collected or critic is None:
                continue
            if sent.batch is None:
                sent.batch = self._created_before(sent, critic)
            if sent.batch is None:
                self._create(sent, critic)
            batch = self._wait(sent, critic)
            results += (files := self._fetch(batch, critic))
            found = batchfile.collect(files, self.votes, self.settings, self.store, self.dialects)
            self.state.cut = {key for key in self.state.cut | found.cut if not self._has(key)}
            sent.collected = True
            self.state.save()
            for note in found.notes():
                _say(note)
            if batch.status == "failed":
                raise PersonaError(f"{critic.host} rejected the batch {batch.id}: {_why(batch)}")
        return batchfile.collect(results, self.votes, self.settings, self.store, Dialects())

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
        with tqdm(total=sent.requests, desc=f"batch {sent.batch}", unit="verdict", file=sys.stderr) as bar:
            try:
                while True:
                    with self._client(critic) as client:
                        batch = client.batches.retrieve(sent.batch)
                    if batch.request_counts is not None:
                        bar.update(batch.request_counts.completed + batch.request_counts.failed - bar.n)
                    bar.set_postfix_str(batch.status)
                    if batch.status in ENDED:
                        return batch
                    time.sleep(self.poll)
            except KeyboardInterrupt:
                bar.close()
                _say(f"the batch {sent.batch} goes on at {critic.host}; run the same command again to collect it")
                raise

    def _fetch(self, batch: Batch, critic: Critic) -> list[Path]:
        files = []
        for kind, name in (("output", batch.output_file_id), ("error", batch.error_file_id)):
            if name:
                files.append(path := self.folder / f"{kind}-{_safe(batch.id)}.jsonl")
                with self._client(critic) as client:
                    content = client.files.content(name).read()
                try:
                    path.write_bytes(content)
                except OSError as error:
                    raise PersonaError(f"{path}: cannot be written: {error.strerror}") from None
        return files

    @contextmanager
    def _client(self, critic: Critic) -> Iterator[openai.OpenAI]:
        """Lend the client of a critic's endpoint, and turn its errors into one line."""
        secret = critic.secret(self.settings)
        if critic not in self._clients:
            self._clients[critic] = openai.OpenAI(
                api_key=secret or "none",
                base_url=joined(critic.base_url, "").partition("?")[0],
                default_query=dict(query(critic.base_url)),
                default_headers=credentials(critic.base_url, secret),
                timeout=max(600.0, self.settings.critic_timeout),
                max_retries=self.settings.critic_attempts,
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
            raise PersonaError(
                f"{critic.host}: HTTP {error.status_code}: {shorten(_without(secret, message), 160)}"
            ) from None
        except openai.OpenAIError as error:
            message = shorten(_without(secret, str(error.__cause__ or error)))
            raise PersonaError(f"{critic.host}: {message}; a batch that was sent goes on: run the same again") from None


def _why(batch: Batch) -> str:
    listed = (batch.errors.data if batch.errors else None) or []
    return shorten(
        "; ".join(f"line {e.line}: {e.message}" if e.line else str(e.message) for e in listed) or "no reason"
    )


def _without(secret: str | None, text: str) -> str:
    # Some servers repeat the key they reject.
    return text.replace(secret, "***") if secret else text


def _safe(name: str) -> str:
    # The id is the endpoint's word; it must not lead out of the folder.
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:80]


def _say(text: str) -> None:
    print(f"persona-metrics: {text}", file=sys.stderr, flush=True)
