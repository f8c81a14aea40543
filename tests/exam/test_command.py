"""``persona-metrics exam`` as a user runs it, over real HTTP: what it asks, writes, prints, and refuses."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.cards import found
from persona_metrics.cards.card import SCHEMA, Card, json_schema, read
from persona_metrics.cards.pair_card import SCHEMA as PAIR_SCHEMA
from persona_metrics.cli import main
from persona_metrics.errors import PersonaError
from persona_metrics.exam import run
from persona_metrics.exam.mark import mark
from tests.exam.planted import perfect, pointing_at
from tests.fakes.server import Server

SHORT = ("--limit", "3", "--repeats", "2")
CALLS = run.plan(2, 3).judgements
SECRET = "sk-not-to-be-seen-anywhere"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(verdict=perfect, key=SECRET) as made:
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", SECRET)
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", made.base_url)
        yield made


def _exam(*arguments: str) -> int:
    return main(["exam", "--critic", "m", *arguments])


def test_card_is_written_printed_and_kept_and_a_rerun_asks_nothing(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _exam(*SHORT, "--out", str(tmp_path / "o")) == 0
    said = capsys.readouterr()
    assert f"{CALLS} calls (0 of {CALLS} votes are in the store)" in said.err
    assert server.counts["critic"] == CALLS + 1  # the dry check
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == [
        "card.json",
        "card.md",
        "critic_exam.png",
        "critic_exam.svg",
    ]
    card = read(tmp_path / "o" / "card.json")
    assert set(json.loads((tmp_path / "o" / "card.json").read_text())) == set(json_schema()["properties"])
    assert card.identity.critic_endpoint == server.base_url.split("/")[2]
    assert (card.identity.template, card.identity.served_models, card.fit) == (2, ("m",), None)
    assert (card.asked.bases, card.asked.all_bases, card.asked.repeats) == (3, 66, 2)
    assert "Undecided" in said.out
    assert [p.read_text() for p in found.folder().iterdir()] == [card.to_json()]
    everything = said.out + said.err + "".join(p.read_text(errors="replace") for p in (tmp_path / "o").iterdir())
    assert SECRET not in everything
    seen = len(server.log)
    assert _exam(*SHORT) == 0
    assert "0 calls" in capsys.readouterr().err
    assert len(server.log) == seen


def test_repeats_are_new_questions_and_more_of_them_ask_only_the_new_ones(server: Server) -> None:
    _exam(*SHORT)
    before = server.counts["critic"]
    _exam("--limit", "3", "--repeats", "3")
    assert server.counts["critic"] - before == len(run.plan(2, 3).cases)
    seeds = [body["seed"] for _, body, _ in server.log if "seed" in body]
    assert set(seeds) == {0, 1, 2}


def test_votes_of_each_repeat_are_decided_apart() -> None:
    with Server(verdict=perfect) as server:
        chosen = pointing_at(server, critic_votes=2)
        answered = run.sit(run.plan(2, 2), chosen)
    numbers = [[vote.number for vote in verdict.votes] for verdict in answered.cases[0]]
    assert numbers == [[0, 1], [2, 3]]
    assert [vote.number for vote in answered.probes[0].votes] == [0, 1]
    assert mark(answered, chosen).cost.prompt_tokens == 1400


def test_repeats_that_disagree_are_flips_and_no_ties(capsys: pytest.CaptureFixture[str]) -> None:
    with Server(verdict=perfect) as server:
        whole, turns = server.debate, itertools.count()

        def debate(fenced: Mapping[str, str]) -> str:
            turned = next(turns) % 2 == 1
            server.verdict = (lambda *parts: not perfect(*parts)) if turned else perfect
            return whole(fenced)

        server.debate = debate  # type: ignore[method-assign]
        chosen = pointing_at(server, critic_concurrency=1)
        card = mark(run.sit(run.plan(2, 2), chosen), chosen)
    assert card.flips.value > 0.5
    assert "tie" not in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_a_panel_is_examined_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    with Server(verdict=perfect) as other:
        assert main(["exam", *SHORT, "--critic", f"m,n@{other.base_url}"]) == 0
        assert other.counts["critic"] == CALLS + 1
    assert "2 votes an answer can tie" in capsys.readouterr().err
    [card] = [read(path) for path in found.folder().iterdir()]
    assert card.identity.critic_model == "m,n"
    assert card.sensitivity.value == 1.0


def test_unusable_replies_are_counted_and_stop_nothing() -> None:
    with Server(verdict=perfect, faults={"refusal": 0.3}, fault_seed=3) as server:
        chosen = pointing_at(server)
        card = mark(run.sit(run.plan(2, 3), chosen), chosen)
    assert 0.15 < card.unusable.share < 0.45
    assert list(card.unusable.reasons) == ["the critic refused"]
    assert card.sensitivity.value == 1.0
    assert any(one.name == "unusable votes" and one.met is False for one in card.criteria)


def test_batch_files_bring_the_same_card(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests, results = tmp_path / "r.jsonl", tmp_path / "d.jsonl"
    assert _exam(*SHORT, "--batch-out", str(requests)) == 0
    rows = [json.loads(line) for line in requests.read_text().splitlines()]
    assert (len(rows), server.counts["critic"]) == (CALLS, 0)
    lines = []
    for row in rows:
        text = row["body"]["messages"][1]["content"]
        fenced = dict(re.findall(r"<<<(question|persona|answer) \w+>>>\n(.*?)\n<<<end", text, re.S))
        message = {"content": server.debate(fenced)}
        body = {"choices": [{"message": message}], "usage": {"prompt_tokens": 700, "completion_tokens": 80}}
        lines.append({"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}})
    results.write_text("\n".join(map(json.dumps, lines[1:])))
    assert _exam(*SHORT, "--batch-in", str(results)) == 2  # one vote is not there
    results.write_text("\n".join(map(json.dumps, lines)))
    assert _exam(*SHORT, "--batch-in", str(results), "--out", str(tmp_path / "b")) == 0
    assert server.counts["critic"] == 0
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(tmp_path / "another.sqlite"))
    assert _exam(*SHORT, "--out", str(tmp_path / "l")) == 0
    batch, live = (read(tmp_path / name / "card.json") for name in ("b", "l"))
    apart = {"cost": None, "identity": None}
    assert batch.model_copy(update=apart) == live.model_copy(update=apart)


@pytest.mark.usefixtures("server")
def test_price_is_announced_and_stands_in_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert _exam(*SHORT, "--price", "1,10") == 0
    assert re.search(r"calls, about \$\d+\.\d\d", capsys.readouterr().err)
    [card] = [read(path) for path in found.folder().iterdir()]
    # 700 tokens in at $1 and 80 out at $10 for a million: $0.0015 a verdict.
    assert card.cost.price == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--repeats", "0"), "--repeats 0"),
        (("--limit", "1"), "at least 2"),
        (("--price", "cheap"), "--price 'cheap'"),
        (("--price", "1,-1"), "--price"),
        (("--metadata", "template=3"), "template"),
        (("--metadata", "tempalte=1"), "template"),
        (("--compare", "a.json"), "two cards"),
        (("--compare", "a.json", "b.json"), "a.json: cannot be read"),
        (("--batch-in", "nothing.jsonl"), "nothing.jsonl"),
        (("--critic", "embedded", "--batch-out", "x"), "no batch files"),
        (("--critic", " , "), "blank"),
    ],
)
def test_bad_input_is_one_line_before_any_call(
    server: Server, arguments: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _exam(*arguments) == 2
    err = capsys.readouterr().err
    assert named in err
    assert err.count("\n") == 1
    assert server.log == []


def test_an_out_that_is_a_file_is_refused_before_any_call(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    assert _exam(*SHORT, "--out", str(tmp_path / "f")) == 2
    assert server.log == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "persona-metrics/critic-card/1"}', '{"schema": "x"}', "\xff"]
)
def test_a_card_that_is_none_is_one_line(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("PERSONA_CARD", str(path))
    with pytest.raises(PersonaError, match=r"card .*c\.json") as error:
        found.card_for({"critic_model": "m"})
    assert "\n" not in str(error.value)


def test_schema_of_either_card_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exam", "--card-schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    names = [one["$ref"].rpartition("/")[2] for one in printed["anyOf"]]
    parts = {name: printed["$defs"][name]["properties"] for name in names}
    assert parts["Card"].keys() == json_schema()["properties"].keys()
    assert {name: part["schema"]["const"] for name, part in parts.items()} == {"Card": SCHEMA, "PairCard": PAIR_SCHEMA}


def _card(**identity: object) -> Card:
    with Server(verdict=perfect) as server:
        chosen = settings.load({"critic_model": "m", "critic_base_url": server.base_url})
        made = mark(run.sit(run.plan(1, 2), chosen), chosen)
    who = made.identity.model_copy(update={"critic_endpoint": "host", **identity})
    return made.model_copy(update={"identity": who})


def test_cards_stand_side_by_side_and_the_cheapest_fit_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = _card()
    for name, price in (("dear|<b>", 9.0), ("cheap", 2.0)):
        identity = base.identity.model_copy(update={"critic_model": name})
        cost = base.cost.model_copy(update={"price": price})
        made = base.model_copy(update={"fit": True, "identity": identity, "cost": cost})
        (tmp_path / f"{price}.json").write_text(made.to_json())
    assert main(["exam", "--compare", str(tmp_path / "9.0.json"), str(tmp_path / "2.0.json")]) == 0
    out = capsys.readouterr().out
    assert r"dear\|\<b\>" in out
    assert "$9.00 for 1,000 | $2.00 for 1,000" in out
    assert "The cheapest of them is cheap." in out


def test_card_is_found_for_its_critic_and_doubted_for_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card = _card()
    told = card.identity.model_dump()
    assert found.card_for(told).card is None
    assert "has no card" in found.doubts(told)[0]
    found.keep(card)
    assert found.card_for(told) == found.Found(card, "")
    other = {**told, "critic_template": "older"}
    assert "template" in found.card_for(other).why
    assert "not the one on its card: template" in found.doubts(other)[0]
    assert "another critic or template" in found.name(other)
    assert found.card_for({**told, "critic_model": "n"}).card is None
    path = tmp_path / "mine.json"
    path.write_text(card.model_copy(update={"fit": True}).to_json())
    monkeypatch.setenv("PERSONA_CARD", str(path))
    assert found.doubts(told) == []
    assert "fit" in found.name(told)
    assert "critic m on the card, n here" in found.doubts({**told, "critic_model": "n"})[0]


def test_results_that_noted_their_card_speak_of_it_where_no_card_is() -> None:
    noted = {"card": "abc\n<b>", "fit": False, "date": "2026-01-02", "balanced_accuracy": 0.52, "differs": ""}
    results = {"critic_model": "m", "critic_card": noted}
    assert found.doubts(results) == [
        "The critic m did not pass its exam (balanced accuracy 0.52), card abc <b> of 2026-01-02."
    ]
    assert found.doubts({"critic_model": "m", "critic_card": {"card": ["x"], "fit": "yes"}})
    assert found.doubts({"critic_model": None}) == []


def test_of_two_cards_the_one_from_more_bases_counts() -> None:
    card = _card()
    more = card.model_copy(update={"asked": card.asked.model_copy(update={"bases": 9, "cases_digest": "other"})})
    found.keep(more)
    found.keep(card)
    assert found.card_for(card.identity.model_dump()).card == more
