"""Fits ancestry of those born here, given race and Hispanic origin."""

from __future__ import annotations

import numpy as np

from ..draw import read_rows, write_table
from ..vocabulary import RACE
from .source import Source

EUROPEAN = {
    "American": 125, "Arab": 126, "Czech": 127, "Danish": 128, "Dutch": 129, "English": 130, "French": 131,
    "French Canadian": 132, "German": 133, "Greek": 134, "Hungarian": 135, "Irish": 136, "Italian": 137,
    "Lithuanian": 138, "Norwegian": 139, "Polish": 140, "Portuguese": 141, "Russian": 142, "Scotch-Irish": 143,
    "Scottish": 144, "Slovak": 145, "Swedish": 147, "Swiss": 148, "Ukrainian": 149, "Welsh": 150,
}  # fmt: skip
"""Line of DP02 of each ancestry that Whites report."""

NATIONS = {
    "Navajo": 19, "Cherokee": 17, "Choctaw": 9, "Ojibwe": 8, "Sioux": 8, "Apache": 6, "Lumbee": 5, "Pueblo": 5,
    "Creek": 4, "Iroquois": 4, "Blackfeet": 3, "Yaqui": 2, "Yup'ik": 3, "Tlingit": 2, "Chickasaw": 3, "Potawatomi": 2,
}  # fmt: skip
ISLANDS = {"Native Hawaiian": 44, "Samoan": 24, "Chamorro": 17, "Tongan": 10, "Fijian": 5}
SEVERAL = {
    "Irish and Cherokee": 10, "German and African American": 12, "Filipino and English": 9, "Japanese and German": 8,
    "Chinese and Irish": 7, "African American and Choctaw": 8, "Korean and African American": 5, "Scottish and Navajo": 4,
    "Native Hawaiian and Chinese": 5, "Italian and African American": 7, "Indian and English": 4, "Vietnamese and French": 4,
    "German and Ojibwe": 6, "African American and Irish": 11,
}  # fmt: skip
HISPANIC_GROUPS = ("Mexican", "Puerto Rican", "Cuban")
OTHER_HISPANIC = {
    "Salvadoran": 19, "Dominican": 17, "Guatemalan": 12, "Colombian": 10, "Honduran": 8, "Spaniard": 13, "Ecuadorian": 6,
    "Peruvian": 5, "Nicaraguan": 4, "Venezuelan": 3, "Argentinean": 3,
}  # fmt: skip


def fit_ancestry(source: Source) -> None:
    """Write ancestry given race and Hispanic origin."""
    countries = read_rows("countries")
    asian = {r["ancestry"]: float(r["number"]) * float(r["a"]) for r in countries if r["region"] == "Asia"}
    middle_eastern = {
        "Lebanese": 30,
        "Iranian": 20,
        "Syrian": 12,
        "Egyptian": 12,
        "Armenian": 15,
        "Iraqi": 6,
        "Turkish": 5,
    }
    white = {name: float(source.dp02(line)[0]) for name, line in EUROPEAN.items()}
    arab = white.pop("Arab")
    for name, share in middle_eastern.items():
        white[name] = arab * share / 100
    caribbean, african = source.dp02(151)[0], source.dp02(146)[0]
    black = {
        # Half of West Indians and four in ten who report an African ancestry were born here (assumed).
        "African American": 37e6,
        "Jamaican": caribbean * 0.5 * 0.45,
        "Haitian": caribbean * 0.5 * 0.4,
        "Trinidadian": caribbean * 0.5 * 0.15,
        "Nigerian": african * 0.4 * 0.3,
        "African": african * 0.4 * 0.5,
        "Ethiopian": african * 0.4 * 0.1,
        "Ghanaian": african * 0.4 * 0.1,
    }
    micro = source.microdata
    hispanic = micro[micro["hispanic group"] > 0].groupby("hispanic group")["weight"].sum()
    share = hispanic / hispanic.sum()
    latin = {name: float(share[i + 1]) for i, name in enumerate(HISPANIC_GROUPS)}
    latin |= {name: float(share[4]) * part / 100 for name, part in OTHER_HISPANIC.items()}
    further = {
        "American": 30,
        "Brazilian": 8,
        "Cape Verdean": 8,
        "Guyanese": 8,
        "Lebanese": 10,
        "Portuguese": 10,
        "Creole": 12,
    }
    rows = [white, black, NATIONS, asian, ISLANDS, further, SEVERAL]
    names = sorted({name for row in (*rows, latin) for name in row})
    shares = np.zeros((len(RACE), 2, len(names)))
    for r, row in enumerate(rows):
        for name, value in row.items():
            shares[r, 0, names.index(name)] = value
        for name, value in latin.items():
            shares[r, 1, names.index(name)] = value
    write_table(
        "ancestry",
        {
            "source": "ACS 2023 profile; ACS 2019 microdata (Hispanic groups)",
            "table": "DP02 lines 124-151; HISP",
            "year": "2023; 2019",
            "universe": "adults born as citizens",
            "kind": "published counts of those who report an ancestry of Europe, the Caribbean or Africa, made to sum to 1;"
            " Hispanic groups computed; nations, islands, mixed and further ones assumed; immigrants have their country's",
        },
        {"race": RACE, "hispanic": ["no", "yes"]},
        names,
        shares,
    )
