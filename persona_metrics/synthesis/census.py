"""The census part of a persona: draws the joint model in its order and turns positions into labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import basics, health, home, work
from . import vocabulary as words
from .basics import People
from .draw import Codes, read_rows
from .groups import ORIGIN, REGION
from .work import ARMED, HOUSE, LOOKING, NO_JOB, OFF, PART, RETIRED, STUDYING, UNABLE

_STATUS = {OFF: 1, ARMED: 2, LOOKING: 3, RETIRED: 4, STUDYING: 4, HOUSE: 4, UNABLE: 4}


def sample(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``n`` adults, one a row: the columns of ``CENSUS_ATTRIBUTES`` and those of ``HELPER_COLUMNS``.

    The rows are in random order. The same generator state gives the same rows.
    """
    if n < 1:
        raise ValueError("at least one person")
    people = basics.draw_basics(n, rng)
    basics.draw_citizenship(people, rng)
    basics.draw_residence(people, rng)
    basics.draw_birthplace(people, rng)
    basics.draw_education(people, rng)
    basics.draw_ancestry(people, rng)
    basics.draw_language(people, rng)
    basics.draw_english(people, rng)
    work.draw_activity(people, rng)
    work.draw_job(people, rng)
    work.draw_hours(people, rng)
    home.draw_marital(people, rng)
    home.draw_household(people, rng)
    home.draw_children(people, rng)
    home.draw_fertility(people, rng)
    health.draw_difficulties(people, rng)
    health.draw_service(people, rng)
    health.draw_income(people, rng)
    health.draw_insurance(people, rng)
    mixed = np.argsort(rng.random(n), kind="stable")
    return _labelled({name: values[mixed] for name, values in people.items()})


def _labelled(people: People) -> pd.DataFrame:
    choices = work.options()
    activity, job = people["activity"], people["job"]
    status = np.array([_STATUS.get(a, 0) for a in range(len(words.ACTIVITIES))])[activity]
    # Those out of the labor force have no class, industry or occupation; the unemployed have their last one's.
    listed = (job != NO_JOB) & (status != 4)
    walking = people["walking"] == 1
    sensory = (people["cognitive"] | people["vision"] | people["hearing"]) == 1
    text: dict[str, object] = {"age": people["age"]}

    def put(name: str, labels: tuple[str, ...] | list[str], codes: Codes) -> None:
        text[name] = np.array(labels, dtype=object)[codes]

    def put_job(name: str, labels: tuple[str, ...], of_option: Codes) -> None:
        put(name, (*labels, words.NOT_APPLICABLE), np.where(listed, of_option[job], len(labels)))

    put("sex", words.SEX, people["sex"])
    put("race", words.RACE, people["race"])
    put("ancestry", basics.ancestry_labels(), people["ancestry"])
    put("household language", words.LANGUAGE, people["language"])
    put("education", words.EDUCATION, people["education"])
    put("employment status", words.EMPLOYMENT, status)
    put_job("class of worker", words.CLASS_OF_WORKER, choices.kind)
    put_job("industry category", words.INDUSTRY, choices.industry)
    put_job("occupation category", words.OCCUPATION, choices.occupation)
    text["detailed job description"] = _descriptions(people)
    text["income"] = people["income"]
    put("marital status", words.MARITAL, people["marital"])
    put("household type", words.HOUSEHOLD, people["household"])
    put("family presence and age", words.FAMILY, home.family(people))
    places = basics.places()
    put("place of birth", places, people["birthplace"])
    put("citizenship", words.CITIZENSHIP, people["citizenship"])
    put("veteran status", words.VETERAN, people["service"])
    put("disability", words.DISABILITY, np.where(sensory, 1, np.where(walking, 2, 0)))
    put("health insurance", words.INSURANCE, health.insurance_label(people))
    put("cognitive difficulty", words.DIFFICULTY, 1 - people["cognitive"])
    put("ability to speak english", words.ENGLISH, people["english"])
    put("vision difficulty", words.DIFFICULTY, 1 - people["vision"])
    put("fertility", words.FERTILITY, people["fertility"])
    put("hearing difficulty", words.DIFFICULTY, 1 - people["hearing"])
    put("state of residence", [row["state"] for row in read_rows("states")], people["state"])
    put("urbanity", words.URBANITY, people["urbanity"])
    put("_region", REGION, people["region"])
    text["_hispanic"] = people["hispanic"] == 1
    put("_race_origin", ORIGIN, people["origin"])
    put("_birth_region", _regions(places), people["birthplace"])
    put("_activity", words.ACTIVITIES, activity)
    text["_hours"] = people["hours"]
    put("_job", (*choices.job, ""), np.where(job == NO_JOB, len(choices.job), choices.title[job]))
    text["_children"] = people["children"]
    text["_young_children"] = people["young"] == 1
    text["_walking_difficulty"] = walking
    return pd.DataFrame(text)


def _regions(places: list[str]) -> list[str]:
    abroad = {row["country"]: row["region"] for row in read_rows("countries")}
    states = {row["state"] for row in read_rows("states")}
    return [abroad.get(name, "United States" if name in states else "U.S. territory") for name in places]


def _article(job: str) -> str:
    # A unit, a university: no vowel is heard there; an IT job has one.
    return "an" if job[0] in "aeioAEIO" or (job.startswith("u") and not job.startswith("uni")) else "a"


def _descriptions(people: People) -> np.ndarray:
    """Return what each person does as a sentence: the present job, or the last one of those who worked."""
    choices = work.options()
    titles = np.array([f"{_article(job)} {job}" for job in choices.job] + [""], dtype=object)
    of = titles[np.where(people["job"] == NO_JOB, len(choices.job), choices.title[people["job"]])]
    found = np.empty(len(of), dtype=object)
    college = people["education"] >= words.EDUCATION.index("Some college, no degree")
    rows = zip(
        people["activity"].tolist(),
        of.tolist(),
        people["hours"].tolist(),
        college.tolist(),
        people["children"].tolist(),
        strict=True,
    )
    for i, (activity, job, hours, studies, children) in enumerate(rows):
        if activity == ARMED:
            found[i] = f"Serves as {job}, about {hours} hours a week"
        elif activity == OFF:
            found[i] = f"Works as {job}, at present on leave"
        elif activity == PART:
            found[i] = f"Works part time as {job}, about {hours} hours a week"
        elif activity == LOOKING:
            found[i] = f"Looking for work; last worked as {job}" if job else "Looking for a first job"
        elif activity == RETIRED:
            found[i] = f"Retired; worked as {job}" if job else "Retired from keeping house"
        elif activity == STUDYING:
            found[i] = ("Studies at a college" if studies else "Goes to school") + (
                f"; has worked as {job}" if job else ""
            )
        elif activity == HOUSE:
            home_life = "Keeps house and looks after the children" if children else "Keeps house"
            found[i] = home_life + (f"; used to work as {job}" if job else "")
        elif activity == UNABLE:
            found[i] = "Unable to work for health reasons" + (f"; last worked as {job}" if job else "")
        else:
            found[i] = f"Works full time as {job}, about {hours} hours a week"
    return found
