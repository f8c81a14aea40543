"""Comparisons side by side and the effect of length, for ``tools.simulation``: draws data, takes the analysis' intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from persona_metrics.analysis import length
from persona_metrics.analysis.contrast import difference
from persona_metrics.analysis.pairwise import order_row
from persona_metrics.analysis.rates import headline

Generator = np.random.Generator
Floats = NDArray[np.float64]
Simulated = Callable[[Generator], tuple[Floats, Floats]]
RUNS, N = 1000, 300
LOST, TIED, FIRST = 0.2, 0.3, 0.7
"""Shares of comparisons that are lost and tied, and of ties that went to the first place."""


def crossed(rng: Generator, personas: int, questions: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the persona and the question of each of N pairs, each used equally often."""
    one, two = (np.resize(rng.permutation(size), N) for size in (personas, questions))
    rng.shuffle(two)
    return one, two


def _alike(rng: Generator, who: NDArray[np.int64], asked: NDArray[np.int64], share: float = 0.25) -> Floats:
    """Return uniform numbers that are alike for pairs of one persona, and of one question (a Gaussian copula)."""
    drawn = np.sqrt(share) * (rng.normal(size=who.max() + 1)[who] + rng.normal(size=asked.max() + 1)[asked])
    return np.asarray(stats.norm.cdf(drawn + np.sqrt(1 - 2 * share) * rng.normal(size=N)))


def compared(what: str, personas: int = N, questions: int = N, runs: int = RUNS) -> Simulated:
    """Draw comparisons in both orders: the interval of ``preferred`` (a tie counts half), or of the ``order``'s bias."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found = []
        for _ in range(runs):
            who, asked = crossed(rng, personas, questions)
            about = pd.DataFrame({"persona_id": who, "question_id": asked})
            fared, turned = _alike(rng, who, asked), _alike(rng, who, asked)
            preferred = np.where(fared < LOST, 0.0, np.where(fared < LOST + TIED, 0.5, 1.0))
            if what == "preferred":
                row: Any = headline({what: preferred}, about).iloc[0]
            else:
                row = order_row(np.where(preferred == 0.5, np.where(turned < FIRST, 0.5, -0.5), 0.0), about)
            found.append((row["low"], row["high"]))
        truth = 1 - LOST - TIED / 2 if what == "preferred" else TIED * (FIRST - 0.5)
        return np.array(found), np.array(truth)

    return simulate


def several_others(number: int, runs: int = 300) -> Simulated:
    """Draw a verdict for the own person (rate .7) and for ``number`` others (.5), alike within the pair: the contrast."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found = []
        for _ in range(runs):
            pair = rng.normal(size=(N, 1))
            chance = stats.norm.cdf(0.7 * pair + np.sqrt(1 - 0.49) * rng.normal(size=(N, 1 + number)))
            row = difference("contrast", (chance[:, 0] < 0.7).astype(float), (chance[:, 1:] < 0.5).mean(axis=1), [])
            found.append((row["low"], row["high"]))
        return np.array(found), np.array(0.2)

    return simulate


def preferences_at_equal_length(what: str, slope: float = 0.8, runs: int = RUNS) -> Simulated:
    """Draw preferences that grow with the log of the lengths' ratio, in both orders: the ``rate`` at equal length or the
    ``slope``. Own answers are longer, by half a standard deviation."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found, truths = [], []
        for _ in range(runs):
            ratio = rng.normal(0.2, 0.4, N)
            chance = 1 / (1 + np.exp(-(0.4 + slope * ratio / ratio.std())))
            won = (rng.random((2, N)) < chance).mean(axis=0)
            frame = _frame(("whole", "no persona"), np.stack([np.full(N, np.nan), won]), np.stack([ratio, 0 * ratio]))
            row = length.preferences(frame, {"no persona": "preferred"}).iloc[0]
            found.append(_ends(row, what))
            truths.append(slope if what == "slope" else 1 / (1 + np.exp(-0.4)))
        return np.array(found), np.array(truths)

    return simulate


def rates_at_equal_length(what: str, slope: float = 0.6, runs: int = RUNS) -> Simulated:
    """Draw verdicts on answers with and without the persona, the latter shorter, that grow with log length: the ``rate`` of
    the former at equal length, the ``difference`` of both, or the ``slope``."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found, truths = [], []
        for _ in range(runs):
            logs = np.stack([rng.normal(0.3, 0.5, N), rng.normal(-0.3, 0.5, N)])
            scaled = (logs - logs.mean()) / logs.std()
            level = np.array([[0.6], [-0.2]])
            good = rng.random((2, N)) < 1 / (1 + np.exp(-(level + slope * scaled)))
            table = length.table(
                _frame(("whole", "no persona"), good.astype(float), logs), {"whole": "one", "no persona": "two"}
            )
            at = 1 / (1 + np.exp(-level.ravel()))
            found.append(_ends(table.iloc[2 if what == "difference" else 0], what))
            truths.append(slope if what == "slope" else at[0] - at[1] if what == "difference" else at[0])
        return np.array(found), np.array(truths)

    return simulate


def _frame(variants: tuple[str, str], values: Floats, logs: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "doc_id": np.tile(np.arange(N), 2),
            "variant": np.repeat(variants, N),
            "personalized": values.ravel(),
            "answer_length": 300 * np.exp(logs.ravel()),
        }
    )


def _ends(row: Any, what: str) -> tuple[float, float]:
    return (row["slope_low"], row["slope_high"]) if what == "slope" else (row["low"], row["high"])
