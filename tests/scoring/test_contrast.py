"""Contrast of answers made elsewhere: row for row the one-step run's, and no lift where nothing was written for nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics import analysis
from persona_metrics.cli import main
from persona_metrics.runs.read import read_samples, replies_of, results_of, tidy
from tests.conftest import full_attributes
from tests.e2e.command import Ran, evaluate
from tests.fakes.runs import write_run
from tests.fakes.server import Server, draw
from tests.scoring.made import line, results, write

N = 24
TASK = "persona_contrast"


def verdict(question: str, persona: dict[str, str], answer: str) -> bool:
    return draw("needs", question, sorted(persona.items()), answer) < 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contrast")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with Server(verdict=verdict) as made:
        yield made


@pytest.fixture
def server(running: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
    monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", running.base_url)
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(folder / "verdicts.sqlite"))
    return running


@pytest.fixture(scope="module")
def people(folder: Path) -> Path:
    return write(folder / "people.jsonl", [{**full_attributes(age=str(20 + i)), "id": f"x{i}"} for i in range(15)])


@pytest.fixture(scope="module")
def whole(running: Server, people: Path, folder: Path) -> Ran:
    """The run in one step, over people of one's own: some of them have two questions."""
    done = evaluate(running, TASK, cwd=folder, metadata={"n": N, "seed": 5, "others": 2, "personas": str(people)})
    assert done.code == 0, done.stderr
    return done


def scored(path: Path, out: Path, *more: str) -> dict[str, Any]:
    assert main(["score", str(path), "--out", str(out), *more]) == 0
    return dict(results(out)["results"][TASK])


def lines_of(ran: Ran) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the run's answers as lines of any system: those written with the persona, and those written for nobody."""
    (path,) = ran.folder.rglob("samples_*.jsonl")
    made, nobody = [], []
    for sample in read_samples(path):
        doc, (own, plain) = sample["doc"], replies_of(sample)
        base = {k: doc[k] for k in ("pair_id", "persona_id", "question_id", "persona", "question", "topic")}
        made.append({**base, "answer": own, "model": "m"})
        nobody.append({**base, "answer": plain, "mode": "baseline", "model": "m"})
    return made, nobody


def test_lines_score_row_for_row_as_the_run_in_one_step(
    server: Server, whole: Ran, people: Path, tmp_path: Path
) -> None:
    made, nobody = lines_of(whole)
    asked = server.counts["critic"]
    chosen = ("--task", TASK, "--metadata", f"personas={people}", "seed=5", "others=2")
    expected = dict(whole.results()["results"][TASK])
    # In one file, in two, and with those for nobody in another order and without ids.
    one = scored(write(tmp_path / "one.jsonl", [*nobody, *made]), tmp_path / "s1", *chosen)
    bare = [{k: v for k, v in row.items() if not k.endswith("_id")} for row in reversed(nobody)]
    second = ("--baseline", str(write(tmp_path / "nobody.jsonl", bare)))
    two = scored(write(tmp_path / "two.jsonl", made), tmp_path / "s2", *chosen, *second)
    assert one == two == expected
    assert {"contrast,critic", "lift,critic"} <= expected.keys()
    assert server.counts["critic"] == asked  # every verdict lies in the store: the same people, the same answers


def test_samples_score_row_for_row_as_the_run_in_one_step(
    server: Server, whole: Ran, people: Path, tmp_path: Path
) -> None:
    asked = server.counts["critic"]
    again = scored(whole.folder, tmp_path / "s", "--metadata", f"personas={people}")
    assert again == whole.results()["results"][TASK]
    assert server.counts["critic"] == asked


def test_answers_first_and_judging_later_draw_the_same_people_from_the_package(
    server: Server, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = {"PERSONA_CRITIC_STORE": str(folder / "verdicts.sqlite")}
    done = evaluate(server, TASK, "--predict_only", cwd=tmp_path, metadata={"n": 8}, **store)
    assert done.code == 0, done.stderr
    later = scored(done.folder, tmp_path / "s")
    assert "not at hand" not in capsys.readouterr().err
    (tmp_path / "out").rename(tmp_path / "first")
    asked = server.counts["critic"]
    whole = evaluate(server, TASK, cwd=tmp_path, metadata={"n": 8}, **store)
    assert later == whole.results()["results"][TASK]
    assert server.counts["critic"] == asked


@pytest.mark.usefixtures("server")
def test_a_run_whose_people_are_not_at_hand_says_from_whom_it_draws(
    whole: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = scored(whole.folder, tmp_path / "s")
    assert "drawn from the 15 of these answers" in capsys.readouterr().err
    assert rows["personalized,critic"] == whole.rows(TASK)["personalized"]


@pytest.mark.usefixtures("server")
def test_without_answers_for_nobody_there_is_no_lift_and_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = scored(write(tmp_path / "a.jsonl", [line(i) for i in range(9)]), tmp_path / "s", "--task", TASK)
    said = [text for text in capsys.readouterr().err.splitlines() if "lift" in text]
    assert len(said) == 1
    assert "so there is no lift" in said[0]
    assert "contrast,critic" in rows
    assert not [name for name in rows if "lift" in name or "no persona" in name]
    assert results(tmp_path / "s")["configs"][TASK]["metadata"]["baseline"] is False
    (path,) = (tmp_path / "s").rglob("samples_*.jsonl")
    samples = list(read_samples(path))
    own = {s["doc"]["persona_id"] for s in samples}
    judged_for = [r["judged_for"]["id"] for s in samples for r in results_of(s) if "judged_for" in r]
    assert len(judged_for) == 9
    assert set(judged_for) <= own
    metadata = results(tmp_path / "s")["configs"][TASK]["metadata"]
    found = analysis.tables(tidy(samples, TASK, metadata, "m"), metadata)
    assert list(found["worth"]["row"]) == ["contrast"]
    assert "No answers written for nobody were there, so no lift." in analysis.finding("contrast", found)


@pytest.mark.usefixtures("server")
def test_an_answer_to_a_question_alone_serves_everybody_who_asked_it(tmp_path: Path) -> None:
    asked = [line(i, question="What should I cook?") for i in range(4)]
    nobody = [{"question": "What should I cook?", "answer": "Bread.", "mode": "baseline"}]
    rows = scored(write(tmp_path / "a.jsonl", [*nobody, *asked]), tmp_path / "s", "--task", TASK)
    expected = [1.0 - verdict("What should I cook?", row["persona"], "Bread.") for row in asked]
    assert rows["personalized[no persona],critic"] == pytest.approx(sum(expected) / 4)


@pytest.mark.usefixtures("server")
def test_what_does_not_fit_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stray = {"question": "Another?", "answer": "x", "mode": "baseline"}
    twice = {"question": "Question 0?", "answer": "x", "mode": "baseline"}
    cases = [
        ([line(0), line(1), stray], "written for nobody, and no other line has its question"),
        ([line(0), line(1), twice, twice], "two answers written for nobody"),
        ([line(0), line(1), twice], "1 answers are missing in 1 pairs"),
        ([stray], "every answer was written for nobody"),
        ([line(0), line(0, question="B?")], "another person has to differ"),
    ]
    for number, (rows, said) in enumerate(cases):
        path = write(tmp_path / f"{number}.jsonl", rows)
        assert main(["score", str(path), "--task", TASK, "--out", str(tmp_path / "s")]) == 2
        assert said in capsys.readouterr().err
    path = write(tmp_path / "a.jsonl", [line(0), line(1)])
    assert main(["score", str(path), "--baseline", str(path), "--out", str(tmp_path / "s")]) == 2
    assert "--baseline goes with --task persona_contrast" in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_prompts_answered_with_the_persona_alone_have_contrast_and_no_lift(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "prompts.jsonl"
    assert main(["prompts", "--task", TASK, "--out", str(prompts), "--metadata", "n=6"]) == 0
    asked = [json.loads(text) for text in prompts.read_text().splitlines()]
    replies = [{"id": r["id"], "reply": f"Answer {i}."} for i, r in enumerate(asked) if r["variant"] == "whole"]
    path = write(tmp_path / "replies.jsonl", replies)
    rows = scored(path, tmp_path / "s", "--prompts", str(prompts))
    assert "so there is no lift" in capsys.readouterr().err
    assert "contrast,critic" in rows
    assert "lift,critic" not in rows


def test_answers_of_a_main_run_have_a_contrast_without_being_made_or_judged_again(
    server: Server, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "own.sqlite"
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(store))
    metadata = {"n": N, "seed": 5, "personas": str(people)}
    done = evaluate(server, "persona_main", cwd=tmp_path, metadata=metadata, PERSONA_CRITIC_STORE=str(store))
    assert done.code == 0, done.stderr
    generated, asked = server.counts["model"], server.counts["critic"]
    rows = scored(done.folder, tmp_path / "s", "--task", TASK, "--metadata", f"personas={people}")
    assert "so there is no lift" in capsys.readouterr().err
    assert (server.counts["model"], server.counts["critic"]) == (generated, asked + N)  # for another person alone
    assert rows["personalized,critic"] == done.rows("persona_main")["personalized"]
    assert rows["contrast,critic"] == pytest.approx(
        rows["personalized,critic"] - rows["personalized[another person],critic"]
    )
    assert "lift,critic" not in rows
    (file,) = done.folder.rglob("samples_*.jsonl")
    assert scored(file, tmp_path / "f", "--task", TASK, "--metadata", f"personas={people}") == rows


@pytest.mark.usefixtures("server")
def test_a_main_run_that_showed_no_persona_has_no_contrast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_run(tmp_path, n=4, mode="baseline")
    assert main(["score", str(path), "--task", TASK, "--out", str(tmp_path / "s")]) == 2
    assert "mode=baseline showed the model no persona" in capsys.readouterr().err
