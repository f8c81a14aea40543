"""Rewards for trainers: the critic's verdict (``personalized``), and the right option of a choice (``choice``, no judge)."""

from __future__ import annotations

from .chosen import choice
from .judged import VerdictMissing, personalized, required

__all__ = ["VerdictMissing", "choice", "personalized", "required"]
