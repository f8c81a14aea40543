"""Fits the big five: how sex and age shift each trait, and how the traits go together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..bank import TRAITS
from ..draw import POPULATION, Floats
from ..vocabulary import SEX
from .source import Source

AGES = (18, 25, 35, 45, 55)
AGE_LABELS = ("18-24", "25-34", "35-44", "45-54", "55+")

HEADER = {
    "source": "psych::bfi (SAPA project, 2,552 adults of a web sample, 25 IPIP items)",
    "table": "means of five scales by sex and age; correlations of the scales",
    "year": "2010",
    "universe": "adults who took a test on the web",
    "kind": "computed: differences and correlations only, never levels; the age trend is a line through the groups' means"
    " weighted by their size, for few were over 55, and flat from there on",
}


def fit_big_five(source: Source) -> None:
    """Write each trait's mean by sex and age, in standard deviations of US adults, and the correlations within a cell."""
    norms = source.table("derived/bfi25_sapa_norms.csv").set_index(pd.Index([t.capitalize() for t in TRAITS]))
    published = source.table("derived/bfi25_sapa_correlations.csv").iloc[:, 1:].to_numpy(dtype=float)
    counts = _counts(source)
    by_age = np.stack([_line(norms.iloc[i], counts) for i in range(len(TRAITS))], axis=1)
    by_sex = np.stack([-norms["d_female_minus_male"] / 2, norms["d_female_minus_male"] / 2])
    means = by_sex[:, None, :] + by_age[None, :, :]
    weight = _adults(source)
    means -= np.einsum("sa,sat->t", weight, means)
    between = np.einsum("sa,sat,sau->tu", weight, means, means)
    _write("big_five_means", HEADER, ("sex", "age"), [(s, a) for s in SEX for a in AGE_LABELS], means.reshape(-1, 5))
    beliefs = {
        "source": "Osborne, Satherley and Sibley 2021; Saroglou 2002 (meta-analyses)",
        "table": "correlations of traits with conservatism; with intrinsic-general religiosity",
        "year": "2021; 2002",
        "universe": "575,691 persons in 232 samples; 13 studies",
        "kind": "published (openness and conscientiousness with conservatism, openness with religiosity); others taken for none",
    }
    _write(
        "big_five_beliefs",
        beliefs,
        ("belief",),
        [("conservatism",), ("religion",)],
        np.array([[-0.145, 0.076, 0, 0, 0], [-0.06, 0, 0, 0, 0]]),
    )
    note = {
        "kind": HEADER["kind"]
        + "; here less what sex and age explain, so that all adults together correlate as published"
    }
    _write("big_five_within", HEADER | note, ("trait",), [(t,) for t in TRAITS], published - between)
    _write("big_five_correlations", HEADER | {"kind": "published"}, ("trait",), [(t,) for t in TRAITS], published)


def _counts(source: Source) -> Floats:
    raw = pd.read_csv(source.folder / "derived/bfi25_sapa_by_sex_age.csv", header=None, skiprows=3)
    return raw.iloc[:, 4].to_numpy(dtype=float).reshape(2, len(AGES)).sum(axis=0)


def _line(norm: pd.Series[float], counts: Floats) -> Floats:
    z = norm[[f"z_{label}" for label in AGE_LABELS]].to_numpy(dtype=float)
    middle = np.array([21.0, 29.5, 39.5, 49.5, 60.0])
    slope, level = np.polyfit(middle, z, 1, w=np.sqrt(counts))
    return np.asarray(level + slope * middle)


def _adults(source: Source) -> Floats:
    by_decade = source.by_decade.sum(axis=2)
    share = np.vstack([by_decade[:4], by_decade[4:].sum(axis=0)]).T
    return np.asarray(share / share.sum())


def _write(
    name: str, header: dict[str, str], keys: tuple[str, ...], rows: list[tuple[str, ...]], values: Floats
) -> None:
    lines = [f"# {key}: {value}" for key, value in header.items()]
    lines.append("|".join([*keys, *TRAITS]))
    lines += ["|".join([*row, *(f"{v:.4f}" for v in line)]) for row, line in zip(rows, values, strict=True)]
    (POPULATION / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
