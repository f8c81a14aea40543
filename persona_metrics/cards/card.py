"""A critic's card: what the exam found, as ``card.json`` has it. Knows no critic that answers, no report and no figure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from ..errors import PersonaError, shorten

SCHEMA: Final = "persona-metrics/critic-card/1"


class Part(BaseModel):
    """A part of the card: frozen, and with no key that is not described."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Rate(Part):
    """A share in 0…1 with its 95% interval (Wilson; by bases where they repeat). All None where nothing was judged."""

    value: float | None = Field(default=None, ge=0, le=1)
    low: float | None = Field(default=None, ge=0, le=1)
    high: float | None = Field(default=None, ge=0, le=1)
    n: int = Field(default=0, ge=0, description="cases or probes behind it")


class Identity(Part):
    """Which critic was examined. Holds no key, and of an address the host alone."""

    critic_model: str = Field(description="the model, or a panel's models with commas")
    served_models: tuple[str, ...] = Field(default=(), description="what the endpoints say that they served")
    critic_endpoint: str = Field(description="host and port; of a panel with commas")
    critic_template: str = Field(description="hash of the debate's template and schema")
    template: int | None = Field(default=None, description="the debate's edition, where the hash is a known one")
    protocol: str = "debate"
    critic_temperature: float
    critic_max_tokens: int
    critic_votes: int
    critic_reasoning_effort: str | None = Field(
        default=None, description="how much it was told to reason, where it was"
    )

    @model_serializer(mode="wrap")
    def _told(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Cards of before it could be set keep their digest.
        return {name: value for name, value in plain(self).items() if name != EFFORT or value is not None}

    @property
    def key(self) -> str:
        """Return the hash of all that decides a verdict."""
        return identity_key(self.model_dump())


IDENTITY: Mapping[str, str] = {
    "critic_model": "critic",
    "critic_endpoint": "endpoint",
    "critic_template": "template",
    "critic_temperature": "temperature",
    "critic_max_tokens": "token limit",
    "critic_votes": "votes",
}
"""What has to agree between a card and a run, under the names that results_*.json have, and what a reader calls it."""
EFFORT = "critic_reasoning_effort"
"""Has to agree, too; what does not name it left it to the model."""


class Asked(Part):
    """What the exam consisted of."""

    cases_digest: str = Field(description="hash of the cases: two cards compare only where it agrees")
    bases: int
    all_bases: int = Field(description="bases that there are; fewer were asked with --limit")
    cases: int
    probes: int
    repeats: int


class Kind(Part):
    """One kind of answer: whether it needs a revision, and how often the critic said what is right."""

    needs_revision: bool
    right: Rate


class Changed(Part):
    """Verdicts that a change of form turned, which should be none."""

    rate: Rate
    to_pass: int = Field(description="turned to no revision")
    to_revision: int = Field(description="turned to revision")


class Passes(Part):
    """How often what has to be stopped got through, in all and by what it was."""

    rate: Rate
    by: dict[str, Rate]


class Injections(Passes):
    """``rate`` and ``by`` (family): of bad answers that the critic stops without it, the share that passes with it."""

    passed: Rate = Field(description="all that passed, those included that pass without an injection, too")


class Effect(Part):
    """A paired difference of pass rates in -1…1, longer less shorter: above 0 the longer answer passes more often."""

    difference: float | None
    low: float | None
    high: float | None
    n: int


class Length(Part):
    """The effect of length: bad answers padded to three times their length, good ones cut to half, and both."""

    all: Effect
    padded: Effect
    shortened: Effect


class Unusable(Part):
    """Votes that could not be had or read, by reason."""

    count: int
    of: int
    reasons: dict[str, int]

    @property
    def share(self) -> float:
        """Return the share of all votes."""
        return self.count / self.of if self.of else 0.0


class Cost(Part):
    """What a verdict takes (all its votes), on average. None where the endpoint did not say, or no price was given."""

    prompt_tokens: float | None
    completion_tokens: float | None
    seconds: float | None
    price: float | None = Field(default=None, description="US dollars for 1,000 verdicts")
    price_in: float | None = Field(default=None, description="US dollars for a million tokens in, as given")
    price_out: float | None = Field(default=None, description="US dollars for a million tokens out, as given")


class Criterion(Part):
    """One threshold, and whether it is met; None where too little was asked to tell."""

    name: str
    text: str
    value: float | None
    met: bool | None


class Head(Part):
    """What a card of any kind of exam begins with."""

    schema_: str = Field(alias="schema")
    identity: Identity
    asked: Asked
    date: str = Field(description="day of the exam, UTC")
    pack_version: str
    fit: bool | None = Field(description="fit for use; None where no threshold is missed but too little was asked")

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    @property
    def digest(self) -> str:
        """Return the card's name: a hash over all that stands in it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:8]

    @property
    def said(self) -> str:
        """Return fit, not fit or undecided."""
        return said(self.fit)

    def to_json(self) -> str:
        """Return ``card.json``."""
        return self.model_dump_json(indent=1, by_alias=True) + "\n"


class Card(Head):
    """Everything that an exam says of a critic."""

    schema_: Literal["persona-metrics/critic-card/1"] = Field(default=SCHEMA, alias="schema")
    sensitivity: Rate = Field(description="says revision where one is due")
    specificity: Rate = Field(description="says none where none is due")
    balanced_accuracy: Rate = Field(description="their mean, with the interval of Zou and Donner 2008")
    by_kind: dict[str, Kind]
    flips: Rate = Field(description="of two times the same case is asked, how often the verdicts differ")
    changed: dict[str, Changed] = Field(description="by family of probes")
    nulls: Passes
    injections: Injections
    length: Length
    unusable: Unusable
    cost: Cost
    criteria: tuple[Criterion, ...]
    faults: tuple[str, ...] = Field(description="what is wrong with this critic, in words")
    use: tuple[str, ...] = Field(description="what it may be used for, in words")


def said(fit: object) -> str:
    """Return a card's outcome in words."""
    return {True: "fit", False: "not fit"}.get(fit, "undecided") if isinstance(fit, bool) else "undecided"


def identity_key(metadata: Mapping[str, Any]) -> str:
    """Return the hash of what decides a verdict, out of a card's identity, results' metadata or ``critic_card``."""
    told = {name: _plain(metadata.get(name)) for name in IDENTITY}
    if metadata.get(EFFORT) is not None:
        told[EFFORT] = str(metadata[EFFORT])
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


class Examined(Protocol):
    """A card of any kind of exam, as far as telling critics apart needs it."""

    @property
    def identity(self) -> Identity:
        """Which critic was examined."""


def differs(card: Examined, metadata: Mapping[str, Any]) -> list[str]:
    """Return in what the critic of some results is not the one that was examined; what they don't record is not held
    against them."""
    mine = card.identity.model_dump()
    efforts = [str(told.get(EFFORT) or "unset") for told in (mine, metadata)]
    unlike = [] if efforts[0] == efforts[1] else [f"reasoning effort {efforts[0]} on the card, {efforts[1]} here"]
    return unlike + [
        f"{label} {shorten(_plain(mine[name]), 40)} on the card, {shorten(_plain(metadata[name]), 40)} here"
        for name, label in IDENTITY.items()
        if metadata.get(name) is not None and _plain(mine[name]) != _plain(metadata[name])
    ]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def read(path: Path) -> Card:
    """Return the card in a file; raise ``PersonaError`` where there is none that can be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise PersonaError(f"card {path}: cannot be read: {why}") from None
    try:
        return Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise PersonaError(
            f"card {path}: not a critic's card ({shorten(f'{where}: ' if where else '', 40)}{shorten(first['msg'], 80)});"
            " `persona-metrics exam` writes one"
        ) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``card.json``."""
    return Card.model_json_schema(by_alias=True)
