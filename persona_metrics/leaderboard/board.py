"""One row a model, and which models cannot be told apart. Reads samples; writes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from .. import analysis
from ..analysis.rates import headline, whole
from ..cards import found as cards
from ..costs.usage import Took, took
from ..errors import PersonaError
from ..evaluations import EVALUATIONS
from ..evaluations.facts import SHARED
from ..evaluations.leave_one_out import ALL_LISTED
from ..export.scores import votes_of
from ..labels.people import People as Labelled
from ..runs.read import ReadLog, read_samples, tidy
from ..runs.terms import task_terms
from .collect import Measured, Table
from .letters import letters, ranked

ALPHA = 0.05
PASS_STEPS = (1, 4, 16)
TOP = 3


@dataclass(frozen=True)
class Importance:
    """What knowing an attribute is worth; ``survives`` the correction over all attributes."""

    item: str
    difference: float
    survives: bool


@dataclass(frozen=True)
class Cell:
    """A value with its interval where there is one; ``share`` says that it is one (or a difference of shares)."""

    value: float
    low: float | None = None
    high: float | None = None
    share: bool = True


@dataclass(frozen=True)
class People:
    """What people's labels say of the row: κ with its interval, and the corrected rate; None without labels."""

    kappa: Cell | None = None
    corrected: Cell | None = None
    labels: int = 0


@dataclass(frozen=True)
class Row:
    """One model. Rates are shares in 0…1; None where it was not measured. ``n`` are judged pairs, ``missing`` others.

    ``rank`` is the place in the table; what it means, ``rank_low`` and ``rank_high`` say: the places that the comparisons
    leave open. Models that share a letter in ``groups`` cannot be told apart. All are empty where the model could not be
    compared. ``others`` are rows for which an evaluation asks for a column, by its heading.
    ``answer_failures`` is a share of the replies, ``missing`` a count of pairs.
    """

    rank: int | None
    rank_low: int | None
    rank_high: int | None
    model: str
    groups: str
    personalized: float | None
    low: float | None
    high: float | None
    n: int | None
    missing: int | None
    answer_failures: float | None
    worst_group: float | None
    worst_group_name: str | None
    between_group_sd: float | None
    importances: tuple[Importance, ...]
    passes: Mapping[int, float | None]
    others: Mapping[str, Cell]
    people: People
    took: Took
    critic: str
    data_hash: str
    run: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    """One table: its terms, why it stands apart, its rows from best to worst, and every comparison behind the letters."""

    terms: Mapping[str, str]
    reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data without NaN."""
        return {
            "terms": dict(self.terms),
            "reasons": list(self.reasons),
            "rows": [asdict(row) for row in self.rows],
            "comparisons": [dict(c) for c in self.comparisons],
            "notes": list(self.notes),
        }


def build(table: Table, people: Labelled | None = None, by: Sequence[str] = ()) -> Board:
    """Read the table's samples and return its board; ``people`` is what labels say of its runs.

    ``by`` are attributes and columns of questions: each of their groups has a column with its rate.
    Each two models with samples are compared over the pairs that both have (``analysis.compare``: McNemar's exact p, the
    clustered one where persons or questions repeat, Holm over all comparisons of the table); those with an adjusted p of
    0.05 or more share a letter. The order follows those comparisons, not the rates, which with missing verdicts rest on
    different pairs: first by the best place that a model can have, then by its mean difference to the others.
    """
    frames: dict[str, pd.DataFrame] = {}
    drafts: list[dict[str, Any]] = []
    notes = list(table.notes)
    refused: list[PersonaError] = []
    for model, measured in table.models.items():
        try:
            frame, draft, said = _draft(model, measured)
            draft["others"] |= _rates_by(measured.get("main"), by)
        except PersonaError as error:
            refused.append(error)
            notes.append(f"{model} left out: {error}")
            continue
        if frame is not None and draft["n"]:
            frames[model] = frame
        draft["people"], doubt = _people(measured.get("main"), people)
        draft["notes"] += doubt
        drafts.append(draft)
        notes += said
    if not drafts:
        raise refused[0]
    drafts.sort(key=lambda d: (d["personalized"] is None, -(d["personalized"] or 0.0), d["model"]))
    order = [d["model"] for d in drafts if d["model"] in frames]
    compared = analysis.compare({model: frames[model] for model in order}) if len(order) > 1 else pd.DataFrame()
    records = [{str(k): _plain(v) for k, v in c.items()} for c in compared.to_dict("records")]
    places = ranked(order, records)
    # Those that could not be compared come last, as they were sorted above; a list is empty while it sorts itself.
    last = len(drafts) + 1
    drafts.sort(key=lambda d: places[d["model"]].sort if d["model"] in places else (last, 0, 0.0))
    order = [d["model"] for d in drafts if d["model"] in frames]
    apart = [(c["first"], c["second"]) for c in records if c["p_adjusted"] is not None and c["p_adjusted"] < ALPHA]
    shared = letters(order, apart) if len(order) > 1 else {}
    rows = []
    for number, draft in enumerate(drafts, 1):
        place = places.get(draft["model"])
        rank = number if draft["personalized"] is not None or place else None
        low, high = (place.low, place.high) if place else (None, None)
        rows.append(Row(**draft, groups=shared.get(draft["model"], ""), rank=rank, rank_low=low, rank_high=high))
    notes += _table_notes(table, records)
    return Board(table.terms, table.reasons, tuple(rows), tuple(records), tuple(dict.fromkeys(notes)))


def _people(measured: Measured | None, people: Labelled | None) -> tuple[People, tuple[str, ...]]:
    found = people.of(measured.run, measured.task) if people and measured else None
    if found is None:
        return People(), ()
    kappa, rate = found.agreement.kappa, found.rates[0].result.found if found.rates else None
    shown = None if math.isnan(kappa.value) else Cell(kappa.value, kappa.low, kappa.high, share=False)
    corrected = None if rate is None else Cell(rate.value, rate.low, rate.high)
    return People(shown, corrected, found.labels), (found.warning,) if found.warning else ()


def _draft(model: str, measured: Mapping[str, Measured]) -> tuple[pd.DataFrame | None, dict[str, Any], list[str]]:
    any_of = next(iter(measured.values()))
    metadata = any_of.task.metadata
    votes = votes_of(metadata)
    judged = table_is_judged(metadata)
    frame, main, notes = _main(model, measured.get("main")) if judged else _judgefree(model, measured)
    row_notes = []
    if model in str(metadata.get("critic_model") or "").split(","):
        row_notes.append("the critic is the model itself")
    if "main" in measured and frame is None:
        row_notes.append("no samples (run without --log_samples): no interval, not compared")
    draft = {
        "model": model,
        **main,
        **_groups(measured.get("intersectionality")),
        "importances": _importances(measured.get("leave_one_out")),
        "passes": _passes(measured.get("pass_at_k"), measured.get("main")),
        "others": {name: cell for m in measured.values() for name, cell in _others(m).items()},
        "took": took((m.task.metadata, m.run.seconds) for m in measured.values()),
        "critic": ", ".join(
            part
            for part in (
                str(metadata.get("critic_model")) if judged else "none",
                f"{votes} votes" * (votes > 1),
                cards.name(metadata) if judged else "",
            )
            if part
        ),
        "data_hash": str(metadata.get("data_hash")),
        "run": measured.get("main", any_of).run.path.name,
        "notes": tuple(row_notes),
    }
    return frame, draft, notes


def _main(model: str, measured: Measured | None) -> tuple[pd.DataFrame | None, dict[str, Any], list[str]]:
    empty = dict.fromkeys(("personalized", "low", "high", "n", "missing", "answer_failures"))
    if measured is None:
        return None, {**empty}, [f"{model}: no run of the main evaluation, so not ranked"]
    failures = _cell(measured, "answer_failures")
    if measured.task.samples is None:
        return None, {**empty, "personalized": _cell(measured, "personalized"), "answer_failures": failures}, []
    frame, notes = _frame(measured)
    about, values = whole(frame)
    found = headline({"personalized": values}, about).iloc[0]
    expected = measured.task.counts.original
    if expected is not None and len(about) < expected:
        notes.append(f"{model}: {len(about)} of {expected} pairs run (--limit, or samples lost)")
    numbers = {
        "personalized": _plain(found["value"]),
        "low": _plain(found["low"]),
        "high": _plain(found["high"]),
        "n": int(found["n"]),
        "missing": int(found["missing"]),
        "answer_failures": float(frame["answer_failure"].notna().mean()) if len(frame) else None,
    }
    return frame, numbers, notes


def table_is_judged(metadata: Mapping[str, Any]) -> bool:
    """Return whether the run that recorded this needed a critic; no table holds runs of both kinds."""
    evaluation = EVALUATIONS.get(str(metadata.get("evaluation")))
    return evaluation is None or evaluation.needs_critic


def _judgefree(model: str, measured: Mapping[str, Measured]) -> tuple[pd.DataFrame | None, dict[str, Any], list[str]]:
    """Return what a model is ranked by without a critic: whether its picks adapt."""
    numbers: dict[str, Any] = dict.fromkeys(("personalized", "low", "high", "n", "missing", "answer_failures"))
    choice = measured.get("choice")
    if choice is None or choice.task.samples is None:
        why = (
            "no run of persona_choice" if choice is None else "no samples of persona_choice (run without --log_samples)"
        )
        return None, numbers, [f"{model}: {why}, so not ranked"]
    frame, notes = _frame(choice)
    values = analysis.comparable("choice", frame)
    assert values is not None
    known = int(values["personalized"].notna().sum())
    failed = float(frame["answer_failure"].notna().mean()) if len(frame) else None
    return values, {**numbers, "n": known, "missing": len(values) - known, "answer_failures": failed}, notes


def _frame(measured: Measured) -> tuple[pd.DataFrame, list[str]]:
    path = measured.task.samples
    log = ReadLog()
    samples = read_samples(path, log) if path else ()
    frame = tidy(samples, measured.task.name, measured.task.metadata, measured.run.model, heavy=False)
    lost = [f"{path}: {log.lost} of {log.lines} lines could not be read, the rest is used"] if log.lost else []
    return frame, lost


def _cell(measured: Measured, row: str) -> float | None:
    found = measured.task.rows.get(row)
    return found.value if found is not None and math.isfinite(found.value) else None


def _groups(measured: Measured | None) -> dict[str, Any]:
    if measured is None:
        return dict.fromkeys(("worst_group", "worst_group_name", "between_group_sd"))
    name = None
    if measured.task.samples is not None:
        groups = analysis.tables(_frame(measured)[0], measured.task.metadata)["groups"].iloc[0]
        # It has a name only where the groups differ beyond chance.
        named = groups["worst_group_name"]
        return {
            "worst_group": _plain(groups["worst_group"]),
            "worst_group_name": named if isinstance(named, str) else None,
            "between_group_sd": _plain(groups["between_group_sd"]),
        }
    return {
        "worst_group": _cell(measured, "worst_group"),
        "worst_group_name": name,
        "between_group_sd": _cell(measured, "between_group_sd"),
    }


def _importances(measured: Measured | None) -> tuple[Importance, ...]:
    if measured is None or measured.task.samples is None:
        return ()
    table = analysis.tables(_frame(measured)[0], measured.task.metadata)["importance"]
    table = table[table["difference"].notna() & (table["item"] != ALL_LISTED)]
    top = table.sort_values("difference", ascending=False, kind="stable").head(TOP)
    return tuple(
        Importance(str(r["item"]), float(r["difference"]), bool(r["survives"])) for r in top.to_dict("records")
    )


def _passes(measured: Measured | None, main: Measured | None) -> dict[int, float | None]:
    found = {k: None if measured is None else _cell(measured, f"pass@{k}") for k in PASS_STEPS}
    if measured is not None and main is not None and _temperature(measured) != _temperature(main):
        # A single attempt at another temperature is another number than the rate it would stand beside.
        found[1] = None
    return found


def _temperature(measured: Measured) -> str:
    return task_terms(measured.task)["temperature"]


def _others(measured: Measured) -> dict[str, Cell]:
    """Return the rows for which the evaluation asks for a column, with their intervals."""
    evaluation = EVALUATIONS.get(measured.evaluation)
    # What every evaluation has is shown of the one that ranks.
    shared = SHARED if measured.evaluation == "main" else ()
    facts = (*evaluation.rows, *shared) if evaluation else ()
    wanted = {row: (heading, fact) for fact in facts for row, heading in fact.headings}
    if not wanted:
        return {}
    ends: Mapping[str, tuple[float, float]] = {}
    if measured.task.samples is not None:
        ends = analysis.intervals(measured.evaluation, analysis.tables(_frame(measured)[0], measured.task.metadata))
    found = {}
    for row, (heading, fact) in wanted.items():
        if (value := _cell(measured, row)) is not None:
            low, high = ends.get(row, (math.nan, math.nan))
            found[heading] = Cell(value, _plain(low), _plain(high), fact.unit == "proportion")
    return found


def _rates_by(measured: Measured | None, by: Sequence[str]) -> dict[str, Cell]:
    """Return the rate of each group of each name of ``by``, as ``topic=work``."""
    if not by or measured is None or measured.task.samples is None:
        return {}
    found = analysis.tables(_frame(measured)[0], {**measured.task.metadata, "by": by})
    rows = [row for name in ("by_attribute", "by_question") for row in found[name].to_dict("records")]
    return {
        f"{row['attribute']}={row['group']}": Cell(float(row["rate"]), _plain(row["low"]), _plain(row["high"]))
        for row in sorted(rows, key=lambda row: str(row["group"]))
        if row["attribute"] in by and row["n"]
    }


def _table_notes(table: Table, comparisons: Sequence[Mapping[str, Any]]) -> list[str]:
    notes = []
    if "embedded" in str(table.terms.get("critic_model")).split(","):
        notes.append("the embedded critic's verdicts mean nothing; this table only shows how one looks")
    if table.terms.get("mode") == "baseline":
        notes.append("mode baseline: the models do not see the persona; this is the floor, not their rate")
    places = {str(m.task.metadata.get("critic_endpoint")) for ms in table.models.values() for m in ms.values()}
    if len(places) > 1:
        notes.append(
            f"the critic ran on several endpoints ({', '.join(sorted(places))}), which may serve it differently"
        )
    notes += dict.fromkeys(
        doubt for ms in table.models.values() for m in ms.values() for doubt in cards.doubts(m.task.metadata)
    )
    flips = sum(bool(c.get("undetermined") and c.get("difference")) for c in comparisons)
    if flips:
        notes.append(f"in {flips} of {len(comparisons)} comparisons the missing verdicts could turn the sign")
    return notes


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float, np.number)) else float("nan")


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: NaN and infinity are None."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (int, str)) or value is None:
        return value if not isinstance(value, str) or value != "N/A" else None
    return float(value) if math.isfinite(_number(value)) else None
