"""Planted human answers: sheet, labels, agree, report, leaderboard and exports, through the commands a user calls."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from tests.labels.planted import answered, items, label, right, run, write


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 120 pairs, a sheet of 60 by sex, and the labels of one who agrees with the critic on nine of ten."""
    folder = tmp_path_factory.mktemp("labelled")
    run(folder / "run")
    assert main(["label", str(folder / "run"), "--n", "60", "--by", "sex", "--out", str(folder / "label.html")]) == 0
    write(folder / "labels.jsonl", answered(folder / "label.html", folder / "run", right(0.9)))
    return folder


def agree(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["agree", *map(str, arguments), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_agreement_and_corrected_rate_hold_the_planted_truth(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = agree(capsys, place / "run", place / "labels.jsonl")["tasks"]
    known = list(items(place / "run").values())
    truth = [right(0.9)(item) for item in known]
    agreed = sum(t == item.fits for t, item in zip(truth, known, strict=True)) / len(known)
    assert found["labels"] == 60
    assert found["weighted"] is True
    assert found["agreement"]["low"] <= agreed <= found["agreement"]["high"]
    (rate,) = found["rates"]
    assert rate["corrected"]["low"] <= sum(truth) / len(truth) <= rate["corrected"]["high"]
    narrow = rate["corrected"]["high"] - rate["corrected"]["low"]
    assert narrow < rate["people_alone"]["high"] - rate["people_alone"]["low"]
    assert sum(found["cells"].values()) == 60
    assert {g["group"] for g in found["groups"]} == {"Female", "Male"}
    assert found["warning"] == ""


def test_critic_that_is_kinder_to_one_group_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "run", rate=0.8, n=300)
    assert main(["label", str(tmp_path / "run"), "--n", "160", "--by", "sex", "--out", str(tmp_path / "l.html")]) == 0

    def truth(item: Any) -> float:
        # Of the women's answers that the critic passes, people would send back half.
        return float(item.fits and (item.persona["sex"] != "Female" or hash_half(item.key)))

    def hash_half(key: str) -> bool:
        return int(key[1:], 16) % 2 == 0

    write(tmp_path / "labels.jsonl", answered(tmp_path / "l.html", tmp_path / "run", truth))
    (found,) = agree(capsys, tmp_path / "run", tmp_path / "labels.jsonl")["tasks"]
    female = next(g for g in found["groups"] if g["group"] == "Female")
    assert female["kinder_than_to_others"]["low"] > 0.15
    assert female["p_adjusted"] < 0.001
    assert main(["agree", str(tmp_path / "run"), str(tmp_path / "labels.jsonl")]) == 0
    assert "The critic is kinder to sex=Female than to the others" in capsys.readouterr().out


def test_critic_that_agrees_by_chance_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "run")
    assert main(["label", str(tmp_path / "run"), "--out", str(tmp_path / "l.html")]) == 0
    labels = write(tmp_path / "labels.jsonl", answered(tmp_path / "l.html", tmp_path / "run", right(0.55)))
    assert main(["agree", str(tmp_path / "run"), str(labels)]) == 0
    said = capsys.readouterr().out
    assert "agrees with people only in part" in said
    assert "The critic adds little to the labels" in said
    assert (
        main(["report", str(tmp_path / "run"), "--labels", str(labels), "--out", str(tmp_path / "r"), "--no_figures"])
        == 0
    )
    report = json.loads((tmp_path / "r/report.json").read_text())
    assert any("lower end is below 0.4" in w["text"] for w in report["warnings"])


def test_labels_without_their_draw_count_as_a_random_one_and_it_is_said(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "labels.jsonl"
    alone.write_text((place / "labels.jsonl").read_text())
    (found,) = agree(capsys, place / "run", alone)["tasks"]
    assert found["weighted"] is False
    assert any("simple random draw" in note for note in found["notes"])
    (weighted,) = agree(capsys, place / "run", alone, "--weights", place / "label.weights.json")["tasks"]
    assert weighted["weighted"] is True


def test_raters_among_each_other(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for rater, share in (("anna", 0.95), ("bo", 0.9)):
        lines = answered(place / "label.html", place / "run", right(share), rater)
        files.append(write(tmp_path / f"{rater}.jsonl", lines))
    (found,) = agree(capsys, place / "run", *files, "--weights", place / "label.weights.json")["tasks"]
    assert found["raters"] == ["anna", "bo"]
    # Same truth but for those between 90 and 95%.
    assert 0.7 < found["alpha"]["value"] < 1
    assert found["undecided"] == 60 - found["labels"]


def test_labels_of_another_run_are_one_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strange = write(tmp_path / "labels.jsonl", [label("f" * 16, "yes"), label("e" * 16, "no")])
    for command in (
        ["agree", str(place / "run"), str(strange)],
        ["report", str(place / "run"), "--labels", str(strange)],
    ):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert "none of 2 labelled answers" in error
        assert "labels of another run?" in error
        assert error.count("\n") == 1


def test_labels_of_answers_that_are_not_there_are_left_out_and_said(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = [json.loads(line) for line in (place / "labels.jsonl").read_text().splitlines()]
    mixed = write(tmp_path / "labels.jsonl", [*known, label("f" * 16, "yes")])
    found = agree(capsys, place / "run", mixed, "--weights", place / "label.weights.json")
    assert found["tasks"][0]["labels"] == 60
    assert any("1 of 61 labelled answers are none of these runs'" in note for note in found["notes"])


def test_only_cannot_tell_is_one_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unsure = write(tmp_path / "labels.jsonl", [label(key, "cannot tell") for key in list(items(place / "run"))[:20]])
    assert main(["agree", str(place / "run"), str(unsure)]) == 2
    assert "cannot tell, or are split, on every answer" in capsys.readouterr().err


def test_report_shows_people_beside_the_rate(place: Path, tmp_path: Path) -> None:
    command = [
        "report",
        str(place / "run"),
        "--labels",
        str(place / "labels.jsonl"),
        "--out",
        str(tmp_path),
        "--no_figures",
    ]
    assert main(command) == 0
    (task,) = json.loads((tmp_path / "report.json").read_text())["tasks"]
    assert task["people"].startswith("The critic agrees with people on ")
    assert "Corrected by people" in task["people"]
    assert {"people", "people_rates", "people_cells", "people_groups"} <= task["tables"].keys()
    assert (tmp_path / "tables/persona_main-people_rates.csv").is_file()
    assert task["people"] in (tmp_path / "report.html").read_text().replace("&#39;", "'")


def test_leaderboard_has_a_column_and_without_labels_none(place: Path, tmp_path: Path) -> None:
    assert (
        main(["leaderboard", str(place / "run"), "--labels", str(place / "labels.jsonl"), "--out", str(tmp_path)]) == 0
    )
    (header,) = [r for r in (tmp_path / "leaderboard.md").read_text().splitlines() if r.startswith("| rank")]
    assert {"by people", "κ"} <= {cell.split(",")[0].strip() for cell in header.split("|")}, header
    with (tmp_path / "leaderboard.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["labels"] == "60"
    assert 0.5 < float(row["kappa"]) < 1
    assert main(["leaderboard", str(place / "run"), "--out", str(tmp_path)]) == 0
    assert "by people" not in (tmp_path / "leaderboard.md").read_text()


def test_setting_of_the_run_is_taken_where_no_file_is_named(place: Path, tmp_path: Path) -> None:
    from tests.fakes.runs import Planted, write_run

    planted = Planted(lambda pair, variant: 0.6)  # noqa: ARG005
    write_run(tmp_path / "run", n=120, planted=planted, labels=str(place / "labels.jsonl"))
    assert main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "r"), "--no_figures"]) == 0
    (task,) = json.loads((tmp_path / "r/report.json").read_text())["tasks"]
    assert task["people"]


def test_setting_of_the_environment_is_taken_where_the_run_has_none(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_LABELS", str(place / "labels.jsonl"))
    assert main(["report", str(place / "run"), "--out", str(tmp_path / "r"), "--no_figures"]) == 0
    (task,) = json.loads((tmp_path / "r/report.json").read_text())["tasks"]
    assert task["people"]
    # Of a run that they are not about, the report says so and goes on.
    run(tmp_path / "other", seed=11)
    assert main(["report", str(tmp_path / "other"), "--out", str(tmp_path / "o"), "--no_figures"]) == 0
    assert any(
        "labels of another run?" in note for note in json.loads((tmp_path / "o/report.json").read_text())["notes"]
    )


def test_setting_that_names_no_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    from persona_metrics import settings
    from persona_metrics.errors import PersonaError

    with pytest.raises(PersonaError, match=r"labels: 'none.jsonl': no such file of labels"):
        settings.load({"labels": "none.jsonl"})
    capsys.readouterr()


def test_every_eval_ever_gets_annotators_scores(place: Path, tmp_path: Path) -> None:
    command = ["export", str(place / "run"), "--to", "eee", "--developer", "acme", "--out", str(tmp_path)]
    assert main([*command, "--labels", str(place / "labels.jsonl")]) == 0
    lines = [json.loads(line) for line in next(tmp_path.rglob("*_samples.jsonl")).read_text().splitlines()]
    scored = [line["metadata"] for line in lines if "annotator_scores" in line["metadata"]]
    assert len(scored) == 60
    assert all(isinstance(value, str) for metadata in scored for value in metadata.values())
    assert json.loads(scored[0]["annotator_scores"])["anna"] in (0.0, 1.0)
    log = json.loads(next(p for p in tmp_path.rglob("*.json")).read_text())
    (details,) = (
        r["score_details"]["details"]
        for r in log["evaluation_results"]
        if r["metric_config"]["metric_name"] == "personalized"
    )
    assert details["annotator_labels"] == "60"
    assert 0 < float(details["annotators_corrected"]) < 1


def test_errors_on_another_run_correct_this_ones_rate(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "other", rate=0.7, seed=7)
    command = [str(tmp_path / "other"), str(place / "labels.jsonl")]
    assert main(["agree", *command, "--errors-from", str(place / "run"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    truth = [right(0.9)(item) for item in items(tmp_path / "other").values()]
    assert found["corrected"]["low"] <= sum(truth) / len(truth) <= found["corrected"]["high"]
    assert 0.75 < found["specificity"] <= 1
    assert found["answers_without_fault"] + found["answers_with_fault"] <= 60


def test_errors_of_another_critic_are_one_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "other", critic_model="critic-y")
    command = [str(tmp_path / "other"), str(place / "labels.jsonl"), "--errors-from", str(place / "run")]
    assert main(["agree", *command]) == 2
    assert "another critic judged there (critic model critic-x, here critic-y)" in capsys.readouterr().err


def test_agree_needs_labels_or_a_card(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agree", str(place / "run")]) == 2
    assert "needs files of labels" in capsys.readouterr().err


def test_weights_of_another_run_are_one_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "other", seed=9)
    assert main(["label", str(tmp_path / "other"), "--n", "20", "--out", str(tmp_path / "o.html")]) == 0
    weights = str(tmp_path / "o.weights.json")
    assert main(["agree", str(place / "run"), str(place / "labels.jsonl"), "--weights", weights]) == 2
    assert "the weights of a draw from another run" in capsys.readouterr().err


def test_two_draws_by_the_same_attributes_count_together(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["label", str(place / "run"), "--n", "30", "--by", "sex", "--seed", "5"]
    assert main([*command, "--out", str(place / "second.html")]) == 0
    more = write(place / "second.jsonl", answered(place / "second.html", place / "run", right(0.9)))
    (found,) = agree(capsys, place / "run", place / "labels.jsonl", more)["tasks"]
    assert found["weighted"] is True
    assert 60 < found["labels"] < 90


@pytest.mark.parametrize("number", [1, 2, 5])
def test_few_labels_give_few_numbers_and_no_rate(
    place: Path, tmp_path: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.loads(line) for line in (place / "labels.jsonl").read_text().splitlines()][:number]
    few = write(tmp_path / "labels.jsonl", lines)
    (found,) = agree(capsys, place / "run", few)["tasks"]
    assert found["labels"] == number
    assert found["rates"] == []
    assert found["agreement"]["high"] - found["agreement"]["low"] > 0.3
    assert main(["agree", str(place / "run"), str(few)]) == 0
    assert "correct no rate" in capsys.readouterr().out


def test_two_models_corrected_rates_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.fakes.runs import Planted, write_run

    files = []
    for model, rate in (("model-a", 0.9), ("model-b", 0.3)):
        write_run(tmp_path / "runs", model=model, planted=Planted(lambda p, v, r=rate: r), n=120)  # noqa: ARG005
        out = tmp_path / f"{model}.html"
        assert main(["label", str(tmp_path / "runs" / model), "--n", "40", "--out", str(out)]) == 0
        files.append(write(tmp_path / f"{model}.jsonl", answered(out, tmp_path / "runs" / model, right(0.9))))
    (row,) = agree(capsys, tmp_path / "runs", *files)["models"]
    sign = 1 if row["first"] == "model-a" else -1
    assert sign * row["value"] > 0.3
    assert row["low"] > 0 or row["high"] < 0


def test_replies_without_answer_or_verdict_are_said_to_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.fakes.runs import Planted, write_run

    write_run(tmp_path / "run", planted=Planted(missing=0.1, failures=0.1), n=120)
    assert main(["label", str(tmp_path / "run"), "--n", "40", "--out", str(tmp_path / "l.html")]) == 0
    labels = write(tmp_path / "labels.jsonl", answered(tmp_path / "l.html", tmp_path / "run", right(0.9)))
    (found,) = agree(capsys, tmp_path / "run", labels)["tasks"]
    (note,) = found["notes"]
    assert note.startswith("not in these rates: ")
    assert found["answers"] < 110
