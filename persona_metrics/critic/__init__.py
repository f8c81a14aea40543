"""The critic: holds a debate over an answer and gives a verdict, against any OpenAI-compatible endpoint."""

from __future__ import annotations

from .batch import judge, judge_each
from .check import check, check_once, critic_card
from .debate import Debate, Judgement, Verdict, Vote

__all__ = ["Debate", "Judgement", "Verdict", "Vote", "check", "check_once", "critic_card", "judge", "judge_each"]
