"""Holds personas against the population: every margin and conditional, what may not be, correlations, and texts.

The distance between a sample's shares and a table's is the total variation distance, half the sum of the absolute
differences: the share of persons who would have to change to make them equal. A conditional's is the mean over its
groups, weighted by their persons. Its chance level is the 99th percentile of that distance among samples of the same
size drawn from the table itself: a perfect sample of independent persons stays below it 99 times in a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..errors import PersonaError, shorten
from ..personas import ATTRIBUTES
from . import person, rules
from .bank import TRAITS
from .draw import POPULATION, read_rows
from .leaks import leaks
from .views import UNIVERSES, VIEWS

MARGIN_LIMIT, CONDITIONAL_LIMIT = 0.02, 0.03
"""A distance is within bounds below its limit, or below its chance level where that is higher: few persons are off by chance."""
CHANCE_PERCENTILE, CHANCE_SAMPLES, CHANCE_SEED = 99, 200, 7


@dataclass(frozen=True)
class Distance:
    """One check: ``of`` within the groups of ``given`` (none for a margin), over the persons of ``universe``."""

    of: str
    given: tuple[str, ...]
    universe: str
    kind: str
    source: str
    n: int
    distance: float
    chance: float
    limit: float
    held_out: bool
    rows: list[dict[str, Any]] = field(repr=False)

    @property
    def name(self) -> str:
        """``education | age, sex``."""
        return f"{self.of} | {', '.join(self.given)}" if self.given else self.of

    @property
    def within(self) -> bool:
        """Whether the distance is within its limit."""
        return self.distance <= self.limit


def groups_of(frame: pd.DataFrame, given: Sequence[str]) -> pd.Series:
    """Return each person's group: the labels of the ``given`` views joined, or ``all``."""
    if not given:
        return pd.Series("all", index=frame.index)
    found = VIEWS[given[0]](frame)
    for name in given[1:]:
        found = found + " / " + VIEWS[name](frame)
    return found


def distances(frame: pd.DataFrame) -> list[Distance]:
    """Return every check of ``held_out.csv`` and of ``targets.csv`` on a frame of personas (one column an attribute).

    What nobody of the frame can be asked (no persona states a region) is left out.
    """
    result = []
    # Many checks share a view: each is asked of everybody once.
    views: dict[str, pd.Series] = {}
    groups: dict[tuple[str, ...], pd.Series] = {}
    universes: dict[str, np.ndarray] = {}
    for name in ("held_out", "targets"):
        targets = pd.DataFrame(read_rows(name, POPULATION))
        targets["share"] = targets["share"].astype(float)
        for (of, given, universe), table in targets.groupby(["of", "given", "universe"], sort=False):
            keys = tuple(g for g in str(given).split(" & ") if g)
            if of not in views:
                views[str(of)] = VIEWS[str(of)](frame)
            if keys not in groups:
                groups[keys] = groups_of(frame, keys)
            if universe not in universes:
                universes[str(universe)] = np.asarray(UNIVERSES[str(universe)](frame), dtype=bool)
            asked_of = universes[str(universe)]
            found = _distance(views[str(of)][asked_of], groups[keys][asked_of], str(of), keys, str(universe), table)
            if found.n:
                result.append(found)
    return result


def _distance(
    has: pd.Series, group: pd.Series, of: str, given: tuple[str, ...], universe: str, table: pd.DataFrame
) -> Distance:
    asked = table.pivot_table(index="group", columns="label", values="share", aggfunc="sum", fill_value=0.0, sort=False)
    place = asked.index.get_indexer(pd.Index(group))
    asked_for = (place >= 0) & has.notna().to_numpy()
    place, has = place[asked_for], has[asked_for]
    # A label that the table lacks is a difference too.
    labels = [*asked.columns, *sorted(set(has.unique()) - set(asked.columns))]
    cells = place * len(labels) + pd.Index(labels).get_indexer(pd.Index(has))
    shares = asked.reindex(columns=labels, fill_value=0.0).to_numpy()
    shares = shares / shares.sum(axis=1, keepdims=True)
    found = np.bincount(cells, minlength=shares.size).reshape(shares.shape)
    sizes = found.sum(axis=1)
    distance = _mean_distance(found[None], shares, sizes)[0] if sizes.sum() else 1.0
    rng = np.random.Generator(np.random.PCG64(CHANCE_SEED))
    drawn = np.stack([rng.multinomial(n, p, size=CHANCE_SAMPLES) for n, p in zip(sizes, shares, strict=True)], axis=1)
    chance = float(np.percentile(_mean_distance(drawn, shares, sizes), CHANCE_PERCENTILE)) if sizes.sum() else 0.0
    first = table.iloc[0]
    kind, source = str(first["kind"]), str(first["source"])
    held_out = "allowance" in table
    # A held-out figure is of another year and universe: its allowance comes on top of chance.
    limit = (
        chance + float(first["allowance"]) if held_out else max(chance, CONDITIONAL_LIMIT if given else MARGIN_LIMIT)
    )
    sample = found / np.maximum(sizes, 1)[:, None]
    rows = [
        {"group": group, "label": label, "published": round(float(shares[i, j]), 5), "sample": round(float(sample[i, j]), 5), "n": int(sizes[i])}
        for i, group in enumerate(asked.index)
        for j, label in enumerate(labels)
    ]  # fmt: skip
    n = int(sizes.sum())
    return Distance(of, given, universe, kind, source, n, float(distance), chance, limit, held_out, rows)


def _mean_distance(counts: np.ndarray, shares: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    sample = counts / np.maximum(sizes, 1)[:, None]
    by_group = np.abs(sample - shares).sum(axis=-1) / 2
    return np.asarray((by_group * sizes).sum(axis=-1) / max(sizes.sum(), 1))


@dataclass(frozen=True)
class Texts:
    """How alike the texts of one attribute are; ``compared`` persons were held against each other."""

    attribute: str
    n: int
    duplicates: int
    compared: int
    nearest_median: float
    nearest_highest: float
    nearest_pair: tuple[str, str]


TEXT_ATTRIBUTES = ("defining quirks", "mannerisms", "personal time", "lifestyle")
COMPARED = 2000
"""Nearest neighbours are looked for among the first so many persons: each is compared with every other."""


def texts(frame: pd.DataFrame) -> list[Texts]:
    """Return duplicates and nearest neighbours (cosine of word and word-pair tf-idf, 1 for the same words) of each text."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    result = []
    for name in TEXT_ATTRIBUTES:
        whole = frame[name].fillna("").astype(str)
        part = whole.head(COMPARED)
        median = highest = 0.0
        pair = ("", "")
        if len(part) > 1 and part.str.strip().any():
            rows = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(part)
            alike = (rows @ rows.T).toarray()
            np.fill_diagonal(alike, -1.0)
            nearest = alike.max(axis=1)
            median, highest = float(np.median(nearest)), float(nearest.max())
            first = int(nearest.argmax())
            pair = (part.iloc[first], part.iloc[int(alike[first].argmax())])
        duplicates = int(whole.duplicated().sum())
        result.append(Texts(name, len(whole), duplicates, len(part), round(median, 3), round(highest, 3), pair))
    return result


def report(frame: pd.DataFrame) -> dict[str, Any]:
    """Return everything about a frame of personas as plain values for JSON.

    ``within`` is False where a distance exceeds its limit, a rule is broken, texts tell sex or race better than what
    they may depend on, or a text of two persons among the ``COMPARED`` or fewer is the same. Raises ``PersonaError``
    where the frame lacks what the checks read.
    """
    frame = readable(frame)
    found = distances(frame)
    broken = rules.broken(frame)
    alike = texts(frame)
    together = correlations(frame)
    told = leaks(frame)
    return {
        "n": len(frame),
        "limits": f"{MARGIN_LIMIT} of a margin, {CONDITIONAL_LIMIT} of a conditional, chance level ({CHANCE_PERCENTILE}th percentile) where higher",
        "within": all(d.within for d in found)
        and not any(broken.values())
        and not (len(frame) <= COMPARED and any(t.duplicates for t in alike))
        and all(row.get("within", True) for row in (*together, *told)),
        "rules": broken,
        "distances": [{"name": d.name, "within": d.within, **asdict(d)} for d in found],
        "correlations": together,
        "texts": [asdict(t) for t in alike],
        "leaks": told,
    }  # fmt: skip


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every text a text; raise ``PersonaError`` where a column is missing or cannot be read."""
    if frame.empty:
        raise PersonaError("--check: there is nobody in the file")
    for name in ATTRIBUTES:
        if name not in frame or frame[name].isna().all():
            raise PersonaError(
                f"--check: no persona has {name!r}; the check reads all 33 attributes (see persona-metrics doctor --attributes)"
            )
    numbers = frame[["age", "income"]].apply(pd.to_numeric, errors="coerce")
    for name in ("age", "income"):
        if numbers[name].isna().any():
            first = frame[name][numbers[name].isna()].iloc[0]
            raise PersonaError(f"--check: {name} {shorten(str(first), 40)!r} is no number; write it in plain digits")
    text = frame.drop(columns=["age", "income"]).fillna("").astype(str)
    unread = ~text["big five scores"].str.count(r"\(\d+\)").eq(len(TRAITS))
    if unread.any():
        first = text["big five scores"][unread].iloc[0]
        raise PersonaError(
            f"--check: big five scores {shorten(first, 60)!r}: each must name five scores, as in Openness: High (61)"
        )
    return pd.concat([numbers, text], axis=1)


def correlations(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the big five's correlations and the difference of women and men in standard deviations, asked and found.

    Asked are those of the survey that the scores are drawn from; a correlation is within bounds where it differs by no
    more than three standard errors at this n and 0.03 (the scores are whole numbers, cut off at both ends).
    """
    found = person.read_scores(frame["big five scores"])
    asked = np.array([[float(row[t]) for t in TRAITS] for row in read_rows("big_five_correlations")])
    means = read_rows("big_five_means")
    tolerance = 0.03 + 3 / np.sqrt(len(frame))
    if len(frame) < 3:
        return []
    rows = []

    def put(name: str, wanted: float, value: float) -> None:
        within = abs(wanted - value) <= tolerance
        rows.append({"name": name, "asked": round(wanted, 4), "found": round(value, 4), "within": bool(within)})

    matrix = np.corrcoef(found.T)
    for i, first in enumerate(TRAITS):
        for j in range(i):
            put(f"{first} with {TRAITS[j]}", float(asked[i, j]), float(matrix[i, j]))
    women = (frame["sex"] == "Female").to_numpy()
    for i, trait in enumerate(TRAITS):
        by_sex = [float(np.mean([float(r[trait]) for r in means if r["sex"] == sex])) for sex in ("Male", "Female")]
        apart = found[women, i].mean() - found[~women, i].mean() if women.any() and not women.all() else np.nan
        put(f"{trait}, women less men (standard deviations)", by_sex[1] - by_sex[0], float(apart) / person.SPREAD)
    return rows
