"""Every setting, once: its default, what it may be, and what it is for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import Self

from ..errors import shorten
from ..personas import ATTRIBUTES, QUESTION_GROUPS, require_attributes
from ..prompts import MODES
from .environment import DEFAULT
from .keyring import Key
from .spellings import one_of, split_names

SOURCES = ("embedded", "hub")
SPLITS = ("main", "holdout", "all")
PROTOCOLS = ("debate", "pairwise")
_WORDS = {
    "mode": tuple(MODES),
    "source": SOURCES,
    "split": SPLITS,
    "protocol": PROTOCOLS,
    "yardstick": ("whole", "reduced"),
    "template": ("1", "2"),
    "data": ("1", "2"),
}
SECRETS = ("critic_api_key", "critic_api_keys")


class Settings(BaseModel):
    """What a run is made of. Every field is also ``PERSONA_<NAME>`` in the environment or ``.env``, which ``load`` reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _keys: tuple[Key, ...] = PrivateAttr(())
    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

    n: int = Field(300, gt=0, description="pairs to draw")
    seed: int = Field(0, ge=0, description="seed of the draw: the same pairs on every machine")
    mode: str = Field("output_only", description="prompt mode: " + ", ".join(MODES))
    source: str = Field("embedded", description="where personas and questions come from: embedded or hub")
    personas: str | None = Field(None, description="your own personas: a JSONL, CSV or Parquet file")
    questions: str | None = Field(None, description="your own questions: a JSONL, CSV or Parquet file")
    columns: str | None = Field(None, description="attributes that the personas keep: a comma list of columns")
    data: int = Field(
        2, description="edition of the embedded personas and questions: 2, or 1 to compare with earlier runs"
    )
    kind: str | None = Field(
        None, description="kinds of questions to ask, a comma list; unset, all but plain, on which nothing bears"
    )
    bears: str | None = Field(None, description="ask only questions on which one of these attributes bears")
    counterparts: bool = Field(False, description="a question's counterpart follows it, asked of the same persona")
    locale: str | None = Field(
        None,
        description="any leaves out questions that take one country's institutions for granted; US keeps those of the"
        " United States; unset, all are asked",
    )
    language: str = Field("en", description="languages of the questions, a comma list, or all; asked of their speakers")
    by: tuple[str, ...] = Field(
        ("sex", "age", "race"),
        description="what to break personalized down by: attributes, topic, kind, columns of your own files",
    )
    attributes: str | None = Field(None, description="leave-one-out: attributes to leave out, a comma list, or all")
    loo_json: str | None = Field(None, description='leave-one-out: a file {"attributes": [...]}')
    yardstick: str = Field("whole", description="leave-one-out: the critic sees the whole or the reduced persona")
    intersection_json: str | None = Field(None, description="intersectionality: a file with the list of intersections")
    cross: str | None = Field(None, description="intersectionality: attributes whose full cross is measured")
    min_support: int = Field(
        30, gt=0, description="intersectionality: pairs each intersection should hold; unset, at most n"
    )
    k: int = Field(16, gt=0, description="pass@k: attempts a pair")
    others: int = Field(1, gt=0, description="contrast: other people that each answer is judged for")
    placebo: bool = Field(False, description="leave-one-out: ask the whole persona twice, for the noise floor")
    split: str = Field("main", description="choice: the items of main, of holdout (nobody trains on them), or all")
    max_answer_failures: float = Field(
        0.2, ge=0, le=1, description="share of replies without an answer beyond which the run says so"
    )

    labels: str | None = Field(
        None, description="files of people's labels, a comma list: report and leaderboard hold the critic against them"
    )

    critic_model: str | None = Field(None, description="the critic: a model name, embedded, or a panel a,b@url,c")
    critic_base_url: str | None = Field(
        None,
        description="the critic's OpenAI-compatible endpoint, or several with commas that serve the same model (with +"
        " where lm-eval's `key=value` would cut at a comma)",
    )
    critic_api_key: SecretStr | None = Field(
        None, description="the critic's key (at OpenAI else OPENAI_API_KEY); only from the environment or .env"
    )
    critic_api_keys: SecretStr | None = Field(
        None, description="keys of a panel's own endpoints, host=key,host=key; only from the environment or .env"
    )
    critic_concurrency: int = Field(32, gt=0, description="requests in flight at the start, and at most")
    critic_temperature: float = Field(0.0, ge=0, description="the critic's sampling temperature")
    critic_max_tokens: int = Field(
        2048, gt=0, description="longest reply of the critic, tokens; unset, 16384 for one that thinks"
    )
    critic_reasoning_effort: str | None = Field(
        None, description="how much a critic that reasons should: low, medium, high, or what its endpoint takes"
    )
    critic_timeout: float = Field(
        120.0, gt=0, description="longest wait for one reply, seconds; unset, 600 for a critic that thinks"
    )
    critic_attempts: int = Field(5, gt=0, description="attempts a judgement before its verdict is missing")
    critic_deadline: float | None = Field(None, gt=0, description="longest wait for a whole batch, seconds")
    critic_votes: int = Field(1, gt=0, description="votes asked of each critic")
    critic_store: str | None = Field(None, description="verdict store: a path, off, or nothing for the cache folder")
    critic_rpm: int | None = Field(None, gt=0, description="cap: requests a minute")
    critic_tpm: int | None = Field(None, gt=0, description="cap: tokens a minute")
    critic_max_cost: float | None = Field(
        None, gt=0, description="US dollars of judging after which a run stops; what is judged is kept"
    )
    max_tokens_total: int | None = Field(
        None, gt=0, description="the critic's tokens, in and out, after which a run stops"
    )
    prices: str | None = Field(
        None, description="your prices: a YAML file of models with input and output, US dollars for a million tokens"
    )
    protocol: str = Field(
        "debate", description="contrast: debate, or pairwise: two answers side by side, which serves the person better"
    )
    template: int = Field(2, description="the debate's template: 2, or 1 to compare with earlier runs")
    card: str | None = Field(
        None, description="the critic's card: a card.json, or a folder of cards; nothing for the cache folder"
    )
    critic_max_failures: float = Field(0.2, ge=0, le=1, description="share of missing verdicts that stops the run")
    local_model: str | None = Field(None, description="another .gguf for the embedded model")

    @property
    def keys(self) -> tuple[Key, ...]:
        """Return every key that is set, the strongest source first; which one goes where says ``critic.keys``."""
        return self._keys

    def set_by(self, name: str) -> str:
        """Return what set a field: ``argument``, ``environment``, ``.env`` or ``default``."""
        return self._sources.get(name, DEFAULT)

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        # `by=` means no breakdown; any other blank means nobody set it (PERSONA_N= in a shell profile).
        return {k: v for k, v in values.items() if k == "by" or v not in ("", None)}

    @field_validator("by", "attributes", "cross", "columns", "kind", "bears", "language", mode="before")
    @classmethod
    def _names(cls, value: Any, info: Any) -> Any:
        names = split_names(value)
        return names if info.field_name == "by" else ",".join(names) or None

    @field_validator("bears")
    @classmethod
    def _bearing(cls, value: str | None, info: ValidationInfo) -> str | None:
        # "hearing" says as well which one is meant as "hearing difficulty".
        begun = {n: [a for a in ATTRIBUTES if a.startswith(n)] for n in (value or "").split(",") if n}
        names = [a[0] if len(a) == 1 and n not in ATTRIBUTES else n for n, a in begun.items()]
        # A file's own columns are known where it is read.
        return ",".join(names if info.data.get("personas") else require_attributes(names, "bears")) or None

    @field_validator(
        *("critic_model", "personas", "questions", "labels", "critic_base_url", "critic_store", "local_model", "card"),
        *("prices", "critic_reasoning_effort"),
        mode="before",
    )
    @classmethod
    def _text(cls, value: Any) -> Any:
        # lm-eval turns numbers and lists on its command line into Python values; a name stays a name. Its comma parts
        # arguments, so that a list without quotes, [a,b], reaches us as a text.
        if isinstance(value, str) and value[:1] == "[" and value[-1:] == "]":
            value = [item.strip().strip("'\"") for item in value[1:-1].split(",")]
        return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

    @model_validator(mode="after")
    def _support_within_n(self) -> Self:
        # Unset, it asks for no more than there is; set, an n below it is a mistake that is said.
        if "min_support" not in self.model_fields_set and self.n < self.min_support:
            self.__dict__["min_support"] = self.n
        return self

    @field_validator("labels")
    @classmethod
    def _labels_are_there(cls, value: str | None) -> str | None:
        for name in (value or "").split(","):
            if name and not Path(name).is_file():
                raise ValueError(f"{shorten(name, 80)!r}: no such file of labels (persona-metrics label makes sheets)")
        return value

    @field_validator(*_WORDS)
    @classmethod
    def _known_word(cls, value: Any, info: ValidationInfo) -> Any:
        return type(value)(one_of(str(value), _WORDS[str(info.field_name)]))

    @field_validator("critic_reasoning_effort")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[a-z][a-z0-9_-]{0,19}", value):
            raise ValueError(f"{shorten(value, 40)!r} is no effort: one word, such as low, medium or high")
        return value

    @field_validator("loo_json", "intersection_json", mode="before")
    @classmethod
    def _json_text(cls, value: Any) -> Any:
        # --metadata '{"loo_json": {...}}' and Python hand over the object itself.
        try:
            return value if isinstance(value, str) else json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"no JSON: {shorten(error)}") from None

    @field_validator("by")
    @classmethod
    def _known_attributes(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        # Files' own columns are known where they are read.
        if not (info.data.get("personas") or info.data.get("questions")):
            require_attributes((name for name in value if name not in QUESTION_GROUPS), "by")
        return value

    def masked(self) -> dict[str, Any]:
        """Return every setting as plain values; the key only says whether it is set."""
        shown = {name: getattr(self, name) for name in type(self).model_fields}
        for name in SECRETS:
            shown[name] = "set" if shown[name] else None
        return shown
