"""``report.json``, documented: ``persona-metrics report --schema`` prints it as a JSON Schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "persona-metrics/report/1"
Rows = list[dict[str, Any]]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UsageReport(_Model):
    """What judging a task took."""

    votes: int = Field(description="votes asked for, those from the verdict store included")
    stored: int = Field(description="votes that came from the verdict store")
    prompt_tokens: int = Field(description="the critic's prompt tokens, without stored votes")
    completion_tokens: int = Field(description="the critic's completion tokens, without stored votes")
    latency: float = Field(description="seconds of waiting, summed over votes, without stored ones")
    price: float | None = Field(
        default=None, description="US dollars of the critic's calls, unreadable ones among them; null: no price known"
    )
    price_source: str | None = Field(default=None, description="who said what a token costs")
    seconds: float | None = Field(
        default=None, description="seconds that judging took, by the clock; null: not recorded"
    )
    model_prompt_tokens: int | None = Field(
        default=None, description="the tested model's prompt tokens; null: its endpoint was not asked, or not recorded"
    )
    model_completion_tokens: int | None = Field(default=None, description="the tested model's completion tokens")
    model_price: float | None = Field(default=None, description="US dollars of its replies; null: no price known")


class TaskReport(_Model):
    """One task of one run."""

    model: str = Field(description="the model's name, with what tells its runs apart where there are several")
    task: str
    evaluation: str = Field(description="which evaluation, by its name: main, leave_one_out, …")
    mode: str = Field(description="the prompt mode")
    results: str = Field(description="name of the results file")
    samples: str | None = Field(description="name of the samples file, null where there is none")
    lines: int = Field(description="lines of the samples file")
    lost: int = Field(description="lines that could not be read")
    headline: str = Field(description="the main number as a sentence")
    finding: str = Field(description="what the evaluation is about, as a sentence; empty where there is none")
    people: str = Field(
        default="", description="what people's labels say of the critic and the rate; empty without any"
    )
    metadata: dict[str, Any] = Field(description="what the run recorded of itself: settings, hashes, versions")
    usage: UsageReport
    tables: dict[str, Rows] = Field(
        description="headline, lm_eval, and by evaluation by_attribute; importance; intersections, groups; curve,"
        " attempts. One object a row, the columns of persona_metrics.analysis; null where a number cannot be had"
    )


class ComparisonReport(_Model):
    """Models or modes side by side over the same pairs."""

    kind: str = Field(description="models (of is the task) or modes (of is the model)")
    of: str
    rates: Rows = Field(description="name, value, low, high, n, missing of each")
    differences: Rows = Field(
        description="first − second: difference, low, high, n, only_first, only_second, p (exact McNemar), p_adjusted"
    )


class WarningReport(_Model):
    """Something that makes a number mean less than it seems to."""

    text: str
    about: str


class Report(_Model):
    """The whole of report.json."""

    schema_version: str = SCHEMA_VERSION
    pack_version: str
    notes: list[str] = Field(description="how the runs were found and what was left out")
    warnings: list[WarningReport]
    tasks: list[TaskReport]
    comparisons: list[ComparisonReport]
