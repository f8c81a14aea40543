"""What a sheet shows and what it does not; the draw."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from persona_metrics.cli import main
from persona_metrics.labels import draw, sheet
from persona_metrics.labels.items import answers_at, key_of
from tests.fakes.runs import odd_answers
from tests.labels.planted import data_of, items, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 120 pairs."""
    return run(tmp_path_factory.mktemp("run"))


def test_page_holds_no_verdict_debate_critic_or_model(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "label.html"
    assert main(["label", str(folder), "--n", "40", "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    for secret in ("model-a", "critic-x", "It speaks to their situation", "anybody's answer", "Revise it", "fits ·"):
        assert secret not in text
    assert set(data_of(out)["items"][0]) == {"key", "persona", "question", "answer"}


def test_policy_lets_only_the_pages_own_script_run(folder: Path) -> None:
    (answers,), _ = answers_at(folder)
    text = sheet.html(draw.draw(answers, 20))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = policy[1].replace("&#39;", "'")
    assert rules.startswith("default-src 'none'")
    assert "unsafe" not in rules
    for tag in ("script", "style"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        assert f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'" in rules
    assert not re.search(r'(?:src|href)="(?!data:)', text)


def test_questions_are_the_critics_own() -> None:
    asked = sheet.questions()
    assert len(asked) == 2
    assert asked[0].startswith("The personalization critic")
    assert asked[1].startswith("The helpfulness critic")
    assert sheet.decision().startswith("An answer needs a revision when")


def test_draw_is_the_seeds_own_and_shows_both_verdicts_of_every_group(folder: Path) -> None:
    (answers,), _ = answers_at(folder)
    one, two, other = (
        draw.draw(answers, 40, 0, ["sex"]),
        draw.draw(answers, 40, 0, ["sex"]),
        draw.draw(answers, 40, 1, ["sex"]),
    )
    assert one == two
    assert {i.key for i in one.drawn} != {i.key for i in other.drawn}
    counts = Counter(one.strata[item.key] for item in one.drawn)
    assert len(counts) == 4
    assert min(counts.values()) >= 5
    assert len({item.key for item in one.drawn}) == 40


def test_rare_verdict_gets_more_than_its_share() -> None:
    assert draw._allocated({"fits": 270, "not": 30}, 60) == {"fits": 45, "not": 15}
    assert draw._allocated({"fits": 299, "not": 1}, 60) == {"fits": 59, "not": 1}


def test_weights_file_knows_the_stratum_of_every_answer(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "label.html"
    assert main(["label", str(folder), "--n", "30", "--by", "sex", "--out", str(out)]) == 0
    read = draw.read_weights(tmp_path / "label.weights.json")
    assert read.sheet == data_of(out)["sheet"]
    assert read.by == ("sex",)
    assert read.strata.keys() == items(folder).keys()


def test_key_is_that_of_content_alone() -> None:
    one = key_of({"age": "40", "sex": "Female", "race": None}, "Q?", "A.")
    assert one == key_of({"sex": "Female", "age": "40"}, "Q?", "A.")
    assert one != key_of({"sex": "Female", "age": "41"}, "Q?", "A.")
    assert one != key_of({"sex": "Female", "age": "40"}, "Q?", "A. ")


def test_csv_holds_the_same_answers_and_no_formula(folder: Path, tmp_path: Path) -> None:
    for kind in ("html", "csv"):
        assert main(["label", str(folder), "--n", "30", "--out", str(tmp_path / f"label.{kind}")]) == 0
    with (tmp_path / "label.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == [item["key"] for item in data_of(tmp_path / "label.html")["items"]]
    assert {"persona", "question", "answer", "label", "note", "rater"} <= rows[0].keys()
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_contrast_shows_the_person_that_the_answer_is_judged_for() -> None:
    from persona_metrics.labels.items import _items

    doc = {"persona": {"age": "40"}, "question": "Q?", "persona_id": "p", "question_id": "q"}
    verdict = {"personalized": False}
    results = [
        {"variant": "whole", "answer": "A.", "answer_failure": None, "verdict": {"personalized": True}},
        {"variant": "another person", "answer": "A.", "answer_failure": None, "verdict": verdict,
         "judged_for": {"id": "x", "persona": {"age": "70"}}},
        {"variant": "no persona", "answer": None, "answer_failure": "empty reply", "verdict": None},
    ]  # fmt: skip
    sample = {"doc_id": 3, "doc": doc, "filtered_resps": [[json.dumps(r)] for r in results]}
    found = list(_items(sample, {}))
    assert [i and (i.kind, dict(i.persona), i.fits) for i in found] == [
        ("whole", {"age": "40"}, 1.0),
        ("another person", {"age": "70"}, 0.0),
        None,
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--n", "500"], "--n 500"),
        (["--n", "0"], "--n 0"),
        (["--out", "label.pdf"], "label.pdf"),
        (["--by", "shoe size"], "shoe size"),
        (["--task", "persona_loo"], "persona_main"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["label", str(folder), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not Path("label.weights.json").exists()


def test_odd_texts_stay_texts(tmp_path: Path) -> None:
    run(tmp_path / "run", n=6)
    odd_answers(next((tmp_path / "run").rglob("samples_*.jsonl")))
    out = tmp_path / "label.html"
    assert main(["label", str(tmp_path / "run"), "--n", "6", "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert text.count("</script>") == 2
    assert "{{7*7}}" in data_of(out)["items"][0]["answer"]


def test_sheet_does_not_take_anothers_weights_away(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["label", str(folder), "--n", "30", "--out", str(tmp_path / "label.html")]
    assert main(command) == 0
    assert main(command) == 0  # the same sheet
    assert main([*command, "--seed", "1"]) == 2
    assert "the weights of another sheet" in capsys.readouterr().err


def test_key_is_no_number_to_a_spreadsheet() -> None:
    assert key_of({}, "Q", "A").startswith("k")
