"""Fits the household's language and English."""

from __future__ import annotations

import numpy as np

from ..basics import People, birth_key, forebears, upbringing, upbringings
from ..draw import read_rows, read_table, write_table
from ..vocabulary import ENGLISH, LANGUAGE
from .adjust import Margin, base_margin, factor_shares, fit_parts, scaled
from .birth import profile_of
from .source import Source, rake, totals


def fit_language(source: Source, people: People) -> None:
    """Write the household's language given birthplace or origin; ancestry_language.csv says who may speak which."""
    countries = read_rows("countries")
    english_only = profile_of(source, "151")
    profile = {}
    for r in countries:
        others = np.array([float(r[k]) for k in ("es", "ie", "ap", "ot")]) + 1e-6
        only = english_only[r["country"]][0]
        profile[r["country"]] = [only, *(others / others.sum() * (100 - only))]
    home = np.array(
        [
            [42.0, 57, 0.6, 0.2, 0.2],
            [97.2, 0.9, 1.5, 0.1, 0.3],
            [97.0, 1.2, 0.9, 0.1, 0.8],
            [57.0, 0.8, 10, 30, 2.2],
            [80.0, 2.0, 0.5, 0.5, 17],
            [58.0, 1.0, 0.5, 40, 0.5],
            [93.0, 3.0, 1.6, 1.4, 1],
        ]
    )
    keys = upbringings()
    seed = np.vstack([home, [[14.0, 84, 0.2, 1.6, 0.2]], list(profile.values())])
    speech = upbringing(people)
    persons = np.bincount(speech, minlength=len(keys)).astype(float)
    published = source.dp02(113, 116, 118, 120, 122)
    goal = rake(
        seed * np.maximum(persons, 1e-6)[:, None],
        ((1,), published / published.sum() * persons.sum()),
        ((0,), np.maximum(persons, 1e-6)),
    )
    mask = (read_table("ancestry_language").shares, (forebears(people),))
    start = seed / seed.sum(axis=1, keepdims=True)
    (fitted,) = fit_parts(start, [Margin((speech,), goal, np.arange(5))], [mask], rounds=30)
    # The young of each ancestry speak English at least.
    fitted = np.maximum(fitted / fitted.sum(axis=1, keepdims=True), 1e-6 * (np.arange(5) == 0))
    write_table(
        "language",
        {
            "source": "ACS 2023 profile; ACS 2018, Selected Population Profile; seeds in countries.csv",
            "table": "DP02 lines 112-122; S0201",
            "year": "2023; 2018",
            "universe": "adults (the table's universe, 5 and over, is taken for them)",
            "kind": "computed: who speaks only English is published by country of birth; assumed shares of the other languages, and"
            " those by origin; raked to the published languages, given who may speak which (ancestry_language.csv)",
        },
        {"upbringing": keys},
        LANGUAGE,
        fitted,
    )


def fit_english(source: Source, people: People) -> None:
    """Write ability to speak English given language, nativity and schooling."""
    learned = np.array([0, 1, 1, 2, 2])[people["schooling"]]
    persons = totals((5, 2, 3), people["language"], people["foreign"], learned)
    spoken = source.dp02(116, 118, 120, 122)
    weak = source.dp02(117, 119, 121, 123) / spoken
    seed = np.array(
        [
            [[80.0, 14, 5, 1], [88, 9, 2.7, 0.3], [95, 4.4, 0.6, 0]],
            [[18.0, 26, 36, 20], [38, 30, 24, 8], [64, 25, 10, 1]],
        ]
    )
    shares = np.zeros((5, 2, 3, 5))
    shares[0, ..., 0] = 1.0
    for language in range(4):
        count = persons[language + 1]
        goal = count.sum() * np.array([1 - weak[language], *(weak[language] * np.array([0.46, 0.36, 0.18]))])
        fitted = rake(seed * count[..., None], ((2,), goal), ((0, 1), count))
        shares[language + 1, ..., 1:] = fitted
    countries = [r["country"] for r in read_rows("countries")]
    figures = profile_of(source, "152", "153")
    less = np.array([figures[name][1] / figures[name][0] for name in ("native", *countries)])
    birth, speaks = birth_key(people), (people["language"] > 0).astype(np.int64)
    group = np.array([0, 0, 1, 1, 1])
    keys = (people["language"], people["foreign"], learned)
    base = base_margin(shares, keys)
    by_group = np.array([base.goal[1:, ..., :2].sum(), base.goal[1:, ..., 2:].sum()])
    goal = scaled(np.stack([1 - less, less], axis=1), totals((len(less),), birth[speaks == 1]), by_group)
    shares, factor = fit_parts(shares, [base, Margin((birth,), goal, group, speaks)], rounds=40)
    write_table(
        "english_by_birth",
        {
            "source": "ACS 2018, Selected Population Profile",
            "table": "S0201 (its region's row where a country has none)",
            "year": "2018",
            "universe": "factors for adults who speak another language at home",
            "kind": "computed: what the country of birth changes in English given language, nativity and schooling",
        },
        {"birth": ["Born a citizen", *countries]},
        ENGLISH,
        factor_shares(factor),
    )
    write_table(
        "english",
        {
            "source": "ACS 2023 profile",
            "table": "DP02 lines 116-123",
            "year": "2023",
            "universe": "adults who speak another language at home",
            "kind": "very well against less is published by language; the levels below (46, 36 and 18 percent), and how they"
            " differ by nativity and schooling, are assumed and raked",
        },
        {
            "language": LANGUAGE,
            "nativity": ["Born a citizen", "Foreign-born"],
            "schooling": ["No diploma", "High school or some college", "Bachelor's degree or more"],
        },
        ENGLISH,
        shares,
    )
