"""Pass@k: how many independent attempts a model needs (estimator of Chen et al. 2021, arXiv 2107.03374)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from typing_extensions import Self

from ..personas import Persona
from ..settings import Settings
from ..statistics.attempts import Prior, expected, fitted_prior
from .base import Evaluation, Outcome, Row, Variant, shares
from .facts import Fact

DISTINCT = 0.9
"""Below this share of distinct answers among a pair's attempts the run says that they were no independent attempts."""


@dataclass(frozen=True)
class PassAtK(Evaluation):
    """K variants a pair: the same prompt, each with a seed of its own, none of which sees another's answer."""

    name = "pass_at_k"
    title = "Pass@k"
    task = "persona_pass_at_k"
    headline = "pass@1"
    rows = (
        Fact("pass@k", "chance that at least one of k attempts is personalised (unbiased estimator)"),
        Fact("pass^k", "chance that all of k attempts are personalised (unbiased estimator)"),
        Fact(
            "attempts",
            "expected attempts until the first personalised answer, capped at K",
            least=1.0,
            most="k",
            higher_is_better=False,
            unit="attempts",
        ),
        Fact("never", "share of pairs without a personalised answer in K attempts", higher_is_better=False),
        Fact("distinct_answers", "share of distinct answers among the attempts", judged=False),
    )
    temperature = 1.0
    k: int = 16
    seed: int = 0
    prior: Prior = field(default_factory=Prior, repr=False)

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
        """Return pass@k and pass^k for every step, the attempts until the first success, and whether none came.

        A pair with any verdict is in every row: its missing attempts are completed as ``statistics.attempts`` says, by
        the prior that ``informed`` learned from all pairs.
        """
        known = [o.personalized for o in outcomes if o.personalized is not None]
        rows: dict[str, Row] = {}
        if known:
            found = expected(self.k, len(known), round(sum(known)), self.prior)
            rows |= {f"pass@{step}": found.pass_at[step - 1] for step in self.steps}
            if self.k > 1:
                rows |= {f"pass^{step}": found.pass_hat[step - 1] for step in self.steps[1:]}
                rows |= {"attempts": found.attempts, "never": found.never}
        answers = [o.answer for o in outcomes if o.answer is not None]
        if self.k > 1 and answers:
            rows["distinct_answers"] = len(set(answers)) / len(answers)
        return {**rows, **shares(outcomes)}

    def informed(self, pairs: Iterable[Sequence[Outcome]]) -> Self:
        """Learn how the pairs' chances spread, for those with missing verdicts."""
        known = [[o.personalized for o in outcomes if o.personalized is not None] for outcomes in pairs]
        if all(len(values) == self.k for values in known):
            return self
        return replace(self, prior=fitted_prior([len(v) for v in known], [round(sum(v)) for v in known]))

    def remarks(self, pairs: Iterable[Sequence[Outcome]]) -> list[str]:
        """Warn where attempts repeat each other: k attempts with fewer distinct answers are fewer than k."""
        given = [[o.answer for o in outcomes if o.answer is not None] for outcomes in pairs]
        repeated = [len(set(answers)) / len(answers) for answers in given if len(answers) > 1]
        if not repeated:
            return []
        share = sum(repeated) / len(repeated)
        if share >= DISTINCT:
            return []
        alike = all(len(set(answers)) == 1 for answers in given if answers)
        what = (
            f"the {self.k} attempts of every pair gave one and the same answer"
            if alike
            else f"only {share:.0%} of a pair's answers are distinct"
        )
        return [
            f"{what}: the endpoint ignores seeds or samples greedily, so {self.k} attempts are worth"
            f" {max(1.0, share * self.k):.1f} or fewer; raise the temperature (--gen_kwargs temperature=1) or change"
            " endpoint"
        ]

    def record(self) -> dict[str, Any]:
        """Return K."""
        return {"k": self.k}
