"""A model and a critic with a planted truth: the reply tells what its prompt showed and which seed it had.

The verdict is a function of that, of the pair and of nothing else, so a test can work out every row by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from persona_metrics.personas import ATTRIBUTES, band
from tests.fakes.server import draw

_LINE = re.compile(r"^- ([a-z ]+): ", re.M)

PLAIN_SEED = 1234
"""The seed that lm-eval's endpoints send where a variant has none of its own."""
WEIGHTS = {"age": 0.3, "sex": 0.15, "religion": 0.0}
"""What leaving an attribute out takes from the chance that the answer fits."""
POLITICS = 0.2
"""What both political attributes are worth together; either of them alone tells the same."""
RATES = {"Female": 0.0, "Male": -0.15}
ELDERS = -0.1
ATTEMPT = 0.5
"""What sampling takes from the chance, so that four attempts do not all succeed."""


def reply(prompt: str, seed: int) -> str:
    """Answer with the attributes that stand in the prompt and the seed, as the mode asks."""
    answer = json.dumps({"shown": [name for name in _LINE.findall(prompt) if name in ATTRIBUTES], "seed": seed})
    if '{"reasoning":' in prompt:
        return json.dumps({"reasoning": f"HIDDEN {seed}", "answer": answer})
    return answer


def chance(persona: Mapping[str, str | None], shown: Iterable[str]) -> float:
    """Return the planted chance that an answer made from the ``shown`` attributes fits the persona."""
    seen = set(shown)
    value = 0.9 + RATES[str(persona["sex"])] + ELDERS * (band("age", persona["age"]) == "65+")
    value -= sum(weight for name, weight in WEIGHTS.items() if name not in seen)
    return value - POLITICS * (not seen & {"ideology", "political views"})


def fits(question: str, persona: Mapping[str, Any], shown: Iterable[str], seed: int) -> bool:
    """Return the planted verdict. At one seed a pair keeps its draw, whatever is left out of it."""
    stated = sorted((k, v) for k, v in persona.items() if v is not None)
    attempt = 0.0 if seed == PLAIN_SEED else ATTEMPT
    return draw(seed, question, stated) < chance(persona, shown) - attempt


def verdict(question: str, persona: dict[str, str], answer: str) -> bool:
    """Return whether the answer needs a revision; what the server's critic goes by."""
    if not answer.startswith("{"):
        return True  # the dry debate that checks the critic before a run
    told = json.loads(answer)
    return not fits(question, persona, told["shown"], told["seed"])
