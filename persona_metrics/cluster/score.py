"""``score --engine ray``: answers of any number judged by actors, one results file of all. The driver holds sums."""

from __future__ import annotations

import shutil
import time
import uuid
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq

from ..consoles import say
from ..critic import check_once
from ..critic.budget import Ledger, Spent, ledger, require_prices
from ..critic.request import panel
from ..critic.store import OFF, default_path
from ..errors import PersonaError, shorten
from ..evaluations import evaluation_of
from ..evaluations.intersectionality import Intersectionality
from ..evaluations.main import Main
from ..files import check_folder
from ..harness.remarks import of_sums
from ..harness.spending import Spending
from ..personas import Persona
from ..scoring import outcome
from ..scoring.outcome import Whole
from ..scoring.outcomes import Outcomes
from ..scoring.people import Grouped, wanted_by
from ..scoring.pieces import Terms, terms
from ..scoring.rows import Sums
from ..scoring.stream import Hashes
from ..scoring.streamed import announce
from ..scoring.survey import Survey, survey
from ..scoring.table import pair_in
from ..settings import Settings, load
from . import engine, groups, inside, shards
from .actor import RayJudge
from .inside import Inside
from .judge import SAMPLES, Summary
from .orders import Orders
from .spans import Span, cut, rows_of
from .till import Till, too_many

IN_FLIGHT = 2
"""Spans that an actor has at once: the end of one never waits for the slowest of its calls."""
SURVEYED = 64
"""Spans that one task looks through."""
JOINED = 100_000
"""Up to so many samples are also written as one samples_*.jsonl, which reports read."""
CLUSTERED = 50_000_000
"""Up to so many judged pairs the design effect is made, for 16 bytes each in the driver."""


def score(
    path: str,
    out: Path,
    overrides: Mapping[str, Any],
    *,
    task: str = "persona_main",
    model: str | None = None,
    evaluation: str = Main.name,
    address: str | None = None,
    actors: int | None = None,
    rows: int | None = None,
    vllm: Inside | None = None,
) -> list[Path]:
    """Judge the answers at ``path`` and write shards of samples and one results file below ``out``; return what to read.

    ``out`` has to be a folder that every machine sees. ``rows`` is a span's size. ``vllm`` is a critic inside the cluster,
    which judges what the stores lack before any span is scored. Raises ``PersonaError`` where the run
    cannot go on; what is judged by then is kept, and the same command asks for the rest alone.
    """
    check_folder(out)
    began = time.time()
    if vllm is not None:
        overrides = vllm.settings(overrides)
        vllm.require(load(overrides, where="--metadata"))
    with engine.started(address) as ray:
        if vllm is not None:
            inside.require_gpu(ray)
        grouped = evaluation in groups.GROUPED
        spans = engine.spans(ray, path, rows, groups.cut_whole if grouped else cut)
        several = _looked(ray, spans, evaluation, model) if grouped else None
        found = _surveyed(ray, spans, model) if several is None else several.found
        if found.apart:
            raise PersonaError(f"--engine ray judges every line by itself: {found.apart}; score it in one process")
        origin, kind = shorten(path.rpartition("/")[2] or path), evaluation_of(evaluation)
        people = _people(ray, spans, found, overrides, model) if kind is Intersectionality else []
        agreed = (
            terms(task, found, overrides, model, origin, kind, people)
            if several is None
            else groups.terms(task, evaluation, several, overrides, model, origin)
        )
        pairs = found.rows if several is None else sum(several.sizes)
        chosen = agreed.settings
        require_prices(chosen, panel(chosen))
        if any(critic.model == "embedded" for critic in panel(chosen)):
            raise PersonaError("--engine ray: the embedded critic lives in one process; name a critic with an endpoint")
        announce(agreed, pairs, found.rows, tuple(found.unknown))
        if vllm is None:
            check_once(chosen)
        count = min(len(spans), actors or max(1, int(ray.cluster_resources().get("CPU", 1))))
        orders = Orders(
            agreed,
            out.resolve(),
            tuple(_stores(chosen, out)),
            count,
            model,
            uuid.uuid4().hex[:8],
            starts=None if several is None else several.starts,
        )
        asked = None
        if vllm is not None:
            orders, asked = inside.judged(ray, spans, orders, vllm, found.rows)
        run = _Run(ray, orders, found, count, asked)
        run.all(spans)
        _tidy(out, len(spans), agreed.task, began)
        return run.close(out)


def _tidy(out: Path, spans: int, task: str, began: float) -> None:
    """Remove the shards of samples that an earlier run into the same folder left beyond this one's, and what kills left."""
    for path in (out / SAMPLES).glob("part-*.parquet"):
        if path.stem.removeprefix("part-").isdigit() and int(path.stem.removeprefix("part-")) >= spans:
            path.unlink()
    for path in (out / SAMPLES).glob(".part-*.part"):  # nobody writes there any more
        path.unlink(missing_ok=True)
    for path in (*out.glob(f".{task}-*.part"), *out.glob(".[0-9]*.part")):
        if path.stat().st_mtime < began:  # another command may be writing its own
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _stores(settings: Settings, out: Path) -> Iterator[str]:
    if settings.critic_store != OFF:
        yield str(Path(settings.critic_store).expanduser() if settings.critic_store else default_path())
    yield from map(str, shards.found(out.resolve()))


def _looked_through(ray: ModuleType, spans: Sequence[Span], look: Callable[..., Any], *given: Any) -> list[Any]:
    """Return what ``look`` finds in some spans after the other, by tasks of the cluster where they are many."""
    parts = [spans[i : i + SURVEYED] for i in range(0, len(spans), SURVEYED)]
    try:
        if len(parts) == 1:
            return [look(parts[0], *given)]
        task = ray.remote(look)
        found: list[Any] = ray.get([task.remote(part, *given) for part in parts])
    except Exception as error:
        raise engine.cause(error) from None
    return found


def _surveyed(ray: ModuleType, spans: Sequence[Span], model: str | None) -> Survey:
    joined = _joined(_looked_through(ray, spans, _survey, None))
    if model is not None and len(joined.models) > 1 and model in joined.models:
        joined = _joined(_looked_through(ray, spans, _survey, model))
    return joined


def _looked(ray: ModuleType, spans: Sequence[Span], evaluation: str, model: str | None) -> groups.Groups:
    def look(only: str | None) -> groups.Groups:
        made = groups.Groups()
        for part in _looked_through(ray, spans, groups.look, evaluation, only):
            made = made.joined(part)
        return made

    found = look(None)
    return look(model) if len(found.found.models) > 1 and model in found.found.models else found


def _survey(spans: Sequence[Span], model: str | None) -> Survey:
    lines = ((where, row) for span in spans for _, where, row in rows_of(span))
    found = survey((where, row) for where, row in lines if model is None or row.get("model") == model)
    found.forget()
    return found


def _people(
    ray: ModuleType, spans: Sequence[Span], found: Survey, overrides: Mapping[str, Any], model: str | None
) -> list[Persona]:
    """Return every pair's person, less what no intersection asks for."""
    wanted = wanted_by(load({"n": found.rows, **overrides}, where="--metadata"), found.columns)
    if not wanted:
        raise PersonaError(
            "--engine ray: these people do not all state sex and age: name the intersections with cross=… or"
            " intersection_json=…, or score them in one process"
        )
    grouped = Grouped(wanted)
    for kinds, codes in _looked_through(ray, spans, _stated, model, wanted):
        for code in codes:
            grouped.add(kinds[code])
    return grouped.people


def _stated(spans: Sequence[Span], model: str | None, wanted: Collection[str]) -> tuple[list[Mapping[str, str]], Any]:
    """Return the different people of some spans, less what is not ``wanted``, and which of them each row's is."""
    grouped = Grouped(wanted)
    for number, where, row in (one for span in spans for one in rows_of(span)):
        if model is None or row.get("model") == model:
            grouped.add(pair_in(row, where, number, {}).persona.attributes)
    different = {id(persona): persona for persona in grouped.people}
    places = {key: place for place, key in enumerate(different)}
    return [one.attributes for one in different.values()], array("I", (places[id(one)] for one in grouped.people))


def _joined(parts: Any) -> Survey:
    made = Survey()
    for part in parts:
        made = made.joined(part)
    return made


class _Run:
    """What comes in from the actors, in the spans' order."""

    def __init__(
        self, ray: ModuleType, orders: Orders, found: Survey, actors: int, asked: Ledger | None = None
    ) -> None:
        self._ray, self._orders, self._actors, self._total = ray, orders, actors, found.rows
        self.sums, self.hashes = Sums(orders.terms.evaluation.aggregates()), Hashes()
        self.first: Any = None
        self.failed = self.replies = 0
        self.outcomes: list[Outcomes] = []
        self.example: str | None = None
        self._spent: dict[str, Ledger] = {} if asked is None else {"": asked}
        self._stored: Counter[tuple[str, str]] = Counter()
        self._seconds = 0.0
        self.judged = 0
        self.missing: Counter[str] = Counter()
        self._next = 0

    def all(self, spans: Sequence[Span]) -> None:
        """Have every span judged; raise ``PersonaError`` where the run stopped."""
        ray = self._ray
        chosen = self._orders.terms.settings
        # It begins anew where it is killed, and whoever asked it meanwhile waits for that.
        kept = {"name": f"persona-till-{self._orders.run}", "max_restarts": -1, "max_task_retries": -1}
        till = (
            ray.remote(Till).options(num_cpus=0, **kept).remote(chosen, self._total, self._orders.out, self._orders.run)
        )
        strategy = ray.data.ActorPoolStrategy(size=self._actors, max_concurrent_calls_per_actor=IN_FLIGHT)
        judged = engine.dataset(ray, spans).map_batches(
            RayJudge,
            fn_constructor_args=(self._orders, till),
            batch_size=1,
            compute=strategy,
            num_cpus=min(1.0, float(ray.cluster_resources().get("CPU", 1)) / (2 * self._actors)),
        )
        waiting: dict[int, Summary] = {}
        stopped: str | None = None
        began = time.monotonic()
        try:
            for batch in judged.iter_batches(batch_size=1, prefetch_batches=0):
                for packed in batch["summary"]:
                    one = Summary.unpacked(bytes(packed))
                    stopped = stopped or one.stopped
                    if one.spent is not None:
                        self._spend(one)
                    waiting[one.span] = one
                while not stopped and (following := waiting.pop(self._next, None)) is not None:
                    self._add(following)
                    if (many := too_many(chosen, self.missing, self._total)) is not None:
                        stopped = many
                        till.end.remote(many)
        except PersonaError:
            raise
        except Exception as error:
            raise self._broken(error) from None
        self._enter(time.monotonic() - began)
        if stopped:
            raise PersonaError(f"{stopped}; {shards.kept(self._orders.out)}")

    def _spend(self, one: Summary) -> None:
        assert one.spent is not None
        before = self._spent.get(one.actor)
        if before is None or one.spent.tokens >= before.tokens:
            self._spent[one.actor] = one.spent

    def _add(self, one: Summary) -> None:
        self._next += 1
        self.sums.add(one.rows, one.pairs, one.texts)
        if self.sums.pairs <= CLUSTERED:
            for judged in one.judged:
                self.sums.clusters.add(*judged)
        for at, pair in enumerate(one.named):
            self.hashes.add_named(pair, one.hashes[32 * at : 32 * at + 32].hex())
        self.hashes.add_data(one.data)
        self.failed, self.replies = self.failed + one.failed, self.replies + one.replies
        self.outcomes += [] if one.outcomes is None else [one.outcomes]
        self.judged += len(one.judged)
        self.missing.update(one.missing)
        self._stored.update(one.stored)
        self.example, self.first = self.example or one.example, self.first or one.first

    def spent(self) -> Ledger:
        """Return what all actors took together, and what the store spared them; the killed by what their shards hold."""
        books = dict(shards.taken(self._orders.out, self._orders.run, self._orders.terms.settings))
        for actor, told in self._spent.items():
            # On some file systems a shard shows less here than its writer has written.
            if actor not in books or books[actor].usage.calls < told.usage.calls:
                books[actor] = told
        total = Ledger(seconds=self._seconds)
        for book in books.values():
            total = Spending(critics=total).plus(Spending(critics=book)).critics
        for spent in total.critics.values():
            spent.stored = 0  # they count again what a killed one had read
        for place, votes in self._stored.items():
            total.critics.setdefault(place, Spent(None)).stored = votes
        return total

    def _enter(self, seconds: float) -> None:
        """Enter it into this process's ledger, from which the closing words are made."""
        self._seconds = seconds
        ledger.critics = Spending(critics=ledger).plus(Spending(critics=self.spent())).critics.critics
        ledger.judged += self.judged
        ledger.missing.update(self.missing)
        ledger.seconds += seconds

    def _broken(self, error: BaseException) -> BaseException:
        found = engine.cause(error)
        if isinstance(found, (PersonaError, KeyboardInterrupt)):
            return found
        return PersonaError(f"--engine ray: {engine.said(found)}; {shards.kept(self._orders.out)}")

    def close(self, out: Path) -> list[Path]:
        """Say what looks wrong, write the results file, and return the paths."""
        agreed, sums = self._orders.terms, self.sums
        headline, ranked, by_group = agreed.evaluation.headline, sums.clusters.ranked(), sums.groups()
        if agreed.evaluation.informed(chain.from_iterable(self.outcomes)) is not agreed.evaluation:
            raise PersonaError(
                f"{sum(self.missing.values())} verdicts are missing, and {agreed.task} completes its pairs by what all of"
                " them say: run the same command again to ask for these, or score in one process; "
                + shards.kept(self._orders.out)
            )
        said = of_sums(headline, self.failed, self.replies, agreed.settings, self.example, ranked, by_group)
        for line in (*said, *agreed.evaluation.remarks(chain.from_iterable(self.outcomes))):
            say(f"warning: {line}")
        whole = Whole.of(sums, self.hashes.pairs, self.hashes.samples, self.spent(), agreed.support)
        digest = self.hashes.data()
        raw = outcome.raw_of(lambda some, n: agreed.given(some, n, digest), self.first, whole)
        held = _samples_joined(out, agreed) if sums.pairs <= JOINED else None
        written = outcome.save(raw, out, whole, held)
        print(outcome.shown(raw))
        return [*written, out / SAMPLES]


def _samples_joined(out: Path, agreed: Terms) -> Path:
    """Write the shards' samples into one file, a row group at a time."""
    held = out / f".{agreed.task}-{id(agreed):x}.part"
    with held.open("wb") as lines:
        for path in sorted((out / SAMPLES).glob("part-*.parquet")):
            with pq.ParquetFile(path) as table:
                for batch in table.iter_batches(columns=["sample"], batch_size=500):
                    lines.writelines(text.encode() + b"\n" for text in batch.column(0).to_pylist())
    return held
