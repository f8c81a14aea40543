"""Fits every table in ``population/`` from the folder of gathered figures; needs the extra ``synthesis`` (ipfn).

    python -m persona_metrics.synthesis.tables FOLDER

The tables are fitted in the order in which they are drawn, each to 400,000 persons drawn from those before it, so that a
margin is met by the persons there are and not by those that a formula expects.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from . import basics, health, home, work
from .fit import ancestry
from .fit import birth as fit_birth
from .fit import health as fit_health
from .fit import home as fit_home
from .fit import people as fit_people
from .fit import speech as fit_speech
from .fit import work as fit_work
from .fit.beliefs import fit_beliefs
from .fit.big_five import fit_big_five
from .fit.held_out import fit_held_out
from .fit.jobs import fit_jobs
from .fit.source import Source
from .fit.targets import fit_targets

PERSONS, SEED = 400_000, 2023


def main(folder: Path) -> None:
    """Write all tables."""
    source, rng = Source(folder), np.random.Generator(np.random.PCG64(SEED))
    fit_people.fit_basics(source)
    people = basics.draw_basics(PERSONS, rng)
    fit_birth.fit_citizenship(source, people)
    basics.draw_citizenship(people, rng)
    fit_birth.fit_residence(source)
    basics.draw_residence(people, rng)
    fit_birth.fit_birthplaces(source, people)
    basics.draw_birthplace(people, rng)
    fit_people.fit_education(source, people)
    fit_people.fit_education_by_birth(source, people)
    basics.draw_education(people, rng)
    ancestry.fit_ancestry(source)
    basics.draw_ancestry(people, rng)
    fit_speech.fit_language(source, people)
    basics.draw_language(people, rng)
    fit_speech.fit_english(source, people)
    basics.draw_english(people, rng)
    fit_work.fit_activity(source, people)
    work.draw_activity(people, rng)
    fit_jobs(source, people)
    work.draw_job(people, rng)
    fit_work.fit_hours(source)
    work.draw_hours(people, rng)
    fit_home.fit_marital(source, people)
    home.draw_marital(people, rng)
    fit_home.fit_household(source, people)
    home.draw_household(people, rng)
    fit_home.fit_children(source)
    home.draw_children(people, rng)
    fit_home.fit_fertility(source, people)
    home.draw_fertility(people, rng)
    fit_health.fit_difficulties(source, people)
    health.draw_difficulties(people, rng)
    fit_health.fit_veterans(source, people)
    health.draw_service(people, rng)
    fit_health.fit_income(source, people)
    health.draw_income(people, rng)
    fit_health.fit_insurance(source, people)
    fit_beliefs(source, people, rng)
    fit_big_five(source)
    fit_targets(source)
    fit_held_out(source)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
