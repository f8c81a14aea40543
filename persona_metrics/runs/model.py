"""The one validated form of what runs leave: a results file, a task's metadata, a sample. Knows no path.

Lenient with what nobody here needs (other benchmarks, unknown keys), strict with what is read: a number that is a text is
taken as the number, one that is none is an error that names its place.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic import WrapValidator as Wrap
from typing_extensions import TypedDict

from ..errors import PersonaError, shorten
from ..files import scrubbed

MOST = 2**53
"""Counts beyond it are no counts: a float could not hold them."""
LATEST = 253_402_300_799.0
"""The last second of the year 9999, where calendars end."""


def _or_none(value: Any, handler: Any) -> Any:
    try:
        return handler(value)
    except (ValidationError, ValueError, TypeError, OverflowError):
        return None


def _as_text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank")
    return value


def _dict(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _yes_or_no(value: Any) -> Any:
    # pydantic would take "yes" and "off", too; a verdict is none of those.
    if value is None or value in (True, False):
        return None if value is None else bool(value)
    raise ValueError(f"must be true, false or null, this one is {shorten(value, 20)}")


Count = Annotated[int, Field(ge=0, le=MOST)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, BeforeValidator(_as_text)]
Name = Annotated[Text, AfterValidator(_not_blank)]
Named = Annotated[dict[str, Any], BeforeValidator(_dict)]
MaybeText = Annotated[Text | None, Wrap(_or_none)]
MaybeCount = Annotated[Count | None, Wrap(_or_none)]
MaybeFinite = Annotated[Finite | None, Wrap(_or_none)]
MaybeDate = Annotated[Annotated[float, Field(ge=0, le=LATEST)] | None, Wrap(_or_none)]

_CONFIG = ConfigDict(extra="allow", coerce_numbers_to_str=True)


class Recorded(BaseModel):
    """A task's metadata, as far as anything here reads it; the rest stays as it was.

    Strict where a wrong value would make wrong tables; what is only shown is None (not recorded) where it cannot be.
    """

    model_config = _CONFIG

    evaluation: Name
    pack_version: Name
    mode: Text | None = None
    n: MaybeCount = None
    seed: Annotated[Annotated[int, Field(ge=-MOST, le=MOST)] | None, Wrap(_or_none)] = None
    k: Annotated[int, Field(ge=1, le=10_000)] | None = None
    min_support: Count | None = None
    attributes: list[Text] | Text | None = None
    by: list[Text] | Text | None = None
    yardstick: Text | None = None
    intersections: dict[str, dict[str, list[Text]]] | None = None
    support: Named = Field(default_factory=dict)
    source: Text | None = None
    data: Text | None = None
    data_hash: Text | None = None
    pairs_hash: Text | None = None
    answer_template: Text | None = None
    critic_template: Text | None = None
    critic_model: Text | None = None
    critic_endpoint: Text | None = None
    critic_temperature: MaybeFinite = None
    critic_votes: MaybeCount = None
    critic_max_tokens: MaybeCount = None
    critic_reasoning_effort: Text | None = None
    model_name: Text | None = None
    version: Finite | Text | None = None


class Generation(BaseModel):
    """How a task's replies were sampled."""

    model_config = _CONFIG

    temperature: MaybeFinite = None
    top_p: MaybeFinite = None
    max_gen_toks: MaybeCount = None
    seed: MaybeCount = None


class Counted(BaseModel):
    """lm-eval's count of a task's documents."""

    effective: MaybeCount = None
    original: MaybeCount = None


class Results(BaseModel):
    """A results_*.json of lm-eval."""

    model_config = _CONFIG

    configs: dict[str, Any]
    results: dict[str, Any]
    config: Named = Field(default_factory=dict)
    counts: Named = Field(default_factory=dict, alias="n-samples")
    model_name: MaybeText = None
    model_source: MaybeText = None
    lm_eval_version: MaybeText = None
    date: MaybeDate = None
    total_evaluation_time_seconds: MaybeFinite = None


class Vote(TypedDict, total=False):
    """A critic's vote; ``debate`` and ``pairwise`` are checked by who reads their texts."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    critic: Text
    endpoint: Text
    number: Count
    debate: dict[str, Any] | None
    pairwise: dict[str, Any] | None
    missing: Text | None
    attempts: Count
    prompt_tokens: Count | None
    completion_tokens: Count | None
    latency: Finite | None
    stored: bool


class Verdict(TypedDict, total=False):
    """What the votes amount to."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    protocol: Text
    preferred: Text | None
    personalized: Annotated[bool | None, BeforeValidator(_yes_or_no)]
    missing: Text | None
    agreement: Share | None
    votes: list[Vote]


class Round(TypedDict, total=False):
    """One state of an answer that was revised: the original first. ``personalized`` is None where the verdict is missing."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    answer: Text
    personalized: Annotated[bool | None, BeforeValidator(_yes_or_no)]
    marks: list[Text] | None


class Outcome(TypedDict, total=False):
    """One variant's filtered result."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    variant: Text
    dropped: list[Text] | None
    answer: Text | None
    answer_failure: Text | None
    verdict: Verdict | None
    rounds: list[Round] | None
    value: Share | None
    choice: Count | None


class Bearing(TypedDict, total=False):
    """The attributes that bear on a question."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    decides: list[Text]
    colours: list[Text]


class Doc(TypedDict, total=False):
    """A pair."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    pair_id: Text | None
    persona_id: Text | None
    question_id: Text | None
    question: Text | None
    topic: Text | None
    kind: MaybeText
    bears: Annotated[Bearing | None, Wrap(_or_none)]
    columns: Annotated[dict[str, Text | None] | None, Wrap(_or_none)]
    persona: dict[str, Text | None] | None


class _Listed(TypedDict, total=False):
    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    doc: Doc
    doc_id: Count
    resps: list[Any] | None
    arguments: dict[str, Any] | list[Any] | None


_SAMPLE = TypeAdapter(_Listed)
_OUTCOME = TypeAdapter(Outcome)


def results(text: str) -> Results:
    """Return a results file's content; raise ``ValueError`` with one line where it is none."""
    try:
        return Results.model_validate(scrubbed(json.loads(text)))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValidationError as error:
        raise ValueError(said(error)) from None


def recorded(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's metadata, its known fields validated; raise ``ValueError`` with one line where they cannot be."""
    try:
        known = Recorded.model_validate(metadata).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ValueError(said(error)) from None
    return {str(key): _finite(value) for key, value in known.items()}


def sample(line: bytes) -> dict[str, Any] | None:
    """Return one line of a samples file with its results taken apart, or None where it is cut, broken or no sample.

    ``filtered_resps`` is a list of one list, the results as dicts; a reply that is no result of ours (a run with
    ``--predict_only``) is left out of it.
    """
    try:
        row = json.loads(line.decode("utf-8"))
        if not isinstance(row, dict) or not isinstance(row.get("doc"), dict):
            return None
        if b"\\ud" in line or b"\\uD" in line:
            row = scrubbed(row)
        checked: dict[str, Any] = dict(_SAMPLE.validate_python(row))
        found = [_OUTCOME.validate_python(r) for item in row.get("filtered_resps") or [] for r in flat(item)]
    except (ValueError, TypeError, RecursionError, PersonaError):
        return None
    return {**checked, "filtered_resps": [found]} if "filtered_resps" in row else checked


def flat(item: Any) -> list[dict[str, Any]]:
    """Return what one entry of ``filtered_resps`` holds; lm-eval 0.4 and 0.5 nest them differently.

    In a samples file lm-eval has made a text of each: JSON (see ``Result``), or Python's own notation.
    """
    return [r for r in map(_parsed, item if isinstance(item, list) else [item]) if r is not None]


def _parsed(item: Any) -> dict[str, Any] | None:
    if isinstance(item, str):
        text, item = item, None
        try:
            item = json.loads(text)
        except RecursionError:
            return None
        except ValueError:
            try:
                item = ast.literal_eval(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
                return None
        if "\\ud" in text or "\\uD" in text:
            item = scrubbed(item)
    return dict(item) if isinstance(item, Mapping) else None


def said(error: ValidationError) -> str:
    """Return the first thing that pydantic found wrong, with its place, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-"))
    return shorten(f"{place}: {first['msg'].removeprefix('Value error, ')}" if place else first["msg"])


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
