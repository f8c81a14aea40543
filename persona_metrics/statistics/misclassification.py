"""A rate seen through a critic whose errors were measured elsewhere: on other pairs, or in its exam. Knows no file."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

from .two_phase import Interval


@dataclass(frozen=True)
class Errors:
    """How often a critic calls good good (``sensitivity``, of ``of_good`` answers) and bad bad (``specificity``).

    Good is what needs no revision: the card's sensitivity and specificity are about the revision, the other way round.
    """

    sensitivity: float
    of_good: int
    specificity: float
    of_bad: int

    @property
    def informative(self) -> bool:
        """Whether the critic does better than a coin."""
        return self.sensitivity + self.specificity > 1


def rogan_gladen(rate: float, n: int, errors: Errors, confidence_level: float = 0.95) -> Interval:
    """Return the true rate behind a critic's ``rate`` over ``n`` answers: (p + spec − 1)/(sens + spec − 1), within 0…1.

    Rogan & Gladen 1978 (Am. J. Epidemiol. 107). The interval holds what is not known of the critic's own errors, too: p
    is moved by z²/2 and each share by one case either way, with Lang & Reiczigel's shift (Prev. Vet. Med. 113, 2014); Lee et
    al. 2025 (arXiv 2511.21140) calibrate reports of LLM critics so. Right where the critic errs on these answers as it did on
    those. Raises ``ValueError`` where the critic does no better than a coin: then its verdicts tell nothing of the rate.
    """
    if not errors.informative or min(n, errors.of_good, errors.of_bad) < 1:
        raise ValueError(
            "the critic's errors leave nothing to correct: sensitivity and specificity add up to 1 or less"
        )
    z = float(stats.norm.isf((1 - confidence_level) / 2))
    value = (rate + errors.specificity - 1) / (errors.sensitivity + errors.specificity - 1)
    size, good, bad = n + z**2, errors.of_good + 2, errors.of_bad + 2
    p = (n * rate + z**2 / 2) / size
    hit = (errors.of_good * errors.sensitivity + 1) / good
    pass_by = (errors.of_bad * errors.specificity + 1) / bad
    worth = hit + pass_by - 1
    if worth <= 0:
        return Interval(min(1.0, max(0.0, value)), float("nan"), 0.0, 1.0, n)
    middle = (p + pass_by - 1) / worth
    of_hits, of_passes = hit * (1 - hit) / good, pass_by * (1 - pass_by) / bad
    shift = 2 * z**2 * (middle * of_hits - (1 - middle) * of_passes)
    error = (p * (1 - p) / size + (1 - middle) ** 2 * of_passes + middle**2 * of_hits) ** 0.5 / worth
    low, high = (min(1.0, max(0.0, middle + shift + side * z * error)) for side in (-1, 1))
    value = min(1.0, max(0.0, value))
    return Interval(value, error, min(low, value), max(high, value), n)
