"""The embedded opinion tables: what is in them, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from persona_metrics.dataset.opinion_groups import attributes_of, groups_of
from persona_metrics.dataset.opinion_tables import OpinionTables, opinion_tables, read_tables, wording
from persona_metrics.errors import PersonaError
from persona_metrics.statistics.opinion import total_variation

EMBEDDED = files("persona_metrics") / "dataset" / "embedded"
NAMES = ("opinion_items.jsonl", "opinion_cells.csv.gz", "opinion_signal.csv")


@pytest.fixture(scope="module")
def tables() -> OpinionTables:
    return opinion_tables()


def test_embedded_tables_are_as_large_as_the_card_says(tables: OpinionTables) -> None:
    card = (EMBEDDED / "opinion.md").read_text("utf-8")
    assert f"{len(tables.items)} items" in card
    assert f"{sum(len(i.signal) for i in tables.items.values()):,} tables" in card
    assert f"{len(tables.scored()):,} cells" in card


def test_the_card_shows_topics_and_sources_as_the_tables_have_them(tables: OpinionTables) -> None:
    card = (EMBEDDED / "opinion.md").read_text("utf-8")
    rows = card.split("## By topic")[1].split("## By grouping")[0].strip().splitlines()[2:]
    shown = {cells[0]: cells[1:] for cells in ([cell.strip() for cell in row.strip("|").split("|")] for row in rows)}
    size = Counter(cell.item for cell in tables.scored())
    made = {}
    for topic in sorted({item.topic for item in tables.items.values()}):
        items = [item for item in tables.items.values() if item.topic == topic]
        signals = [signal for item in items for signal in item.signal.values()]
        ceiling = 1 - sum(s.noise * s.groups for s in signals) / sum(s.tv * s.groups for s in signals)
        made[topic] = [str(len(items)), f"{sum(size[item.id] for item in items):,}", f"{ceiling:.2f}"]
    assert shown == made
    for name, number in Counter(item.source for item in tables.items.values()).items():
        assert re.search(rf"\*\*{name.split(' (')[0]}\*\*, .*?{number} items", card), name
    assert f"{sum(item.ordinal for item in tables.items.values())} items have ordered options" in card


def test_every_cell_is_a_distribution_of_a_known_group(tables: OpinionTables) -> None:
    for cell in tables.scored():
        assert len(cell.shares) == len(tables.items[cell.item].options)
        assert sum(cell.shares) == pytest.approx(1, abs=1e-12)
        assert cell.group in groups_of(cell.grouping)


def test_groups_differ_from_everybody_as_the_signal_says(tables: OpinionTables) -> None:
    for item in tables.items.values():
        everybody = tables.everybody(item.id).shares
        for grouping, signal in item.signal.items():
            cells = tables.groups(item.id, grouping)
            apart = [float(total_variation(cell.shares, everybody)) for cell in cells]
            assert sum(apart) / len(apart) == pytest.approx(signal.tv, abs=1e-3)
            assert len(cells) == signal.groups
            assert signal.tv >= 2 * signal.chance - 1e-3
            assert signal.ceiling == pytest.approx(max(0, 1 - signal.noise / signal.tv), abs=5e-3)


def test_no_item_is_grouped_by_what_it_asks_about(tables: OpinionTables) -> None:
    assert tables.items["gss_god"].about == ("religion",)
    for item in tables.items.values():
        assert not set(item.about) & {name for grouping in item.signal for name in attributes_of(grouping)}


def test_everybody_lies_among_the_groups(tables: OpinionTables) -> None:
    # Options in another order than the shares would put everybody outside of what the groups span.
    for item in tables.items.values():
        everybody = tables.everybody(item.id).shares
        for grouping in item.signal:
            for i, share in enumerate(everybody):
                of_groups = [cell.shares[i] for cell in tables.groups(item.id, grouping)]
                assert min(of_groups) - 0.03 <= share <= max(of_groups) + 0.03, (item.id, grouping)


def test_known_directions(tables: OpinionTables) -> None:
    def share(item: str, grouping: str, group: str, option: int) -> float:
        return next(c.shares[option] for c in tables.groups(item, grouping) if c.group == group)

    # An abortion for any reason, the death penalty, too little for the environment: option 0 of each.
    assert share("gss_abany", "party", "Democrat", 0) > share("gss_abany", "party", "Republican", 0) + 0.3
    assert share("gss_cappun", "party", "Republican", 0) > share("gss_cappun", "party", "Democrat", 0) + 0.2
    assert share("gss_natenvir", "ideology", "Liberal", 0) > share("gss_natenvir", "ideology", "Conservative", 0) + 0.3
    assert share("gss_god", "ideology", "Conservative", 5) > share("gss_god", "ideology", "Liberal", 5) + 0.2
    assert share("gss_letdie1", "religion", "No religion", 0) > share("gss_letdie1", "religion", "Protestant", 0) + 0.1


def test_wording_says_when_and_shows_the_options_in_the_order_asked_for(tables: OpinionTables) -> None:
    item = tables.items["gss_abany"]
    assert wording(item).splitlines() == [
        "Asked of adults in the United States in 2018, 2021 and 2024.",
        item.question,
        "A. Yes",
        "B. No",
    ]
    assert wording(item, [1, 0]).endswith("A. No\nB. Yes")
    assert wording(tables.items["gss_jobsall"]).startswith("Asked of adults in the United States in 2016.")
    with pytest.raises(ValueError, match="no order of 2"):
        wording(item, [0, 0])


def test_wordings_are_told_apart_and_say_their_source(tables: OpinionTables) -> None:
    assert len({(i.question, i.options) for i in tables.items.values()}) == len(tables.items)
    for item in tables.items.values():
        assert item.source
        assert item.variable
        assert item.licence
        assert item.years
        assert all(2016 <= year <= 2024 for year in item.years)
        assert item.question == item.question.strip()


# -- what is refused ---------------------------------------------------------------------------------------------------


def copied(folder: Path) -> Path:
    """Two items of the embedded files, small enough to spoil."""
    kept = {"gss_god", "gss_abany"}
    lines = (EMBEDDED / "opinion_items.jsonl").read_text("utf-8").splitlines()
    (folder / "opinion_items.jsonl").write_text("\n".join(x for x in lines if json.loads(x)["id"] in kept), "utf-8")
    signal = (EMBEDDED / "opinion_signal.csv").read_text("utf-8").splitlines()
    signal = [signal[0], *(x for x in signal[1:] if x.split(",")[0] in kept)]
    (folder / "opinion_signal.csv").write_text("\n".join(signal), "utf-8")
    cells = gzip.decompress((EMBEDDED / "opinion_cells.csv.gz").read_bytes()).decode().splitlines()
    save_cells(folder, [cells[0], *(x for x in cells[1:] if x.split(",")[0] in kept)])
    return folder


def read_cells(folder: Path) -> list[str]:
    return gzip.decompress((folder / "opinion_cells.csv.gz").read_bytes()).decode().splitlines()


def save_cells(folder: Path, lines: list[str]) -> None:
    (folder / "opinion_cells.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def test_a_part_of_the_files_reads_alike(tmp_path: Path, tables: OpinionTables) -> None:
    part = read_tables(copied(tmp_path))
    assert dict(part.items) == {name: tables.items[name] for name in ("gss_god", "gss_abany")}
    assert part.everybody("gss_god") == tables.everybody("gss_god")


def item_spoiler(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "opinion_items.jsonl"
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for row in rows:
            if row["id"] == "gss_god":
                change(row)
        path.write_text("\n".join(map(json.dumps, rows)), "utf-8")

    return spoil


def twice(folder: Path) -> None:
    path = folder / "opinion_items.jsonl"
    path.write_text("\n".join([*path.read_text("utf-8").splitlines()] * 2), "utf-8")


def cell_spoiler(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    return lambda folder: save_cells(folder, change(read_cells(folder)))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (item_spoiler(lambda r: r.update(about=["religoin"])), "did you mean 'religion'"),
        (item_spoiler(lambda r: r.update(about=["political views"])), "asks about political views"),
        (item_spoiler(lambda r: r.update(options=["a", "a"])), "two or more different options"),
        (item_spoiler(lambda r: r.update(options=["a", "b"])), "one share for every option"),
        (twice, "gss_abany stands there twice"),
        (item_spoiler(lambda r: r.update(groupings=["planet"])), "not an item: 'planet'"),
        (item_spoiler(lambda r: r.pop("question")), "opinion_items.jsonl:[12]: not an item: 'question'"),
        (cell_spoiler(lambda rows: rows[:-1]), "one share for every option"),
        (cell_spoiler(lambda rows: [*rows, rows[-1]]), "twice"),
        (cell_spoiler(lambda rows: [r for r in rows if ",all," not in r]), "by all"),
        (cell_spoiler(lambda rows: [*rows, "gss_god,planet,Mars,0,1,99"]), "is scored by 'planet'"),
        (cell_spoiler(lambda rows: [*rows, "gss_god,all,all,x,1,99"]), "not a row of a cell"),
        (cell_spoiler(lambda rows: [*rows, "gss_god,all,all,7,nan,99"]), "outside 0…1"),
        (lambda folder: (folder / "opinion_cells.csv.gz").write_bytes(b"no gzip"), "cannot be read"),
        (lambda folder: (folder / "opinion_signal.csv").unlink(), "cannot be read"),
        (lambda folder: (folder / "opinion_signal.csv").write_text("item,grouping\na,b\n"), "not a row of signal"),
    ],
)
def test_files_that_contradict_each_other_are_refused_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(copied(tmp_path))
    with pytest.raises(PersonaError, match=said) as caught:
        read_tables(tmp_path)
    assert "\n" not in str(caught.value)
