"""Writes what a run has judged so far beside where its results will be, for ``report --watch``; it goes with the run.

One line a pair, when the last of its verdicts is there. What the disk has against it is said once and ends no run.
Knows no lm-eval; the form is ``runs.so_far``'s.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..consoles import say
from ..critic import Verdict
from ..errors import PersonaError
from ..files import scrubbed, unwritable, write_text
from ..runs.so_far import FOLDER, FORMAT, HEAD, samples_name
from .judging import Prepared

SIGN = 20.0
"""Seconds between two signs of life."""
DEAD = 300.0
"""So many seconds after its last sign of life a run is gone, and the next one in its folder clears up after it."""


class SoFar:
    """The folder of one run below ``out``; it is made with the first task, and gone after ``close``."""

    def __init__(self, out: Path, model: str) -> None:
        self.out, self.model = out, model
        self.folder = out / FOLDER / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.tasks: dict[str, dict[str, Any]] = {}
        self._files: dict[str, IO[bytes]] = {}
        self._made, self._began = not out.exists(), time.time()
        self._closed = threading.Event()

    def begin(self, task: str, metadata: Mapping[str, Any], generation: Mapping[str, Any], pairs: int) -> None:
        """Enter a task with what the results will record of it, and how many pairs it has."""
        if self._closed.is_set():
            return
        first = not self.tasks
        told = {"metadata": dict(metadata), "generation": dict(generation), "pairs": pairs}
        self.tasks[task] = json.loads(json.dumps(told, default=str))
        head = {"format": FORMAT, "model": self.model, "began": self._began, "tasks": self.tasks}
        try:
            write_text(self.folder / HEAD, json.dumps(scrubbed(head), ensure_ascii=False))
            if first:
                _clear(self.out / FOLDER)
                threading.Thread(target=self._live, daemon=True).start()
        except (OSError, PersonaError) as error:
            self._give_up(error)

    def add(self, task: str, sample: Mapping[str, Any]) -> None:
        """Add a pair of a task that was begun, in lm-eval's form."""
        if self._closed.is_set() or task not in self.tasks:
            return
        try:
            line = json.dumps(sample, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
            if task not in self._files:
                path = self.folder / samples_name([*self.tasks].index(task))
                self._files[task] = path.open("ab", buffering=0)
            self._files[task].write(line)
        except (OSError, ValueError) as error:
            self._give_up(error)

    def link(self, task: str, samples: Path) -> None:
        """Let a file that the pairs of a task are written to anyway be seen as its samples so far."""
        if self._closed.is_set() or task not in self.tasks:
            return
        try:
            os.link(samples, self.folder / samples_name([*self.tasks].index(task)))
        except (OSError, NotImplementedError) as error:
            self._give_up(error)

    def close(self) -> None:
        """Remove the folder, and what was made for it and is empty."""
        self._closed.set()
        for file in self._files.values():
            with suppress(OSError):
                file.close()
        self._files.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in (self.out / FOLDER, *((self.out,) if self._made else ())):
            with suppress(OSError):
                folder.rmdir()

    def _live(self) -> None:
        while not self._closed.wait(SIGN):
            with suppress(OSError):
                os.utime(self.folder / HEAD)

    def _give_up(self, error: BaseException) -> None:
        self.close()
        reason = error if isinstance(error, PersonaError) else unwritable(self.folder, error)
        say(f"warning: {reason}; the run goes on, but report --watch does not show its samples before it ends")


def _clear(folder: Path) -> None:
    """Remove what runs left that were killed."""
    for head in folder.glob(f"*/{HEAD}"):
        with suppress(OSError):
            if time.time() - head.stat().st_mtime > DEAD:
                shutil.rmtree(head.parent, ignore_errors=True)


# -- this process's run --------------------------------------------------------------------------------------------


@dataclass
class _Process:
    """Where this process's runs write; ``told`` is where Python said that results will be."""

    told: Path | None = None
    run: SoFar | None = None


_process = _Process()


@contextmanager
def into(out: Path | None) -> Iterator[None]:
    """Within this, runs have their results in ``out`` (None: nowhere); what they judged so far is gone at its end."""
    before, _process.told = _process.told, out
    try:
        yield
    finally:
        _process.told = before
        if out is not None:
            _close()


def begin(out: str | None, model: str | None, task: str, metadata: Any, generation: Any, pairs: int) -> SoFar | None:
    """Enter a task into this process's run with results in ``out``; return the run, None where no results go anywhere.

    ``out`` is lm-eval's ``output_path``; where Python said it (``into``), that counts. A task that is there already begins
    a new run.
    """
    place = _process.told or (Path(out) if out else None)
    if place is None:
        return None
    place = place.parent if place.suffix == ".json" else place
    name = str((metadata or {}).get("model_name") or model or "unknown")
    held = _process.run
    if held is None or held.out != place or held.model != name or task in held.tasks:
        _close()
        held = _process.run = SoFar(place, name)
    held.begin(task, metadata or {}, generation or {}, pairs)
    return held


@atexit.register
def _close() -> None:
    held, _process.run = _process.run, None
    if held is not None:
        held.close()


# -- a task's pairs -------------------------------------------------------------------------------------------------


class Pairs:
    """A task's pairs while they are judged; without a run nobody looks.

    ``instances`` are lm-eval's, in the order of the replies.
    """

    def __init__(self, run: SoFar | None = None, task: str = "", instances: Sequence[Any] = ()) -> None:
        self._run, self._task, self._all = run, task, instances
        self._instances: dict[str, list[int]] = {}
        self._ready: Prepared | None = None
        self._left: Counter[str] = Counter()
        self._verdicts: dict[int, dict[int, Verdict]] = {}

    def begin(self, ready: Prepared) -> None:
        """Take what the critic will be asked; pairs that it is asked nothing about are done."""
        if self._run is None:
            return
        for at in range(len(self._all)):
            self._instances.setdefault(self._pair(at), []).append(at)
        self._ready = ready
        self._left = Counter(self._pair(at) for at, _ in ready.waiting)
        for pair in self._instances.keys() - self._left.keys():
            self._write(pair)

    def told(self, position: int, verdict: Verdict) -> None:
        """Take the verdict on a judgement."""
        ready = self._ready
        if ready is None:
            return
        place, part = divmod(position, ready.each)
        verdicts = self._verdicts.setdefault(place, {})
        verdicts[part] = verdict
        if len(verdicts) < ready.each:
            return
        del self._verdicts[place]
        at, made = ready.waiting[place]
        ready.settle(made, [verdicts[i] for i in range(ready.each)])
        pair = self._pair(at)
        self._left[pair] -= 1
        if not self._left[pair]:
            self._write(pair)

    def _pair(self, at: int) -> str:
        return str(self._all[at].doc["pair_id"])

    def _write(self, pair: str) -> None:
        assert self._ready is not None
        assert self._run is not None
        places = self._instances[pair]
        mine = [self._all[at] for at in places]
        sample = {
            "doc_id": mine[0].doc_id,
            "doc": {name: value for name, value in mine[0].doc.items() if name != "variant"},
            "arguments": {
                f"gen_args_{n}": {f"arg_{i}": one for i, one in enumerate(instance.args)}
                for n, instance in enumerate(mine)
            },
            "resps": [[str(reply) for reply in instance.resps] for instance in mine],
            "filtered_resps": [self._ready.results[at] for at in places],
        }
        self._run.add(self._task, sample)
