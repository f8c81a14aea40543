"""Does the loop from verdicts to better answers do what it says? Everything planted, so that every number can be computed.

    python -m bench.improve

Prints the paired table of a revised run against the planted rates, best-of-k by the reward against pass@k, the step at
which the canary stops a planted hacker, and how ``rewards.choice`` moves a tiny random policy on its training items. What
this shows and what it does not is in docs/improve.md. Ends with exit code 1 where a number is not the computed one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from persona_metrics import rewards, settings
from persona_metrics.dataset.sources import load_personas
from persona_metrics.errors import PersonaError
from persona_metrics.evaluations.choice import Choice
from persona_metrics.evaluations.judgefree import Ask, Document, picks
from persona_metrics.evaluations.letters import letters
from persona_metrics.personas import ATTRIBUTES
from persona_metrics.prompts import render
from persona_metrics.revise import run as revision
from persona_metrics.revise.words import lines
from persona_metrics.runs.table import samples
from persona_metrics.statistics.rates import pass_at_k
from tests.fakes.runs import Planted, Texts, write_run
from tests.fakes.server import Server, draw
from tests.revise import planted

ESSAY = "Thank you for this thoughtful question, which has many sides that all deserve care and patience. " * 6
FEATURES = 4096
RATE = 0.3


def main() -> int:
    """Run the four parts; return 0 where every number is the computed one."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder, _environment(Path(folder)):
        parts = (loop(Path(folder)), best_of_k(Path(folder)), hacker(), gradient())
    return 0 if all(parts) else 1


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.update(PERSONA_CRITIC_STORE=str(folder / "s.sqlite"), PERSONA_CARD=str(folder), HF_HUB_OFFLINE="1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _text(pair: Any, variant: Any, usual: str = "") -> str:
    del usual
    return f"{variant.name} " + " ".join(f"{draw(i, pair.id, variant.name):.6f}" for i in range(12))


def _rate(pair: Any, variant: Any) -> float:
    return float(planted.fits(pair.question.text, _text(pair, variant)))


def _critic(server: Server) -> dict[str, Any]:
    return {"critic_model": "critic-x", "critic_base_url": server.base_url}


# -- the loop ------------------------------------------------------------------------------------------------------


def loop(folder: Path, n: int = 300) -> bool:
    """Revise a planted run; the rate after each round has to be the one that the planted draws give."""
    made = Planted(rate=_rate, texts=Texts(answer=_text))
    path = write_run(folder / "run", n=n, planted=made)
    frame = samples(path)
    wanted = [0, 0, 0]
    for row in frame.itertuples():
        texts = [row.answer, *(f"Revised {i} times, {row.answer}" for i in (1, 2))]
        values = [planted.fits(str(row.question), str(text)) for text in texts]
        stop = next((i for i, value in enumerate(values) if value), 2)
        for i in range(3):
            wanted[i] += values[min(i, stop)]
    with planted.server(keep_log=False) as server, contextlib.redirect_stdout(io.StringIO()):
        done = revision.run(path, folder / "revised", "writer", 2, _critic(server))
    (source,) = done.sources
    found = [sum(one.history[i] is True for one in source.revised.values()) for i in range(3)]
    print("\n".join(lines(source, 2)))
    first, second, third = planted.RATES
    expected = [first, first + (1 - first) * second]
    expected.append(expected[1] + (1 - expected[1]) * third)
    said = ", ".join(f"{100 * value:.1f}%" for value in expected)
    print(f"planted: {said} in expectation; by these draws {wanted} of {n}, found {found}\n")
    return found == wanted


# -- best of k -----------------------------------------------------------------------------------------------------


def best_of_k(folder: Path, n: int = 60, k: int = 4) -> bool:
    """Hold the mean of the best reward of k attempts against the run's pass@k, and of the first j in expectation."""
    made = Planted(rate=_rate, texts=Texts(answer=_text))
    frame = samples(write_run(folder / "attempts", ("persona_pass_at_k",), n=n, k=k, planted=made))
    with planted.server(keep_log=False) as server:
        call = partial(rewards.personalized, settings=_critic(server))
        given = asyncio.run(
            call(
                prompts=[None] * len(frame),
                completions=list(frame["answer"]),
                persona=list(frame["persona"]),
                question=list(frame["question"]),
            )
        )
    by_pair = frame.assign(reward=np.array(given, float)).groupby("doc_id")["reward"]
    best, passed = float(by_pair.max().mean()), by_pair.sum().round().astype(int)
    wanted = float(np.mean([pass_at_k(k, int(c), k) for c in passed]))
    verdicts = frame.groupby("doc_id")["personalized"].max().mean()
    print(f"best of {k} by the reward {best:.4f}, pass@{k} {wanted:.4f}, by the run's verdicts {verdicts:.4f}\n")
    return best == wanted == float(verdicts)


# -- a hacker ------------------------------------------------------------------------------------------------------


def hacker(batches: int = 100) -> bool:
    """Train a policy of two arms on a critic that likes length; the canary has to stop it."""

    def likes_length(question: str, persona: dict[str, str], answer: str) -> bool:
        del question
        return len(answer) < 400 and f"at {persona.get('age')}" not in answer

    rng, lean = np.random.default_rng(0), 0.0
    with Server(verdict=likes_length, keep_log=False) as server:
        call = partial(rewards.personalized, settings=_critic(server))
        for batch in range(1, batches + 1):
            arms = rng.random(8) < 1 / (1 + np.exp(-lean))
            people = [{"age": str(20 + int(age)), "sex": "Female"} for age in rng.integers(0, 60, 8)]
            texts = [ESSAY if arm else f"Soup, number {batch}." for arm in arms]
            try:
                found = asyncio.run(
                    call(prompts=[None] * 8, completions=texts, persona=people, question=["What should I cook?"] * 8)
                )
            except PersonaError as error:
                print(f"hacker, batch {batch}: {error}\n")
                return str(error).startswith("canary: constant essays")
            earned = np.array([0.0 if value is None else value for value in found])
            lean += float(np.sum((earned - earned.mean()) * (arms - arms.mean())))
    print(f"hacker: never stopped in {batches} batches, leans {lean:.1f}\n")
    return False


# -- gradients -----------------------------------------------------------------------------------------------------


def gradient(items: int = 12, steps: int = 200, group: int = 16) -> bool:
    """Move a random linear policy over hashed lines by ``rewards.choice`` alone; print ``adapts`` before and after."""
    chosen = settings.load({"n": items, "critic_store": "off"})
    personas, _ = load_personas(chosen)
    evaluation = Choice.build(chosen, personas)
    documents = evaluation.documents()
    rows = [document.to_row() for document in documents]
    asks = [(i, ask) for i, document in enumerate(documents) for ask in document.asks]
    inputs = np.stack([_features(_prompt(documents[i], ask)) for i, ask in asks])
    widest = max(len(document.options) for document in documents)
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.01, (widest, FEATURES))
    trained = [j for j, (_, ask) in enumerate(asks) if ask.persona is not None and not ask.name.startswith("unrelated")]
    before = _rows(evaluation, rows, asks, inputs, weights)
    for _ in range(steps):
        for j in trained:
            i, ask = asks[j]
            shown = [documents[i].options[o] for o in ask.order]
            chances = _chances(weights[: len(shown)] @ inputs[j])
            sampled = rng.choice(len(shown), size=group, p=chances)
            assert ask.right is not None
            earned = rewards.choice(
                [None] * group,
                [f"{letters(len(shown))[s]}." for s in sampled],
                options=[shown] * group,
                right=[ask.order.index(ask.right)] * group,
            )
            advantage = np.array(earned, float) - np.mean(np.array(earned, float))
            for s, gain in zip(sampled, advantage, strict=True):
                # REINFORCE with the group's mean as its baseline (Williams 1992).
                weights[: len(shown)] += RATE * gain / group * np.outer(np.eye(len(shown))[s] - chances, inputs[j])
    after = _rows(evaluation, rows, asks, inputs, weights)
    print(f"rewards.choice on {items} training items, {steps} steps: adapts {before:.2f} before, {after:.2f} after")
    return after > before


def _prompt(document: Document, ask: Ask) -> str:
    shown = None if ask.persona is None else {n: v for n in ATTRIBUTES if (v := ask.persona.attributes.get(n))}
    options = list(zip(letters(len(ask.order)), (document.options[i] for i in ask.order), strict=True))
    return render(Choice.template, persona=shown, question=document.question.text, options=options)


def _features(text: str) -> NDArray[np.float64]:
    vector = np.zeros(FEATURES)
    for line in text.splitlines():
        vector[int.from_bytes(hashlib.sha256(line.encode()).digest()[:4], "big") % FEATURES] = 1.0
    return np.asarray(vector / np.linalg.norm(vector) * 4)


def _chances(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def _rows(evaluation: Choice, rows: Any, asks: Any, inputs: Any, weights: Any) -> float:
    values = []
    for i, row in enumerate(rows):
        replies = []
        for j, (k, ask) in enumerate(asks):
            if k == i:
                best = int(np.argmax(weights[: len(ask.order)] @ inputs[j]))
                replies.append([f"{letters(best + 1)[-1]}."])
        values.append(evaluation.score(row, picks(row, replies))["adapts"])
    return float(np.mean(np.array(values, float)))


if __name__ == "__main__":
    sys.exit(main())
