"""Makes 200 personas of the United Kingdom from the tables beside it, the same ones each time; needs nothing but Python.

    python examples/uk/make.py examples/uk/personas.csv

Each attribute is dealt in quotas within what its table depends on (nation, region), and in an order drawn from the seed, so
that shares are met and no two attributes hang together beyond that. What has to hang together is set right by swaps: age
with work and marriage. Free texts are drawn from lists written for this example. No person is real.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Sequence
from pathlib import Path

N, SEED = 200, 2021
TABLES = Path(__file__).parent / "tables"
LEISURE = (
    "Walks the dog along the canal before anyone is up.",
    "Sings second alto in a choir that rehearses above a pub.",
    "Keeps an allotment and gives away more courgettes than anyone wants.",
    "Watches lower-league football home and away.",
    "Does the quick crossword on the bus.",
    "Mends old radios at the kitchen table.",
    "Swims in the sea in all weathers.",
    "Bakes for the food bank on Thursdays.",
    "Plays five-a-side and complains about the knee.",
    "Reads crime novels from the library van.",
    "Runs the scoring at a village cricket club.",
    "Learns Welsh from an app and tries it on the neighbours.",
    "Builds model railways in the loft.",
    "Goes to bingo with two old school friends.",
    "Cooks from one battered book and never measures.",
    "Plays the tin whistle at sessions.",
)
MANNER = (
    "Says sorry before asking for anything.",
    "Wants the price first and the reasons later.",
    "Makes lists on the backs of envelopes.",
    "Distrusts anything with a helpline number.",
    "Would rather ring than fill in a form.",
    "Reads the small print aloud.",
    "Jokes when worried.",
    "Asks three people before deciding.",
    "Likes plain words and short letters.",
    "Keeps every receipt.",
)
COLUMNS = (
    "id", "age", "sex", "nation", "region", "ethnic group", "religion", "marital status", "education", "employment status",
    "housing", "personal time", "mannerisms",
)  # fmt: skip


def tables() -> dict[tuple[str, str], dict[str, float]]:
    """Return value → share of each attribute and what is given."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for path in sorted(TABLES.glob("*.csv")):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        for row in csv.DictReader(lines):
            found.setdefault((row["attribute"], row["given"]), {})[row["value"]] = float(row["share"])
    return found


def quotas(shares: dict[str, float], n: int) -> list[str]:
    """Return ``n`` values whose counts are the shares', rounded by the largest remainder."""
    total = sum(shares.values())
    exact = {value: n * share / total for value, share in shares.items()}
    counts = {value: int(number) for value, number in exact.items()}
    rest = sorted(exact, key=lambda value: counts[value] - exact[value])
    for value in rest[: n - sum(counts.values())]:
        counts[value] += 1
    return [value for value, count in counts.items() for _ in range(count)]


def deal(rng: random.Random, people: Sequence[dict[str, str]], attribute: str, shares: dict[str, float]) -> None:
    """Give each of the people a value of the attribute."""
    values = quotas(shares, len(people))
    rng.shuffle(values)
    for person, value in zip(people, values, strict=True):
        person[attribute] = value


def trade(
    rng: random.Random, people: Sequence[dict[str, str]], others: Sequence[dict[str, str]], shares: dict[str, float]
) -> None:
    """Give the people (Londoners) their own shares of ethnic groups by trading with others, so that all keep theirs."""
    wanted = quotas(shares, len(people))
    rng.shuffle(wanted)
    for person, value in zip(people, wanted, strict=True):
        other = next((p for p in others if p["ethnic group"] == value), None)
        if other and person["ethnic group"] != value:
            other["ethnic group"], person["ethnic group"] = person["ethnic group"], value


def at_home(people: Sequence[dict[str, str]]) -> None:
    """Have faiths that most followers of are Asian (the census publishes them together) swapped towards Asian people."""
    for faith in ("Hindu", "Sikh", "Muslim"):
        groups = ("Asian", "Black", "Other", "Mixed") if faith == "Muslim" else ("Asian",)
        for person in people:
            if person["religion"] != faith or person["ethnic group"] in groups or not person["ethnic group"]:
                continue
            free = [
                p
                for group in groups
                for p in people
                if p["ethnic group"] == group
                and p["nation"] == person["nation"]
                and p["religion"] in ("Christian", "None", "Not answered")
            ]
            if free:
                person["religion"], free[0]["religion"] = free[0]["religion"], faith


def among(people: Sequence[dict[str, str]], given: str) -> list[dict[str, str]]:
    """Return the people whom ``given`` (``nation=Wales``) fits."""
    name, _, value = given.partition("=")
    return [person for person in people if not given or person.get(name) == value]


def swap(rng: random.Random, people: list[dict[str, str]], attribute: str, odd: str, ages: range) -> None:
    """Have nobody outside ``ages`` keep the value ``odd``: they swap with somebody of that age who has another one."""
    inside = [p for p in people if int(p["age"]) in ages and p[attribute] != odd]
    rng.shuffle(inside)
    for person in people:
        if person[attribute] == odd and int(person["age"]) not in ages and inside:
            other = inside.pop()
            person[attribute], other[attribute] = other[attribute], person[attribute]


def make(n: int = N, seed: int = SEED) -> list[dict[str, str]]:
    """Return the personas."""
    rng = random.Random(seed)
    people: list[dict[str, str]] = [{"id": f"uk{i:03d}"} for i in range(1, n + 1)]
    known = tables()
    order = (
        "nation",
        "region",
        "sex",
        "age",
        "religion",
        "ethnic group",
        "education",
        "marital status",
        "employment status",
    )
    for attribute in (*order, "housing"):
        for (name, given), shares in known.items():
            if name == attribute and given == "region=London":
                rest = [p for p in people if p["nation"] == "England" and p["region"] != "London"]
                trade(rng, among(people, given), rest, shares)
            elif name == attribute:
                deal(rng, among(people, given), attribute, shares)
    for person in people:
        low, high = (18, 64) if person["age"] == "18-64" else (65, 92)
        person["age"] = str(rng.randint(low, high))
        if person["nation"] != "England":
            person["region"] = person["nation"]
        # The five groups are published in other terms in Scotland and Northern Ireland; what is not known is left out.
        person.setdefault("ethnic group", "")
        person["personal time"], person["mannerisms"] = rng.choice(LEISURE), rng.choice(MANNER)
    at_home(people)
    swap(rng, people, "employment status", "In work", range(18, 68))
    swap(rng, people, "employment status", "Looking for work", range(18, 66))
    swap(rng, people, "marital status", "Widowed", range(55, 120))
    swap(rng, people, "marital status", "Divorced", range(30, 120))
    swap(rng, people, "marital status", "Married or in a civil partnership", range(22, 120))
    return people


def main(path: Path) -> None:
    """Write the CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(make())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path, help="where to")
    main(parser.parse_args().csv)
