"""Answers judged line by line: the same files as when all of them are held, and no line read before its turn."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from persona_metrics.cli import main
from persona_metrics.critic.budget import ledger
from persona_metrics.scoring import given, replay, stream, table
from persona_metrics.scoring.pieces import Piece
from persona_metrics.scoring.rows import Rows, Sums
from persona_metrics.scoring.survey import survey
from tests.fakes.server import Server
from tests.scoring.made import line, results, same, write


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as found:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", found.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield found


ODD = [
    {"answer": None},
    {"answer": "  "},
    {"answer": "Half \ud83d a pair."},
    {"answer": "[no reply: as the endpoint's words]"},
    {"answer": "Umlaute äöü, and \u2028 in it.", "topic": "work"},
    {"answer": "By another's name.", "persona_id": "one", "question_id": "q"},
]
FILES: dict[str, list[dict[str, Any]]] = {
    "distinct": [line(i) for i in range(30)],
    "repeated": [line(i % 4, answer=f"Answer {i}.", persona_id=f"p{i % 4}") for i in range(30)],
    "odd": [line(i, **more) for i, more in enumerate(ODD)],
    "named": [line(i, id=f"mine-{i}", model="acme") for i in range(5)],
    "of columns of their own": [
        {**line(i), "persona": {"age": 30 + i, "id": f"u{i}", **({"Favourite food": "soup"} if i > 2 else {})}}
        for i in range(6)
    ],
    "replies": [
        {**{k: v for k, v in line(i).items() if k != "answer"}, "reply": json.dumps({"response": f"Answer {i}."})}
        for i in range(5)
    ],
}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("name", FILES)
def test_files_are_those_of_a_run_that_holds_all_lines(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "answers.jsonl", FILES[name])
    rows = given.read_lines(path)
    held = table.from_answers(path, rows, "persona_main", "main", {}, None, partial=False)
    replay.score([held], tmp_path / "held")
    assert main(["score", str(path), "--out", str(tmp_path / "streamed")]) == 0
    same(tmp_path / "streamed", tmp_path / "held", "persona_main")


def test_line_is_read_when_its_turn_comes(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_CONCURRENCY", "2")
    path = write(tmp_path / "answers.jsonl", map(line, range(200)))
    seen: list[int] = []
    taken = stream.piece

    def counted(*args: Any) -> Any:
        seen.append(server.counts["critic"])
        return taken(*args)

    monkeypatch.setattr(stream, "piece", counted)
    assert main(["score", str(path), "--out", str(tmp_path / "out")]) == 0
    assert len(seen) == 200
    assert seen[-1] > 150  # so many had been asked before the last line was taken apart


class Slow(Server):
    """Answers the first line when the dry call and 19 others have come, and so long after it that more could have."""

    async def _late(self) -> None:
        while self.counts["critic"] < 20:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)

    async def _answer(self, request: Any, body: dict[str, Any]) -> Any:
        if "Answer 0." in json.dumps(body):
            await self._late()
        return await super()._answer(request, body)


def test_no_more_lines_are_held_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_CONCURRENCY", "4")
    monkeypatch.setattr(stream, "AHEAD", 20)
    path = write(tmp_path / "answers.jsonl", map(line, range(200)))
    held: list[int] = []
    written: list[int] = []
    taken, finish = stream.piece, Piece.finish

    def counted(*args: Any) -> Any:
        held.append(len(held) + 1 - len(written))
        return taken(*args)

    def finished(piece: Piece, terms: Any) -> Any:
        written.append(piece.number)
        return finish(piece, terms)

    monkeypatch.setattr(stream, "piece", counted)
    monkeypatch.setattr(Piece, "finish", finished)
    with Slow() as server:
        for name, value in (("MODEL", "critic"), ("BASE_URL", server.base_url)):
            monkeypatch.setenv(f"PERSONA_CRITIC_{name}", value)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        assert main(["score", str(path), "--out", str(tmp_path / "out")]) == 0
    assert written == list(range(200))
    assert max(held) == 20


class Stopping(Slow):
    """Has nothing for the first line's answer when it is asked first."""

    asked_before = False

    async def _answer(self, request: Any, body: dict[str, Any]) -> Any:
        if "Answer 0." in json.dumps(body) and not self.asked_before:
            self.asked_before = True
            await self._late()
            return web.json_response({"error": {"message": "busy"}}, status=503)
        return await Server._answer(self, request, body)


def test_nobody_waits_for_room_once_the_run_has_taken_what_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_CONCURRENCY", "4")
    monkeypatch.setattr(stream, "AHEAD", 20)
    path = write(tmp_path / "answers.jsonl", map(line, range(200)))
    ledger.reset()
    with Stopping() as server:
        for name, value in (("MODEL", "critic"), ("BASE_URL", server.base_url)):
            monkeypatch.setenv(f"PERSONA_CRITIC_{name}", value)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        # Reached by the dry call and the 19 lines that are held behind the first, whose second call finds it so.
        monkeypatch.setenv("PERSONA_MAX_TOKENS_TOTAL", str(19 * 780 + 390))
        assert main(["score", str(path), "--out", str(tmp_path / "out")]) == 2
        assert server.counts["critic"] == 20
    assert "PERSONA_MAX_TOKENS_TOTAL=15210 is reached" in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_lines_without_an_answer_are_handed_on_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "AHEAD", 5)
    empty = [line(i, answer=" ") for i in range(60)]
    path = write(tmp_path / "answers.jsonl", [*empty[:30], line(100), *empty[30:], line(101)])
    made = 0
    held: list[int] = []
    taken, finish = stream.piece, Piece.finish

    def counted(*args: Any) -> Any:
        nonlocal made
        made += 1
        return taken(*args)

    def finished(piece: Piece, terms: Any) -> Any:
        held.append(made - piece.number)
        return finish(piece, terms)

    monkeypatch.setattr(stream, "piece", counted)
    monkeypatch.setattr(Piece, "finish", finished)
    assert main(["score", str(path), "--out", str(tmp_path / "out")]) == 0
    assert len(held) == 62
    assert held[:30] == [1] * 30


def test_nothing_is_asked_where_the_store_holds_every_verdict(server: Server, tmp_path: Path) -> None:
    path = write(tmp_path / "answers.jsonl", map(line, range(20)))
    for out in ("first", "second"):
        before = server.counts["critic"]
        assert main(["score", str(path), "--out", str(tmp_path / out)]) == 0
    assert server.counts["critic"] == before
    usage = results(tmp_path / "second")["configs"]["persona_main"]["metadata"]["usage"]["critic"]
    assert (usage["calls"], usage["from_store"]) == (0, 20)


@pytest.mark.usefixtures("server")
def test_interrupted_run_leaves_no_file_that_looks_whole(tmp_path: Path) -> None:
    wrong = {**line(4), "persona": {"age": "", "sex": "  "}}
    path = write(tmp_path / "answers.jsonl", [*map(line, range(3)), wrong])
    assert main(["score", str(path), "--out", str(tmp_path / "out")]) == 2
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []


def test_parts_of_rows_come_to_what_the_whole_does() -> None:
    rng = random.Random(1)
    whole, parts = Rows("personalized", repeats=True), Sums()
    for _ in range(7):
        part = Rows("personalized", repeats=True)
        for _ in range(rng.randrange(1, 60)):
            value, person = rng.choice([0.0, 1.0, 1 / 3]), f"p{rng.randrange(9)}"
            found: dict[str, Any] = {"personalized": value, "design_effect": "", "answer_failures": 0.0}
            if person < "p5":
                found |= {f"personalized[a={person}]": value, f"n[a={person}]": 1}
            question = f"q{rng.randrange(9)}"
            for rows in (whole, part):
                rows.add(found, person, question)
            parts.clusters.add(value, person, question)
        parts.add({k: c.counts() for k, c in part.columns.items()}, part.pairs)
    one, two = whole.table(), parts.table()
    assert list(one) == list(two)
    assert whole.incomplete == parts.incomplete
    assert one["design_effect"][0] > 0
    for name, (value, error) in one.items():
        assert two[name][0] == pytest.approx(value, rel=1e-12), name
        assert two[name][1] == (error if isinstance(error, str) else pytest.approx(error, rel=1e-12)), name


def test_values_beyond_a_byte_are_kept() -> None:
    rows = Rows("personalized", repeats=False)
    for i in range(700):
        rows.add({"agreement": i / 700}, "p", "q")
    assert list(rows.columns["agreement"]) == [i / 700 for i in range(700)]


def test_survey_finds_what_parts_have_in_common() -> None:
    lines = [("f:1", line(0)), ("f:2", line(1)), ("f:3", {**line(2), "persona": {**line(2)["persona"], "pet": "cat"}})]
    whole, parts = survey(lines), survey(lines[:1]).joined(survey(lines[1:]))
    assert (whole.rows, whole.repeats, whole.apart) == (3, False, None)
    assert (parts.rows, parts.columns, parts.repeats) == (3, whole.columns, False)
    assert "pet" in parts.columns
    assert parts.joined(survey([("g:1", line(0))])).repeats
