"""The words every persona is written in: the labels of each census attribute, and which columns each part hands on.

The labels follow the American Community Survey's public use file (PUMS 2023) where it has the attribute; where PUMS
describes a household and we describe a person in it (``household type``), they say it from the person's side.
"""

from __future__ import annotations

from ..personas import ATTRIBUTES

PERSON_ATTRIBUTES: tuple[str, ...] = (
    "big five scores",
    "defining quirks",
    "mannerisms",
    "personal time",
    "lifestyle",
    "ideology",
    "political views",
    "religion",
)
"""Columns of ``person.sample(census, rng)``, all text, in the order of the census rows."""

CENSUS_ATTRIBUTES: tuple[str, ...] = tuple(name for name in ATTRIBUTES if name not in PERSON_ATTRIBUTES)
"""Columns of ``census.sample(n, rng)``: age (18 to 99) and income (dollars a year) are int64, all others text."""

EXTRA_ATTRIBUTES: tuple[str, ...] = ("state of residence", "urbanity")
"""Columns beyond the 33 that ``census.sample`` adds and a generated persona carries; shown only where asked for."""

URBANITY = ("City", "Suburb", "Small town", "Rural area")
"""As the American National Election Studies ask where a person lives."""

HELPER_COLUMNS: dict[str, str] = {
    "_hispanic": "bool: of Hispanic or Latino origin (of any race)",
    "_race_origin": "Hispanic | White | Black | Asian | Other (the last four not Hispanic)",
    "_birth_region": "United States | U.S. territory | Europe | Asia | Africa | Oceania | Latin America | Northern America",
    "_region": "Northeast | Midwest | South | West: where the person lives",
    "_activity": "one of ACTIVITIES: what the person mainly does",
    "_hours": "int: usual hours of work a week, 0 for those who do not work",
    "_job": "the present job's title, or the last one's; empty where there never was one",
    "_children": "int: own children under 18 at home",
    "_young_children": "bool: one of them is under 6",
    "_walking_difficulty": "bool: difficulty walking, dressing or living alone",
}
"""Columns that ``census.sample`` adds for the person part and the checks; they are not written into a persona."""

ACTIVITIES: tuple[str, ...] = (
    "working full time",
    "working part time",
    "temporarily off work",
    "armed forces",
    "looking for work",
    "retired",
    "studying",
    "keeping house",
    "unable to work",
)

NOT_APPLICABLE = "Not applicable"

SEX = ("Male", "Female")

RACE = (
    "White alone",
    "Black or African American alone",
    "American Indian or Alaska Native alone",
    "Asian alone",
    "Native Hawaiian or Pacific Islander alone",
    "Some Other Race alone",
    "Two or More Races",
)

EDUCATION = (
    "Less than 9th grade",
    "9th to 12th grade, no diploma",
    "Regular high school diploma",
    "GED or alternative credential",
    "Some college, no degree",
    "Associate's degree",
    "Bachelor's degree",
    "Master's degree",
    "Professional degree beyond a bachelor's degree",
    "Doctorate degree",
)
"""From least to most schooling."""

EMPLOYMENT = (
    "Civilian employed, at work",
    "Civilian employed, with a job but not at work",
    "Armed forces, at work",
    "Unemployed",
    "Not in labor force",
)

CLASS_OF_WORKER = (
    "Employee of a private for-profit company",
    "Employee of a private not-for-profit organization",
    "Local government employee",
    "State government employee",
    "Federal government employee",
    "Self-employed in own incorporated business",
    "Self-employed in own not incorporated business",
    "Working without pay in a family business or farm",
)
"""Those not in the labor force have ``NOT_APPLICABLE``, here and in the next two."""

INDUSTRY = (
    "AGR-Agriculture, forestry, fishing and hunting",
    "EXT-Mining, quarrying, and oil and gas extraction",
    "UTL-Utilities",
    "CON-Construction",
    "MFG-Manufacturing",
    "WHL-Wholesale trade",
    "RET-Retail trade",
    "TRN-Transportation and warehousing",
    "INF-Information",
    "FIN-Finance, insurance, and real estate",
    "PRF-Professional, scientific, and management services",
    "EDU-Educational services",
    "MED-Health care",
    "SCA-Social assistance",
    "ENT-Arts, entertainment, accommodation, and food services",
    "SRV-Other services",
    "ADM-Public administration",
    "MIL-Military",
)

OCCUPATION = (
    "MGR-Management",
    "BUS-Business operations",
    "FIN-Financial operations",
    "CMM-Computer and mathematical",
    "ENG-Architecture and engineering",
    "SCI-Life, physical, and social science",
    "CMS-Community and social service",
    "LGL-Legal",
    "EDU-Education, instruction, and library",
    "ENT-Arts, design, entertainment, sports, and media",
    "MED-Healthcare practitioners and technical",
    "HLS-Healthcare support",
    "PRT-Protective service",
    "EAT-Food preparation and serving",
    "CLN-Building and grounds cleaning and maintenance",
    "PRS-Personal care and service",
    "SAL-Sales",
    "OFF-Office and administrative support",
    "FFF-Farming, fishing, and forestry",
    "CON-Construction and extraction",
    "RPR-Installation, maintenance, and repair",
    "PRD-Production",
    "TRN-Transportation and material moving",
    "MIL-Military",
)

MARITAL = ("Married", "Widowed", "Divorced", "Separated", "Never married")

HOUSEHOLD = (
    "Married couple with own children under 18",
    "Married couple, no own children under 18 at home",
    "Cohabiting couple with own children under 18",
    "Cohabiting couple, no own children under 18 at home",
    "Single parent with own children under 18",
    "Lives alone",
    "Lives with parents",
    "Lives with other relatives",
    "Lives with roommates or other nonrelatives",
    "Group quarters",
)

FAMILY = (
    "No own children under 18 at home",
    "1 own child at home, under 6 years",
    "1 own child at home, 6 to 17 years",
    "2 own children at home, all under 6 years",
    "2 own children at home, under 6 and 6 to 17 years",
    "2 own children at home, all 6 to 17 years",
    "3 or more own children at home, all under 6 years",
    "3 or more own children at home, under 6 and 6 to 17 years",
    "3 or more own children at home, all 6 to 17 years",
)

CITIZENSHIP = (
    "Born in the United States",
    "Born in Puerto Rico or another U.S. territory",
    "Born abroad of American parents",
    "U.S. citizen by naturalization",
    "Not a U.S. citizen",
)

VETERAN = ("Now on active duty", "On active duty in the past, but not now", "Never served in the military")

DISABILITY = (
    "Without a disability",
    "With a disability (cognitive, vision or hearing)",
    "With a disability (walking or self-care)",
)

INSURANCE = (
    "Private health insurance",
    "Medicaid or other public coverage",
    "Private insurance and public coverage",
    "Medicare",
    "Medicare and private insurance",
    "No health insurance",
)
"""The two Medicare labels are for 65 and over, the second and third for those under 65."""

DIFFICULTY = ("Yes", "No")

LANGUAGE = (
    "English only",
    "Spanish",
    "Other Indo-European language",
    "Asian or Pacific Island language",
    "Other language",
)

ENGLISH = ("Speaks only English", "Very well", "Well", "Not well", "Not at all")

FERTILITY = (
    "Gave birth within the past 12 months",
    "No birth within the past 12 months",
    NOT_APPLICABLE,
)
"""``NOT_APPLICABLE`` for men and for women over 50."""

LABELS: dict[str, tuple[str, ...]] = {
    "sex": SEX,
    "race": RACE,
    "education": EDUCATION,
    "employment status": EMPLOYMENT,
    "class of worker": (*CLASS_OF_WORKER, NOT_APPLICABLE),
    "industry category": (*INDUSTRY, NOT_APPLICABLE),
    "occupation category": (*OCCUPATION, NOT_APPLICABLE),
    "marital status": MARITAL,
    "household type": HOUSEHOLD,
    "family presence and age": FAMILY,
    "citizenship": CITIZENSHIP,
    "veteran status": VETERAN,
    "disability": DISABILITY,
    "health insurance": INSURANCE,
    "cognitive difficulty": DIFFICULTY,
    "vision difficulty": DIFFICULTY,
    "hearing difficulty": DIFFICULTY,
    "household language": LANGUAGE,
    "ability to speak english": ENGLISH,
    "fertility": FERTILITY,
}
"""Every label of every attribute with a closed list. ``place of birth`` is a state or a country's name, ``ancestry`` a
people's ("German", "African American", "Mexican"), ``detailed job description`` a sentence."""
