"""PERSONA Bench's pairs as a verifiers environment."""

from .taskset import PersonaTaskset

__all__ = ["PersonaTaskset"]
