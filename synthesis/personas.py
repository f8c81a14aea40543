"""Writes the embedded personas: 150 adults with all 33 attributes, consistent with themselves, the same bytes each time.

    python synthesis/personas.py persona_metrics/data/personas.jsonl

Shares of sex, age, race, education, party and religion follow the rounded national figures named beside them; the rest is
composed by rules so that no persona contradicts itself. It is a sample to start with, not a model of the population.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

N, SEED = 150, 20241

# ACS 2022 1-year, B01001, adults: shares rounded to a hundredth.
AGES = [((18, 24), 12), ((25, 34), 17), ((35, 44), 17), ((45, 54), 15), ((55, 64), 16), ((65, 74), 13), ((75, 90), 9)]
RACES = [
    ("White alone", 66),
    ("Black or African American alone", 12),
    ("Asian alone", 6),
    ("Two or More Races", 9),
    ("Some Other Race alone", 6),
    ("American Indian alone", 1),
]  # ACS 2022, adults
# Pew 2023-24 religious landscape; Gallup 2024 ideology and party.
RELIGIONS = [
    ("Protestant", 40),
    ("Catholic", 19),
    ("No religion", 29),
    ("Jewish", 2),
    ("Muslim", 1),
    ("Buddhist", 1),
    ("Hindu", 1),
    ("Other Christian", 3),
]
IDEOLOGY = [("Very conservative", 9), ("Conservative", 28), ("Moderate", 34), ("Liberal", 16), ("Very liberal", 9)]
EDUCATION = [
    ("No high school diploma", 10),
    ("High school diploma", 28),
    ("Some college, no degree", 16),
    ("Associate's degree", 9),
    ("Bachelor's degree", 22),
    ("Master's degree", 10),
    ("Professional or doctoral degree", 4),
]  # ACS 2023 DP02, 25 and over

LEVELS = [
    "No high school diploma",
    "High school diploma",
    "Some college, no degree",
    "Associate's degree",
    "Bachelor's degree",
    "Master's degree",
    "Professional or doctoral degree",
]
# (job, occupation category, industry, class of worker, least and greatest schooling, youngest age, income range in $1,000)
JOBS = [
    ("cashier at a supermarket", "Sales", "Retail trade", "Private company", 0, 2, 18, (17, 31)),
    (
        "line cook in a diner",
        "Food preparation and serving",
        "Restaurants and lodging",
        "Private company",
        0,
        2,
        18,
        (20, 36),
    ),
    ("warehouse order picker", "Transportation and moving", "Warehousing", "Private company", 0, 2, 18, (28, 44)),
    ("long-haul truck driver", "Transportation and moving", "Transportation", "Private company", 0, 3, 21, (45, 82)),
    (
        "owner of a small landscaping business",
        "Building and grounds",
        "Services to buildings",
        "Self-employed",
        0,
        4,
        25,
        (32, 95),
    ),
    ("house painter", "Construction", "Construction", "Self-employed", 0, 2, 20, (27, 61)),
    ("electrician on building sites", "Construction", "Construction", "Private company", 1, 3, 23, (48, 92)),
    ("welder in a shipyard", "Production", "Manufacturing", "Private company", 0, 3, 20, (41, 72)),
    ("machine operator in a food plant", "Production", "Manufacturing", "Private company", 0, 2, 18, (31, 52)),
    ("car mechanic", "Installation and repair", "Repair services", "Private company", 0, 3, 19, (34, 66)),
    ("home health aide", "Healthcare support", "Health care", "Private company", 0, 3, 18, (22, 37)),
    ("dental hygienist", "Healthcare", "Health care", "Private company", 3, 4, 22, (62, 94)),
    ("registered nurse on a cardiac ward", "Healthcare", "Health care", "Nonprofit", 3, 5, 23, (64, 112)),
    ("family physician", "Healthcare", "Health care", "Private company", 6, 6, 31, (178, 290)),
    ("hair stylist", "Personal care", "Personal services", "Self-employed", 1, 3, 19, (21, 48)),
    ("preschool teacher", "Education", "Education", "Nonprofit", 2, 4, 21, (27, 45)),
    ("high school history teacher", "Education", "Education", "Local government", 4, 5, 23, (46, 88)),
    ("school bus driver", "Transportation and moving", "Education", "Local government", 1, 2, 22, (24, 41)),
    ("librarian in a town library", "Education", "Public administration", "Local government", 5, 5, 26, (48, 76)),
    ("police officer", "Protective service", "Public administration", "Local government", 2, 4, 22, (54, 108)),
    ("mail carrier", "Office and administrative", "Postal service", "Federal government", 1, 3, 20, (45, 70)),
    ("receptionist at a clinic", "Office and administrative", "Health care", "Private company", 1, 3, 18, (28, 42)),
    (
        "bookkeeper for three small firms",
        "Office and administrative",
        "Professional services",
        "Self-employed",
        2,
        4,
        25,
        (34, 64),
    ),
    ("insurance claims adjuster", "Business and finance", "Insurance", "Private company", 2, 4, 23, (49, 83)),
    (
        "accountant in a mid-sized firm",
        "Business and finance",
        "Professional services",
        "Private company",
        4,
        5,
        23,
        (58, 118),
    ),
    ("software developer", "Computer and mathematical", "Information", "Private company", 4, 5, 22, (82, 174)),
    ("help desk technician", "Computer and mathematical", "Information", "Private company", 2, 4, 20, (40, 67)),
    ("civil engineer for the state", "Engineering", "Public administration", "State government", 4, 5, 23, (68, 121)),
    ("research chemist", "Science", "Manufacturing", "Private company", 5, 6, 28, (81, 142)),
    ("attorney in family law", "Legal", "Professional services", "Self-employed", 6, 6, 28, (84, 210)),
    (
        "social worker in child services",
        "Community and social service",
        "Social assistance",
        "State government",
        4,
        5,
        23,
        (43, 68),
    ),
    ("store manager in a hardware chain", "Management", "Retail trade", "Private company", 1, 4, 26, (46, 89)),
    ("regional operations manager", "Management", "Transportation", "Private company", 4, 5, 30, (92, 168)),
    ("cattle rancher", "Farming", "Agriculture", "Self-employed", 1, 4, 25, (24, 98)),
    ("graphic designer", "Arts and media", "Professional services", "Self-employed", 3, 5, 22, (35, 84)),
    ("hotel housekeeper", "Building and grounds", "Restaurants and lodging", "Private company", 0, 1, 18, (22, 34)),
]
TRAITS = ("Openness", "Conscientiousness", "Extraversion", "Agreeableness", "Neuroticism")
GRADES = [("Extremely Low", 7), ("Low", 24), ("Average", 38), ("High", 24), ("Extremely High", 7)]
QUIRKS = """keeps a pencil behind the ear and forgets it there|names every car and appliance|reads the last page of a book first
never takes the elevator under five floors|collects matchbooks from places long closed|hums when a task is going well
writes lists and then copies them out neatly|corrects menus in pencil|will not start a day without the crossword
saves every birthday card|talks to the plants|always carries a pocket knife and offers it|knows the weather of three cities
alphabetises the spice rack|tastes food with eyes shut|whistles old jingles|refuses to own a clock that ticks
photographs unusual mailboxes|keeps a jar of foreign coins|can't pass a thrift shop|times eggs by singing
wears odd socks on purpose|gives directions by landmarks that are gone|reads instructions aloud|stores string by length
apologises to furniture when bumping into it|rates every sandwich on a scale of ten|keeps the receipt for everything
has watched the same film every winter since childhood|invents backstories for strangers in line""".replace(
    "\n", "|"
).split("|")
MANNERISMS = """speaks slowly and leaves long pauses|laughs before the punch line|taps the table when thinking|uses both hands to explain
looks away while searching for a word|ends sentences with a question|stands very straight|answers with a story
nods along while others talk|rubs the back of the neck when unsure|speaks in half sentences|keeps a dry tone
repeats the other person's last words|lowers the voice to make a point|folds the arms and tilts the head
greets everybody by name|counts points off on the fingers|smiles with one corner of the mouth|interrupts and then apologises
fiddles with a ring|clears the throat before disagreeing|draws little diagrams on napkins|winks when teasing
speaks fast and doubles back|waits until everybody else has spoken""".replace("\n", "|").split("|")
PASTIMES = """restoring an old radio|fishing from the same pier|knitting scarves for a shelter|playing pickup basketball on Sundays
long walks with a podcast|baking bread and giving it away|building model railways|singing in a choir|tending tomatoes on a balcony
playing chess online|repairing bicycles for the neighbourhood|watching birds with a logbook|learning the guitar from videos
playing dominoes with friends|sewing quilts|cooking through one cookbook a year|hiking state parks|going to flea markets
following a minor league team|writing letters by hand|gaming with friends in other cities|painting small watercolours
volunteering at a food pantry|listening to old records|swimming laps before work|doing jigsaw puzzles|dancing on Friday nights
reading history in the evening|trying out recipes for hot sauce|tinkering with a small telescope""".replace(
    "\n", "|"
).split("|")
LIVES = """keeps early hours and a fixed routine|lives frugally and mends what breaks|eats little meat and cooks at home
spends freely on food and little else|is always on the go and sleeps too little|likes a quiet home and few visitors
keeps an open door for friends|plans weeks ahead|takes each day as it comes|lives by the seasons and the weather
is glued to the news|avoids screens after dinner|saves for one big trip every few years|walks everywhere that can be walked
shops local as a matter of principle|drives a lot and likes it that way|keeps to a budget written in a notebook
works out most mornings|puts comfort before looks|is trying to own fewer things""".replace("\n", "|").split("|")
STATES = [
    "Texas",
    "California",
    "Ohio",
    "Florida",
    "Georgia",
    "Pennsylvania",
    "Michigan",
    "Minnesota",
    "Arizona",
    "Tennessee",
    "Oregon",
    "Kansas",
    "Louisiana",
    "Maine",
    "Virginia",
    "Illinois",
]
ABROAD = {
    "Asian alone": [
        ("India", "Hindi", "Indian"),
        ("Philippines", "Tagalog", "Filipino"),
        ("Vietnam", "Vietnamese", "Vietnamese"),
        ("China", "Mandarin", "Chinese"),
        ("South Korea", "Korean", "Korean"),
    ],
    "Black or African American alone": [
        ("Nigeria", "Yoruba", "Nigerian"),
        ("Jamaica", "English", "Jamaican"),
        ("Haiti", "Haitian Creole", "Haitian"),
    ],
    "White alone": [("Poland", "Polish", "Polish"), ("Germany", "German", "German"), ("Iran", "Persian", "Iranian")],
    "Some Other Race alone": [
        ("Mexico", "Spanish", "Mexican"),
        ("El Salvador", "Spanish", "Salvadoran"),
        ("Guatemala", "Spanish", "Guatemalan"),
    ],
    "Two or More Races": [
        ("Mexico", "Spanish", "Mexican"),
        ("Cuba", "Spanish", "Cuban"),
        ("Brazil", "Portuguese", "Brazilian"),
    ],
}
FOREIGN_SHARE = {
    "White alone": 6,
    "Black or African American alone": 12,
    "Asian alone": 66,
    "Two or More Races": 35,
    "Some Other Race alone": 50,
    "American Indian alone": 0,
}
ROOTS = {
    "White alone": ["German", "Irish", "English", "Italian", "Polish", "Scottish", "French", "Norwegian"],
    "Black or African American alone": ["African American"],
    "Asian alone": ["Chinese", "Indian", "Filipino", "Japanese", "Korean"],
    "Two or More Races": ["Mexican", "German and Black", "Puerto Rican", "Irish and Cherokee", "Filipino and English"],
    "Some Other Race alone": ["Mexican", "Puerto Rican", "Salvadoran"],
    "American Indian alone": ["Navajo", "Choctaw", "Ojibwe"],
}


def pick(rng: random.Random, table: list) -> object:
    """Return one entry of (value, weight) pairs."""
    return rng.choices([v for v, _ in table], [w for _, w in table])[0]


def persona(rng: random.Random, index: int) -> dict[str, str]:
    """Return one consistent adult."""
    low, high = pick(rng, AGES)
    age, sex, race = rng.randint(low, high), rng.choice(["Female", "Male"]), pick(rng, RACES)
    schooling = LEVELS.index(pick(rng, EDUCATION))
    schooling = min(schooling, 2 if age < 20 else 3 if age < 22 else 4 if age < 24 else 5 if age < 30 else 6)
    foreign = rng.random() * 100 < FOREIGN_SHARE[race]
    if foreign:
        birth, language, roots = rng.choice(ABROAD[race])
        citizen = rng.choice(["Naturalized citizen", "Naturalized citizen", "Not a citizen"])
        english = "Native" if language == "English" else rng.choice(["Very well", "Very well", "Well", "Not well"])
    else:
        birth, roots, citizen = rng.choice(STATES), rng.choice(ROOTS[race]), "Born in the United States"
        spanish = race in ("Some Other Race alone", "Two or More Races") and roots in (
            "Mexican",
            "Puerto Rican",
            "Salvadoran",
        )
        language = rng.choice(["Spanish", "English"]) if spanish else "English"
        english = "Native" if language == "English" else "Very well"
    hard = {
        "cognitive difficulty": 5,
        "vision difficulty": 2 + (age > 70) * 5,
        "hearing difficulty": 2 + (age > 70) * 16,
    }
    hard = {name: "Yes" if rng.random() * 100 < share else "No" for name, share in hard.items()}
    named = [name.split()[0] for name, value in hard.items() if value == "Yes"]
    work = pick(
        rng,
        [
            ("Employed", 20 if age > 70 else 45 if age > 63 else 78),
            ("Retired", 75 if age > 70 else 48 if age > 63 else 5 if age > 57 else 0),
            ("Unemployed", 0 if age > 70 else 4),
            ("Student", 32 if age < 24 else 0),
            ("Keeping house", 8 if age > 22 else 2),
            ("Unable to work", 4 if 30 < age < 66 else 0),
        ],
    )
    fitting = [j for j in JOBS if j[4] <= schooling <= j[5] and j[6] <= age]
    job = rng.choice(fitting) if work in ("Employed", "Retired", "Unemployed") else None
    income = {
        "Student": rng.randint(0, 14),
        "Keeping house": rng.randint(0, 12),
        "Unable to work": rng.randint(9, 17),
    }.get(work)
    if job and work == "Employed":
        income = rng.randint(*job[7])
    elif job:
        income = rng.randint(15, max(18, job[7][1] // 2)) if work == "Retired" else rng.randint(0, 14)
    married = pick(
        rng,
        [
            ("Never married", 88 if age < 25 else 45 if age < 35 else 20 if age < 55 else 9),
            ("Married", 10 if age < 25 else 45 if age < 35 else 58),
            ("Divorced", 1 if age < 30 else 14),
            ("Widowed", 30 if age > 74 else 10 if age > 64 else 1),
        ],
    )
    kids = (
        rng.choice([0, 1, 2, 2, 3])
        if 25 < age < 55 and married != "Never married"
        else rng.choice([0, 0, 0, 0, 1])
        if 20 < age < 50
        else 0
    )
    youngest = rng.randint(0, min(17, age - 20)) if kids else None
    if kids:
        household = "Married couple with children" if married == "Married" else "Single parent with children"
        oldest = min(17, youngest + (kids - 1) * 2)
        family = (
            "One child, " + (f"aged {youngest}" if youngest else "under one year old")
            if kids == 1
            else f"{kids} children, aged {youngest} to {max(oldest, youngest + kids - 1)}"
        )
    elif married == "Married":
        household, family = "Married couple", "Spouse, no children at home"
    else:
        household = rng.choice(
            [
                "Lives alone",
                "Lives alone",
                "Shares with roommates" if age < 35 else "Lives alone",
                "Lives with parents" if age < 30 else "Lives with a relative",
            ]
        )
        family = {"Lives with parents": "Parents, no children", "Lives with a relative": "A relative, no children"}.get(
            household, "No family in the household"
        )
    gave = sex == "Female" and 18 <= age <= 44 and youngest == 0
    fertility = (
        "Not applicable"
        if sex == "Male" or age > 50
        else f"Gave birth in the past 12 months: {'yes' if gave else 'no'}"
    )
    ideology = pick(rng, IDEOLOGY)
    party = pick(
        rng,
        {
            "V": [("Republican", 8), ("Independent, leans Republican", 3), ("Democrat", 1)],
            "C": [("Republican", 6), ("Independent, leans Republican", 4), ("Democrat", 1)],
            "M": [("Independent", 5), ("Democrat", 3), ("Republican", 3)],
            "L": [("Democrat", 7), ("Independent, leans Democrat", 4)],
        }["L" if "liberal" in ideology.lower() else ideology[0]],
    )
    faith = pick(rng, RELIGIONS)
    veteran = (
        citizen != "Not a citizen"
        and age > 24
        and rng.random() < ((0.16 if age > 65 else 0.07) if sex == "Male" else 0.013)
    )
    insurance = (
        "Medicare"
        if age >= 65
        else "Through an employer"
        if work == "Employed" and job[3] != "Self-employed" and rng.random() < 0.85
        else "Medicaid"
        if income < 20
        else rng.choice(["Bought directly", "Bought directly", "None"])
    )
    doing = f"{'an' if job and job[0][0] in 'aeiou' else 'a'} {job[0]}" if job else ""
    detailed = {
        "Employed": f"Works as {doing}",
        "Retired": f"Retired; used to work as {doing}",
        "Unemployed": f"Looking for work; last worked as {doing}",
        "Student": "Studies full time",
        "Keeping house": "Keeps house",
        "Unable to work": "Does not work because of a health condition",
    }[work]
    if work == "Unable to work":
        named = named or ["walking"]
    first, second = rng.sample(range(len(QUIRKS)), 2)
    scores = ", ".join(f"{t}: {pick(rng, GRADES)}" for t in TRAITS)
    pastime, other = rng.sample(PASTIMES, 2)
    return {
        "id": f"p{index:04d}",
        "age": str(age),
        "sex": sex,
        "race": race,
        "ancestry": roots,
        "household language": language,
        "education": LEVELS[schooling],
        "employment status": work,
        "class of worker": job[3] if job else "Not applicable",
        "industry category": job[2] if job else "Not applicable",
        "occupation category": job[1] if job else "Not applicable",
        "detailed job description": detailed,
        "income": str(income * 1000 + rng.randrange(10) * 100 if income else 0),
        "marital status": married,
        "household type": household,
        "family presence and age": family,
        "place of birth": birth,
        "citizenship": citizen,
        "veteran status": "Veteran" if veteran else "Never served",
        "disability": f"Yes ({', '.join(named)})" if named else "None",
        "health insurance": insurance,
        "big five scores": scores,
        "defining quirks": f"{QUIRKS[first]}; {QUIRKS[second]}".capitalize(),
        "mannerisms": "; ".join(rng.sample(MANNERISMS, 2)).capitalize(),
        "personal time": f"{pastime}, and sometimes {other}".capitalize(),
        "lifestyle": " and ".join(rng.sample(LIVES, 2)).capitalize(),
        "ideology": ideology,
        "political views": party,
        "religion": faith,
        "cognitive difficulty": hard["cognitive difficulty"],
        "ability to speak english": english,
        "vision difficulty": hard["vision difficulty"],
        "fertility": fertility,
        "hearing difficulty": hard["hearing difficulty"],
    }


def main() -> None:
    """Write the file named on the command line."""
    rng = random.Random(SEED)
    rows = [persona(rng, index) for index in range(1, N + 1)]
    Path(sys.argv[1]).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
