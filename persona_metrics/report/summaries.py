"""What came of a sample in a few words and numbers, as lists show and sort it. Knows no page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..evaluations.choice import CHANGED, UNRELATED
from .bodies import COMPARED, FAILED, MISSING, NO, TIED, YES, outcome

Variants = Sequence[Mapping[str, Any]]
_FITS = {YES: True, NO: False, FAILED: False}
_OTHER = {"another person": "the one for another person", "no persona": "the one for nobody"}
"""How a comparison names the answer on its other side."""
_LED = ("leave_one_out", "contrast")
"""Evaluations whose samples are listed under the outcome of the answer with the whole persona."""


def lead(evaluation: str, variants: Variants) -> int:
    """Return the outcome that a sample is listed under."""
    if evaluation in _LED and variants:
        return int(_whole(variants)["outcome"])
    return outcome(variants)


def flips(evaluation: str, variants: Variants) -> list[str]:
    """Return what, left out of the persona, turned the verdict; empty for other evaluations."""
    if evaluation != "leave_one_out" or not variants:
        return []
    whole = _FITS.get(_whole(variants)["outcome"])
    turned = [v for v in variants if whole is not None and _FITS.get(v["outcome"], whole) is not whole]
    return [str(v["name"]).removeprefix("without ") for v in turned]


def successes(variants: Variants) -> int:
    """Return how many of a sample's answers fit."""
    return sum(v["outcome"] == YES for v in variants)


def summary(evaluation: str, variants: Variants) -> str:
    """Return the words beside a sample's outcome; empty where the outcome says it all."""
    if not variants:
        return ""
    if evaluation == "leave_one_out":
        turned = flips(evaluation, variants)
        return f"{_fit(_whole(variants)['outcome'])} · " + (f"flips: {', '.join(turned)}" if turned else "no flips")
    if evaluation == "contrast":
        return _contrast(variants)
    if evaluation == "choice":
        return _choice(variants)
    if evaluation == "opinion":
        return ""
    if any(v["outcome"] == COMPARED for v in variants):
        others = (v for v in variants if v["outcome"] != COMPARED)
        return " · ".join(f"{_held(v['outcome'])} {_OTHER.get(v['name'], v['name'])}" for v in others)
    if len(variants) > 1:
        unknown = sum(v["outcome"] == MISSING for v in variants)
        said = f"{successes(variants)} of {len(variants) - unknown}"
        return f"{said}, {unknown} without a verdict" if unknown else said
    rounds = len(variants[0].get("rounds", ()))
    return f"after {rounds - 1} revision{'s' if rounds > 2 else ''}" if rounds > 1 else ""


def disagreement(variants: Variants) -> int:
    """Return the share of votes on a sample that disagree, in per cent, the largest of its variants; -1 without votes."""
    shares = [v["agreement"] for v in variants if v["agreement"] is not None and len(v["votes"]) > 1]
    return round(100 * (1 - min(shares))) if shares else -1


def tokens(variants: Variants) -> int:
    """Return the critic's tokens for a sample, sent and received; -1 where none are recorded."""
    votes = [v for variant in variants for v in variant["votes"] if "prompt_tokens" in v or "completion_tokens" in v]
    return round(sum(v.get("prompt_tokens", 0) + v.get("completion_tokens", 0) for v in votes)) if votes else -1


def reason(variants: Variants) -> str:
    """Return why a sample lacks a verdict or an answer: the first reason, without its details; empty where it lacks none."""
    for variant in variants:
        why = variant["failure"] if variant["outcome"] == FAILED else variant["missing"]
        if variant["outcome"] in (FAILED, MISSING):
            return str(why or "unknown").partition(":")[0][:60]
    return ""


def _contrast(variants: Variants) -> str:
    own = _whole(variants)
    others = [v for v in variants if str(v["name"]).startswith("another person")]
    nobody = [v for v in variants if v is not own and v not in others]
    first = {True: "fits own", False: "not own"}.get(_FITS.get(own["outcome"]), "own: no verdict")  # type: ignore[arg-type]
    parts = [first]
    if others:
        known = [_FITS[v["outcome"]] for v in others if v["outcome"] in _FITS]
        fits = "another too" if _FITS.get(own["outcome"]) else "fits another"
        parts.append("another: no verdict" if not known else fits if any(known) else "not another")
    if nobody:
        parts.append(f"without a persona: {_fit(nobody[0]['outcome'])}")
    return " · ".join(parts)


def _choice(variants: Variants) -> str:
    """Return whether the pick follows a change that decides, and stays after one that must not matter."""
    own = _whole(variants)
    changed = [v for v in variants if str(v["name"]).startswith(CHANGED)]
    unrelated = [v for v in variants if str(v["name"]).startswith(UNRELATED)]
    parts = []
    if changed:
        parts.append("adapts" if own["outcome"] == changed[0]["outcome"] == YES else "does not adapt")
    if unrelated and own["outcome"] != FAILED:
        parts.append("stays" if _picked(unrelated[0]) == _picked(own) else "does not stay")
    return " · ".join(parts)


def _picked(variant: Mapping[str, Any]) -> str:
    """Return the option without the letter that it stood under."""
    return str(variant["answer"]).partition(". ")[2]


def _whole(variants: Variants) -> Mapping[str, Any]:
    return next((v for v in variants if v["name"] == "whole"), variants[0])


def _fit(code: int) -> str:
    return {YES: "fits", NO: "needs revision", FAILED: "no answer"}.get(code, "no verdict")


def _held(code: int) -> str:
    return {YES: "beats", NO: "loses to", TIED: "ties with", FAILED: "no answer against"}.get(
        code, "no verdict against"
    )
