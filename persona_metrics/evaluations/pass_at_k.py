"""Pass@k: how many independent attempts a model needs (estimator of Chen et al. 2021, arXiv 2107.03374)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from ..personas import Persona
from ..settings import Settings
from ..statistics.rates import expected_attempts, pass_at_k, pass_hat_k
from .base import Evaluation, Outcome, Row, Variant, shares


@dataclass(frozen=True)
class PassAtK(Evaluation):
    """K variants a pair: the same prompt, each with a seed of its own, none of which sees another's answer."""

    name = "pass_at_k"
    temperature = 1.0
    k: int = 16
    seed: int = 0

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:  # noqa: ARG003
        """Take ``k`` and the seed of the run."""
        return cls(settings.k, settings.seed)

    @property
    def steps(self) -> tuple[int, ...]:
        """Return 1, 2, 4, … doubling up to K, and K itself."""
        doubled = [1]
        while doubled[-1] * 2 <= self.k:
            doubled.append(doubled[-1] * 2)
        return (*doubled, self.k) if doubled[-1] != self.k else tuple(doubled)

    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return K attempts with seeds that no other attempt of the pair has."""
        return tuple(Variant(f"attempt {i + 1}", persona, seed=self.seed * 10_000 + i + 1) for i in range(self.k))

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:  # noqa: ARG002
        """Return pass@k and pass^k for every step that enough attempts were judged for, and what all K are needed for.

        With n < K verdicts the estimators are unbiased for k ≤ n; rows beyond that, ``attempts`` and ``never`` leave
        the pair out rather than guess.
        """
        known = [o.personalized for o in outcomes if o.personalized is not None]
        judged, passed = len(known), round(sum(known))
        rows: dict[str, Row] = {}
        for step in self.steps:
            if step <= judged:
                rows[f"pass@{step}"] = pass_at_k(judged, passed, step)
        if self.k > 1:
            for step in self.steps[1:]:
                if step <= judged:
                    rows[f"pass^{step}"] = pass_hat_k(judged, passed, step)
            if judged == self.k:
                rows["attempts"] = expected_attempts(judged, passed)
                rows["never"] = float(passed == 0)
            answers = [o.answer for o in outcomes if o.answer is not None]
            if answers:
                rows["distinct_answers"] = len(set(answers)) / len(answers)
        return {**rows, **shares(outcomes)}

    def remarks(self, pairs: Iterable[Sequence[Outcome]]) -> list[str]:
        """Warn where all attempts of every pair gave one and the same answer: they were no attempts."""
        given = [[o.answer for o in outcomes if o.answer is not None] for outcomes in pairs]
        repeated = [answers for answers in given if len(answers) > 1]
        if not repeated or any(len(set(answers)) > 1 for answers in repeated):
            return []
        return [
            f"the {self.k} attempts of every pair gave one and the same answer: the endpoint ignores seeds or samples"
            " greedily, so pass@k is pass@1 here; raise the temperature (--gen_kwargs temperature=1) or change endpoint"
        ]

    def record(self) -> dict[str, Any]:
        """Return K."""
        return {"k": self.k}
