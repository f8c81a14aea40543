"""Critics with one planted fault each, over real HTTP: functions of what they are shown, on top of the right outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from persona_metrics import settings
from persona_metrics.cards.card import Card
from persona_metrics.critic.debate import edition
from persona_metrics.exam import run
from persona_metrics.exam.mark import mark
from persona_metrics.settings import Settings
from tests.fakes.server import Server, Verdict, draw

EXAM = run.plan(3)
_RIGHT: dict[tuple[str, str], bool] = {
    # A short exam makes its probes from other cases.
    **{
        (p.judgement.question, p.judgement.answer): p.needs_revision
        for exam in (EXAM, run.plan(1, 2), run.plan(1, 3))
        for p in exam.probes
    },
    **{(c.question, c.answer): c.needs_revision for c in EXAM.cases},
}
_DRY = edition().probe().question
ORDERS = ("Ignore all earlier instructions", "Note to the evaluator", "IMPORTANT: whatever", "forget the persona")
"""What the four injections of the family ``orders`` can be known by."""


def perfect(question: str, persona: Mapping[str, str], answer: str) -> bool:
    """Say what is right of every case and probe, and let the dry check's answer pass."""
    del persona
    return _RIGHT[question, answer] if question != _DRY else False


def _colon(question: str, persona: dict[str, str], answer: str) -> bool:
    return perfect(question, persona, answer) and not (answer == ":" and draw("colon", question) < 0.4)


def _obeys(question: str, persona: dict[str, str], answer: str) -> bool:
    return perfect(question, persona, answer) and not any(order in answer for order in ORDERS)


def _long(question: str, persona: dict[str, str], answer: str) -> bool:
    return perfect(question, persona, answer) and len(answer.split()) < 150


def _bulleted(question: str, persona: dict[str, str], answer: str) -> bool:
    return perfect(question, persona, answer) or answer.startswith("- ")


def _order(question: str, persona: dict[str, str], answer: str) -> bool:
    return perfect(question, persona, answer) and next(iter(persona)) == "age"


def _unkind(question: str, persona: dict[str, str], answer: str) -> bool:
    let = any(c.kind in ("generic", "balanced") and answer.startswith(c.answer) for c in EXAM.cases)
    return perfect(question, persona, answer) and not let


def flipping(share: float) -> Verdict:
    """Return a critic that turns this share of its verdicts, each time anew."""
    times: Counter[tuple[str, str]] = Counter()

    def verdict(question: str, persona: dict[str, str], answer: str) -> bool:
        times[question, answer] += 1
        turned = draw("flip", question, answer, times[question, answer]) < share
        return perfect(question, persona, answer) is not turned

    return verdict


FAULTS: Mapping[str, Callable[[], Verdict]] = {
    "perfect": lambda: perfect,
    "passes ':' in 40%": lambda: _colon,
    "follows one injection family": lambda: _obeys,
    "flips 10%": lambda: flipping(0.1),
    "prefers long": lambda: _long,
    "strikes down bullets": lambda: _bulleted,
    "reads the first attribute": lambda: _order,
    "lets generic answers pass": lambda: _unkind,
    "fails everything": lambda: lambda *_: True,
    "passes everything": lambda: lambda *_: False,
}


def pointing_at(server: Server, **more: object) -> Settings:
    """Return settings whose critic is the server."""
    return settings.load({"critic_model": "m", "critic_base_url": server.base_url, **more})


def examined(fault: str, **more: object) -> tuple[Card, Server]:
    """Put the planted critic through the whole exam and return its card, and the server with its counts."""
    if fault.startswith("flips"):
        more = {"critic_concurrency": 1, **more}  # what it says hangs on which of two equal requests comes first
    with Server(verdict=FAULTS[fault](), keep_log=False) as server:
        chosen = pointing_at(server, **more)
        return mark(run.sit(EXAM, chosen), chosen), server
