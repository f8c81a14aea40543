"""``persona-metrics store`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.cli import main
from persona_metrics.costs.usage import Usage
from persona_metrics.critic.debate import parse
from persona_metrics.critic.store import Store
from tests.critic.helpers import judged, judgements
from tests.fakes.server import Server


@pytest.fixture
def filled() -> None:
    """A store with the verdicts of two critics."""
    with Server() as server:
        judged(server, judgements(5))
        judged(server, judgements(2), critic_model="other")


@pytest.mark.usefixtures("filled")
def test_stats_shows_a_line_for_each_critic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "stats"]) == 0
    title, header, first, second = capsys.readouterr().out.splitlines()
    assert ": 7 verdicts, " in title
    heads = ["critic", "endpoint", "month", "verdicts", "tokens", "in", "tokens", "out", "price", "first", "last"]
    assert header.split() == heads
    assert [first.split()[i] for i in (0, 3, 4, 5)] == ["m", "5", "3500", "400"]
    assert [second.split()[i] for i in (0, 3, 4, 5)] == ["other", "2", "1400", "160"]
    assert "no price known" in first


@pytest.mark.usefixtures("filled")
def test_stats_sums_by_month_and_prices_what_has_a_price(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Store(settings.load().critic_store) as store:
        two = "SELECT key FROM votes WHERE critic = 'm' LIMIT 2"
        store._execute(f"UPDATE votes SET created = created - 40 * 86400 WHERE key IN ({two})")
        store.past.add("model", "tested", "host", Usage(3, 0, 300, 30, 1.0))
    (tmp_path / "prices.yaml").write_text("m: {input: 1, output: 10}\ntested: {input: 0, output: 0}\n")
    assert main(["store", "stats", "--prices", str(tmp_path / "prices.yaml")]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(r[3], r[6]) for r in rows if r[:1] == ["m"]] == [("2", "$0.003"), ("3", "$0.0045")]
    assert [r[3:] for r in rows if r[:1] == ["tested"]] == [["3", "300", "30", "$0.00"]]


@pytest.mark.usefixtures("filled")
def test_export_writes_every_raw_reply(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["store", "export", "--out", str(tmp_path / "all.jsonl")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert len(rows) == 7
    assert all(parse(row["reply"]) is not None for row in rows)
    assert main(["store", "export"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows


@pytest.mark.usefixtures("filled")
def test_prune_deletes_what_is_named_and_nothing_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "prune"]) == 2
    assert main(["store", "prune", "--critic", "other", "--older-than", "1"]) == 0
    assert main(["store", "prune", "--critic", "other"]) == 0
    assert main(["store", "prune", "--all"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "deleted" in line] == [
        "0 verdicts deleted",
        "2 verdicts deleted",
        "5 verdicts deleted",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats"], "no such file"),
        (["stats", "--store", "off"], "is off"),
        (["stats", "--store", "/dev/null/x"], "verdict store"),
        (["prune", "--older-than", "-1"], "no such file"),
    ],
)
def test_a_store_that_is_not_there_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
