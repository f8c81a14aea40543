"""Makes the tables of what simple models score in ``dataset/embedded/opinion.md``: ``python -m tools.opinion_baselines``.

Tests put other modelled answers beside the survey's tables by the same functions.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from persona_metrics.dataset.opinion_groups import BETWEEN, Draw, group_of
from persona_metrics.dataset.opinion_tables import OpinionTables, opinion_tables
from persona_metrics.dataset.sources import load_pool
from persona_metrics.personas import Persona
from persona_metrics.settings import load
from persona_metrics.statistics.opinion import DEFAULT, Bootstrap, Estimate, GroupAnswer, OpinionScore, score

Modelled = Mapping[tuple[str, str, str], Sequence[float]]
"""Item, grouping and group → shares of the options in the item's order."""


def beside(tables: OpinionTables, modelled: Modelled) -> list[GroupAnswer]:
    """Return one answer for every cell that carries signal; a cell that ``modelled`` lacks is missing, never zero."""
    answers = []
    for cell in tables.scored():
        item = tables.items[cell.item]
        answers.append(
            GroupAnswer(
                item=item.id,
                topic=item.topic,
                grouping=cell.grouping,
                group=cell.group,
                ordinal=item.ordinal,
                survey=cell.shares,
                everybody=tables.everybody(item.id).shares,
                model=tuple(modelled.get((item.id, cell.grouping, cell.group), ())),
                n_effective=cell.n_effective,
            )
        )
    return answers


def by_group(
    tables: OpinionTables, draws: Iterable[Draw], answers: Mapping[tuple[str, str], Sequence[float]]
) -> Modelled:
    """Return the mean answer of each group from its drawn personas; ``answers``: item and persona's id → shares.

    A persona may be drawn for several groupings and needs to answer once. One that did not answer is left out of its
    group's mean, and a group in which nobody did is missing.
    """
    modelled = {}
    for draw in draws:
        for item in (item for item in tables.items.values() if draw.grouping in item.signal):
            for group, personas in draw.personas.items():
                found = [answers[item.id, p.id] for p in personas if (item.id, p.id) in answers]
                if found:
                    means = [sum(option) / len(found) for option in zip(*found, strict=True)]
                    modelled[item.id, draw.grouping, group] = means
    return modelled


def baselines(
    tables: OpinionTables, pool: Sequence[Persona], bootstrap: Bootstrap = DEFAULT
) -> dict[str, OpinionScore]:
    """Return the scores of four models by name, from the least knowing to the table itself.

    ``uniform``: every option alike. ``everybody``: the survey's average person. ``party alone``: each persona of the
    pool answers as its party does, whatever else it is; a persona without one of the three parties, and an item whose
    answers do not differ by party, get everybody's. ``group table``: the survey's own shares of the group.
    """
    cells = [(cell.item, cell.grouping, cell.group) for cell in tables.scored()]
    models: dict[str, Modelled] = {
        "uniform": {key: [1 / len(tables.items[key[0]].options)] * len(tables.items[key[0]].options) for key in cells},
        "everybody": {key: tables.everybody(key[0]).shares for key in cells},
        "party alone": party_alone(tables, pool),
        "group table": {(c.item, c.grouping, c.group): c.shares for c in tables.scored()},
    }
    return {name: score(beside(tables, modelled), bootstrap) for name, modelled in models.items()}


def party_alone(tables: OpinionTables, pool: Sequence[Persona]) -> Modelled:
    """Return what each group would answer if all of its personas in the pool answered as their party does.

    A group without a persona is left out: its cells are missing.
    """
    parties = [group_of(persona.attributes, "party") for persona in pool]
    mixes: dict[tuple[str, str], dict[str | None, int]] = {}
    for grouping in {cell.grouping for cell in tables.scored()}:
        for persona, party in zip(pool, parties, strict=True):
            group = group_of(persona.attributes, grouping)
            if group is not None:
                counts = mixes.setdefault((grouping, group), {})
                counts[party] = counts.get(party, 0) + 1
    modelled = {}
    for cell in tables.scored():
        everybody = tables.everybody(cell.item).shares
        split = tables.groups(cell.item, "party") if "party" in tables.items[cell.item].signal else ()
        by_party = {c.group: c.shares for c in split}
        if mix := mixes.get((cell.grouping, cell.group)):
            people = sum(mix.values())
            answers = [(count / people, by_party.get(party or "", everybody)) for party, count in mix.items()]
            modelled[cell.item, cell.grouping, cell.group] = [
                sum(part * shares[i] for part, shares in answers) for i in range(len(everybody))
            ]
    return modelled


FEW = 20
"""Personas of a group below which the card names it."""
NAMES = {
    "uniform": "uniform: every option alike",
    "everybody": "everybody: the survey's average person",
    "party alone": "the persona's party alone",
    "group table": "the group's own table",
}


def rows(found: Mapping[str, OpinionScore]) -> list[str]:
    """Return one row of a Markdown table a model, and one for the ceiling."""
    lines = []
    for name, called in NAMES.items():
        one = found[name]
        cells = (one.skill, one.skill_ordinal, one.steer, one.steer_corrected)
        lines.append(f"| {called} | {' | '.join(map(_said, cells))} |")
    one = found["group table"]
    ends = (one.ceiling, one.ceiling_ordinal, one.reliability)
    return [*lines, f"| *ceiling: a model that knows the true shares* | {' | '.join(map(_number, ends))} | 1 |"]


def by_grouping(tables: OpinionTables, pool: Sequence[Persona]) -> list[str]:
    """Return one row of a Markdown table a grouping; the last cell names the groups that have few personas in the pool."""
    answers = beside(tables, party_alone(tables, pool))
    lines = []
    for grouping in dict.fromkeys(answer.grouping for answer in answers):
        part = [answer for answer in answers if answer.grouping == grouping]
        groups, items = ({getattr(answer, name) for answer in part} for name in ("group", "item"))
        found = score(part)
        people = Counter(group_of(persona.attributes, grouping) for persona in pool)
        few = ", ".join(
            f"{group.replace(BETWEEN, ' × ')} {people[group]}" for group in sorted(groups) if people[group] < FEW
        )
        numbers = " | ".join(map(_number, (found.ceiling, found.reliability, found.skill.value)))
        lines.append(f"| {grouping} | {len(groups)} | {len(items)} | {len(part)} | {numbers} | {few} |")
    return lines


def _said(estimate: Estimate) -> str:
    value, low, high = (_number(end) for end in (estimate.value, estimate.low, estimate.high))
    return value if low == high else f"{value} ({low} to {high})"


def _number(value: float) -> str:
    # Without the sign of a zero.
    return f"{round(value, 2) + 0:.2f}".replace("-", "−")


def main() -> None:
    """Print the rows, over all items and groupings, and those of each grouping."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    tables, pool = opinion_tables(), load_pool(load()).personas
    print("\n".join([*rows(baselines(tables, pool)), "", *by_grouping(tables, pool)]))


if __name__ == "__main__":
    main()
