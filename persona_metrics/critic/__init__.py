"""The critic: judges an answer by a protocol, the debate first of all, against any OpenAI-compatible endpoint."""

from __future__ import annotations

from .batch import judge, judge_each
from .check import check, check_once, critic_card
from .debate import Debate, Judgement
from .missing import Missing, Reason
from .pairwise import Comparison
from .protocol import Judged, Protocol
from .verdict import Verdict, Vote, decide

__all__ = [
    "Comparison",
    "Debate",
    "Judged",
    "Judgement",
    "Missing",
    "Protocol",
    "Reason",
    "Verdict",
    "Vote",
    "check",
    "check_once",
    "critic_card",
    "decide",
    "judge",
    "judge_each",
]
