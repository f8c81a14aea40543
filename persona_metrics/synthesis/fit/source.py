"""Reads the gathered figures: ACS profiles, ACS microdata raked to them, survey tables; and rakes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ..draw import Floats
from ..groups import AGES, age_group, age_labels
from ..vocabulary import RACE, SEX

ADULTS_IN_GROUP_QUARTERS_18_24 = 0.09
"""Assumed: the microdata hold the dormitories of several university towns, 40 percent of their 18 to 24."""


def rake(seed: Floats, *margins: tuple[Sequence[int], Floats], rounds: int = 200) -> Floats:
    """Return ``seed`` fitted to the margins, each given with the axes it keeps (iterative proportional fitting)."""
    from ipfn import ipfn

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fitted = ipfn.ipfn(
            seed.astype(float).copy(),
            [np.asarray(total, dtype=float).copy() for _, total in margins],
            [list(axes) for axes, _ in margins],
            convergence_rate=1e-6,
            max_iteration=rounds,
            # The greatest distance stays where it is if one cell cannot be met; that must not end the others' fitting.
            rate_tolerance=-1.0,
        ).iteration()
    return np.asarray(fitted)


@dataclass(frozen=True)
class Source:
    """The folder of gathered figures."""

    folder: Path

    def table(self, name: str) -> pd.DataFrame:
        """Return one of the gathered CSV files; only an empty field is missing, for "None" is a religion."""
        return pd.read_csv(self.folder / name, keep_default_na=False, na_values=[""])

    @cached_property
    def _profile(self) -> dict[tuple[str, int], float]:
        frame = self.table("acs_dp/US_2023_1yr_DP02_DP03_tidy.csv")
        values = pd.to_numeric(frame["estimate"], errors="coerce")
        return {(t, int(line)): float(v) for t, line, v in zip(frame["table"], frame["line"], values, strict=True)}

    def dp02(self, *lines: int) -> Floats:
        """Return estimates of the 2023 social profile."""
        return np.array([self._profile["DP02", line] for line in lines])

    def dp03(self, *lines: int) -> Floats:
        """Return estimates of the 2023 economic profile."""
        return np.array([self._profile["DP03", line] for line in lines])

    @property
    def adults(self) -> float:
        """Adults of 2023: civilians of 18 and over, and the armed forces."""
        return float(self.dp02(69)[0] + self.dp03(6)[0])

    @cached_property
    def adults_by_sex(self) -> Floats:
        """Men and women of 18 and over: those of 15 and over less the 15 to 17, of whom 51.2 percent are boys."""
        older = self.dp02(25, 31)
        minors = older.sum() - self.adults
        return np.asarray(older - minors * np.array([0.512, 0.488]))

    @cached_property
    def joint(self) -> Floats:
        """Return adults by age band, sex, race and Hispanic origin (axes in this order)."""
        bands = age_labels("band")
        by_race = np.zeros((len(bands), 2, len(RACE)))
        by_origin = np.zeros((len(bands), 2, 2))
        race = self.table("derived/acs2022_adults_age_sex_race.csv")
        hispanic = self.table("derived/acs2022_adults_age_sex_hispanic.csv")
        for i in range(len(race)):
            place = i % len(bands), SEX.index(race.loc[i, "sex"])
            by_race[place] = [race.loc[i, name] for name in RACE]
            by_origin[place][1] = hispanic.loc[i, "Hispanic (any race)"]
        by_origin[..., 0] = by_race.sum(axis=2) - by_origin[..., 1]
        not_hispanic_white = hispanic["White alone, not Hispanic"].to_numpy(dtype=float).reshape(2, len(bands)).T
        # Assumed shares of Hispanics within the races other than White, raked to the published totals by sex and age.
        share = np.array([0.0, 0.05, 0.42, 0.025, 0.13, 0.93, 0.62])
        seed = np.stack([by_race * (1 - share), by_race * share], axis=-1)
        seed[:, :, 0, 0] = not_hispanic_white
        seed[:, :, 0, 1] = np.maximum(by_race[:, :, 0] - not_hispanic_white, 0)
        # White is published as it stands; the others' split gives way.
        rest = by_origin - seed[:, :, 0, :]
        seed[:, :, 1:, :] = rake(seed[:, :, 1:, :], ((0, 1, 3), rest), ((0, 1, 2), by_race[:, :, 1:]))
        return seed

    @cached_property
    def microdata(self) -> pd.DataFrame:
        """Return the adult rows of the ACS 2019 microdata with codes of ours and weights raked to the 2023 margins."""
        rows = self.table("nist_acs2019/national2019.csv")
        rows = rows[rows["AGEP"] >= 18].reset_index(drop=True)
        frame = pd.DataFrame({"age": rows["AGEP"], "sex": rows["SEX"] - 1})
        race = rows["RAC1P"].map({1: 1, 2: 2, 6: 3, 7: 3}).fillna(4)
        frame["origin"] = np.where(rows["HISP"] > 0, 0, race).astype(int)
        frame["hispanic group"] = rows["HISP"]
        education = pd.to_numeric(rows["EDU"], errors="coerce").fillna(5).astype(int)
        frame["education"] = education.map({1: 0, 2: 0, 3: 0, 4: 1, 5: 2, 6: 3, 7: 4, 8: 5, 9: 6, 10: 7, 11: 8, 12: 9})
        frame["marital"] = pd.to_numeric(rows["MSP"]).map({1: 0, 2: 0, 3: 1, 4: 2, 5: 3, 6: 4})
        frame["industry"] = pd.to_numeric(rows["INDP_CAT"], errors="coerce").fillna(-1).astype(int)
        frame["income"] = pd.to_numeric(rows["PINCP"], errors="coerce").fillna(0.0)
        frame["children"] = pd.to_numeric(rows["NOC"], errors="coerce").fillna(0).astype(int)
        for name, column in {"cognitive": "DREM", "vision": "DEYE", "hearing": "DEAR", "walking": "DPHY"}.items():
            frame[name] = (pd.to_numeric(rows[column], errors="coerce") == 1).astype(int)
        frame["quarters"] = rows["HOUSING_TYPE"]
        frame["weight"] = self._raked(frame, rows["PWGTP"].to_numpy(dtype=float))
        return frame

    def _raked(self, frame: pd.DataFrame, weight: Floats) -> Floats:
        young = (frame["age"] < 25).to_numpy()
        dorm = young & (frame["quarters"] == 3).to_numpy()
        share = weight[dorm].sum() / weight[young].sum()
        goal = ADULTS_IN_GROUP_QUARTERS_18_24
        weight = np.where(dorm, weight * goal / share * (1 - share) / (1 - goal), weight)
        age = age_group("decade", frame["age"].to_numpy())
        # Schooling in the profile's seven groups; the young, whom it leaves out, are an eighth.
        groups = np.array([0, 1, 2, 2, 3, 4, 5, 6, 6, 6])[frame["education"].to_numpy()]
        groups = np.where(young, 7, groups)
        place = (age, frame["sex"].to_numpy(), frame["origin"].to_numpy(), groups, frame["marital"].to_numpy())
        seed = np.zeros((len(AGES["decade"]), 2, 5, 8, 5))
        np.add.at(seed, place, weight)
        people = self.by_decade
        education = np.append(self.dp02(*range(60, 67)), 0.0)
        grown = people[1:].sum()
        education *= grown / education.sum()
        education[7] = people[0].sum()
        # Minors of 15 to 17 are taken for never married.
        minors = (self.dp02(25, 31) - self.adults_by_sex)[:, None] * np.array([0, 0, 0, 0, 1.0])
        marital = np.stack([self.dp02(27, 29, 30, 28, 26), self.dp02(33, 35, 36, 34, 32)]) - minors
        marital *= (people.sum(axis=(0, 2)) / marital.sum(axis=1))[:, None]
        fitted = rake(seed, ((3,), education), ((1, 4), marital), ((0, 1, 2), people), rounds=60)
        factor = np.divide(fitted, seed, out=np.zeros_like(seed), where=seed > 0)
        return np.asarray(weight * factor[place])

    @cached_property
    def by_decade(self) -> Floats:
        """Return adults by decade of age, sex and origin."""
        lows = np.array(AGES["band"])
        decade = age_group("decade", lows)
        result = np.zeros((len(AGES["decade"]), 2, 5))
        joint = self.joint
        for r, name in enumerate(RACE):
            at = {"White": 1, "Black": 2, "Asian": 3, "Native": 3}.get(name.split()[0], 4)
            for band, d in enumerate(decade):
                result[d, :, at] += joint[band, :, r, 0]
                result[d, :, 0] += joint[band, :, r, 1]
        return result


def totals(sizes: Sequence[int], *codes: Floats, weight: Floats | None = None) -> Floats:
    """Return the (weighted) number of persons in each combination of codes."""
    result = np.zeros(tuple(sizes))
    np.add.at(result, tuple(np.asarray(c, dtype=np.int64) for c in codes), 1.0 if weight is None else weight)
    return result
