"""What a report says: planted truths come back in tables, words and figures; doubtful numbers come with a warning."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from persona_metrics.analysis.words import plus_minus
from persona_metrics.cli import main
from persona_metrics.files import told_apart
from persona_metrics.report import browser, glossary, page, plain, words, write_report
from persona_metrics.report.load import Loaded, find, read
from persona_metrics.report.schema import Report
from persona_metrics.report.tables import TaskTables, against_baseline, comparisons, csv_text, of_entry
from tests.fakes.runs import Planted, write_run

ALL = ("persona_main", "persona_main_baseline", "persona_loo", "persona_intersection", "persona_pass_at_k")


def loaded(*paths: Path) -> tuple[Loaded, list[TaskTables]]:
    found = read(find(paths)[0])
    return found, [of_entry(e) for e in found.entries]


def by_mode(low: float, high: float) -> dict[str, Planted]:
    return {name: Planted(lambda _pair, _variant, r=rate: r) for name, rate in (("low", low), ("high", high))}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report's folder for one run of all evaluations; income is worth 30 points, the others nothing."""
    folder = tmp_path_factory.mktemp("report")
    planted = Planted(lambda _, v: 0.7 if "income" not in v.dropped else 0.3, missing=0.01, failures=0.01)
    run = write_run(
        folder, ALL, n=150, k=4, attributes="age,income", cross="sex,age", min_support=20, by="sex", planted=planted
    )
    write_report([run], folder / "out")
    return folder / "out"


def test_everything_that_is_promised_is_written(written: Path) -> None:
    figures = {p.name for p in (written / "figures").iterdir()}
    stems = ("modes", "persona_main-by_attribute", "persona_loo-importance", "persona_intersection-forest")
    for stem in (*stems, "persona_intersection-heat-sex-age", "persona_pass_at_k-attempts"):
        assert {f"{stem}.png", f"{stem}.svg"} <= figures
    tables = {p.name for p in (written / "tables").iterdir()}
    for name in ("by_attribute", "headline", "lm_eval"):
        assert f"persona_main-{name}.csv" in tables
    assert {"persona_loo-importance.csv", "persona_intersection-groups.csv", "persona_pass_at_k-curve.csv"} <= tables
    assert (written / "report.html").stat().st_size > 10_000


def test_report_json_fits_its_schema_and_holds_the_csv_numbers(written: Path) -> None:
    report = Report.model_validate_json((written / "report.json").read_text())
    importance = next(t for t in report.tasks if t.task == "persona_loo").tables["importance"]
    with (written / "tables" / "persona_loo-importance.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["item"] for r in rows] == [r["item"] for r in importance]
    assert [float(r["difference"]) for r in rows] == pytest.approx([r["difference"] for r in importance])


def test_planted_importance_is_found_and_said(written: Path) -> None:
    report = json.loads((written / "report.json").read_text())
    task = next(t for t in report["tasks"] if t["task"] == "persona_loo")
    rows = {r["item"]: r for r in task["tables"]["importance"]}
    # One interval of twenty leaves the truth out, and there is one draw here: three standard errors.
    income = rows["income"]
    assert abs(income["difference"] - 0.4) < 3 / 1.96 * (income["high"] - income["low"]) / 2
    assert rows["income"]["survives"]
    assert not rows["age"]["survives"]
    assert "income" in task["finding"]


def test_pictures_have_200_dots_an_inch(written: Path) -> None:
    from PIL import Image

    for path in (written / "figures").glob("*.png"):
        assert round(Image.open(path).info["dpi"][0]) == 200


def test_two_models_are_compared_over_the_same_pairs(tmp_path: Path) -> None:
    plans = by_mode(0.4, 0.8)
    paths = [write_run(tmp_path, n=200, model=name, planted=plan) for name, plan in plans.items()]
    _, tables = loaded(*paths)
    (compared,) = comparisons(tables)[0]
    (row,) = compared.differences.to_dict("records")
    sign = 1 if row["first"] == "high" else -1
    assert row["n"] == 200
    assert sign * row["low"] < 0.4 < sign * row["high"] or sign * row["high"] < 0.4 < sign * row["low"]
    assert row["p"] < 1e-6
    assert "told apart" in words.difference(compared.differences.iloc[0])


def test_models_are_shown_by_the_number_that_their_differences_are_of(tmp_path: Path) -> None:
    for name, own in (("one", 0.4), ("two", 0.8)):
        planted = Planted(lambda _, variant, own=own: own if variant.name == "whole" else 0.2)
        write_run(tmp_path, ("persona_contrast",), n=150, model=name, planted=planted)
    _, tables = loaded(tmp_path)
    (compared,) = comparisons(tables)[0]
    rates = compared.rates.set_index("name")
    (row,) = compared.differences.to_dict("records")
    assert set(rates["row"]) == {"personalized"}
    assert row["difference"] == pytest.approx(rates["value"][row["first"]] - rates["value"][row["second"]])


def test_groups_that_differ_stand_with_the_results_of_several_models(tmp_path: Path) -> None:
    apart = Planted(lambda pair, _: 0.2 if pair.persona.attributes["sex"] == "Male" else 0.8)
    for model, planted in (("even", Planted()), ("uneven", apart)):
        write_run(tmp_path / "runs", model=model, n=120, by="sex", planted=planted)
    write_report([tmp_path / "runs"], tmp_path / "out", figures=False)
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    results = text[text.index('id="results"') : text.index('id="comparisons"')]
    assert results.index("The rate differs beyond chance by sex") < results.index("No attribute")
    assert text.count("The rate differs beyond chance by sex") == 1


def test_differences_to_the_baseline_turn_their_sign_with_their_interval() -> None:
    table = pd.DataFrame(
        [
            ("baseline", "output_only", -0.2, -0.3, -0.1, 0.01),
            ("chain_of_thought", "baseline", 0.1, 0.0, 0.2, 0.2),
        ],
        columns=["first", "second", "difference", "low", "high", "p_adjusted"],
    )
    found = against_baseline(table)
    assert found is not None
    assert found.to_numpy().tolist() == [
        ["output_only", 0.2, 0.1, 0.3, 0.01],
        ["chain_of_thought", 0.1, 0.0, 0.2, 0.2],
    ]


@pytest.mark.parametrize(
    ("given", "metadata", "plan", "word"),
    [
        ({}, {"critic_model": "embedded"}, Planted(), "mean nothing"),
        ({}, {"critic_model": "model-a"}, Planted(), "model under test"),
        ({}, {}, Planted(missing=0.3), "of pairs have no verdict"),
        ({}, {}, Planted(failures=0.3), "no answer was found"),
        ({"n": 15}, {}, Planted(), "n = 15 is small"),
    ],
)
def test_what_spoils_a_number_is_warned_of(
    tmp_path: Path, given: dict[str, Any], metadata: dict[str, Any], plan: Planted, word: str
) -> None:
    path = write_run(tmp_path, planted=plan, metadata=metadata, **{"n": 150, **given})
    _, tables = loaded(path)
    assert any(word in w.text for w in words.warnings(tables, comparisons(tables)[0]))


def test_a_sound_run_is_not_warned_of(tmp_path: Path) -> None:
    _, tables = loaded(write_run(tmp_path, n=200, metadata={"critic_card": {"card": "0123abcd", "fit": True}}))
    assert words.warnings(tables, comparisons(tables)[0]) == []


@pytest.mark.parametrize("identical", [True, False])
def test_identical_attempts_are_warned_of(tmp_path: Path, identical: bool) -> None:
    path = write_run(tmp_path, ("persona_pass_at_k",), n=120, k=3, planted=Planted(identical=identical))
    _, tables = loaded(path)
    assert any("repeat each other" in w.text for w in words.warnings(tables, [])) is identical


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.62, 0.57, 0.67, "62% ± 5"),
        (1.0, 0.97, 1.0, "100% (97 to 100)"),
        (0.9996, 0.99, 1.0, "over 99% (99 to 100)"),
        (0.5, float("nan"), float("nan"), "50%"),
    ],
)
def test_interval_in_words(value: float, low: float, high: float, said: str) -> None:
    assert plus_minus(value, low, high) == said


def test_groups_that_differ_by_chance_have_no_lowest(tmp_path: Path) -> None:
    path = write_run(tmp_path, ("persona_intersection",), n=60, cross="sex,age", min_support=5)
    (table,) = loaded(path)[1]
    table.tables["groups"].loc[0, "between_group_sd"] = 0.0
    assert "is not shown" in words.finding(table)
    assert "none is named the lowest" in words.finding(table)


def test_baseline_alone_is_called_the_floor(tmp_path: Path) -> None:
    (alone,) = loaded(write_run(tmp_path, ("persona_main_baseline",), n=20))[1]
    assert "this is the floor" in words.headline(alone)
    (seen,) = loaded(write_run(tmp_path / "b", ("persona_main",), n=20))[1]
    assert "floor" not in words.headline(seen)
    mute = Planted(missing=1.0)
    (silent,) = loaded(write_run(tmp_path / "c", ("persona_main_baseline",), n=5, planted=mute))[1]
    assert words.headline(silent) == "There is no verdict on any of 5 pairs."


def test_csv_holds_no_formula() -> None:
    assert csv_text(pd.DataFrame({"group": ["=1+1", "x"], "n": [-1, 2]})) == "group,n\n'=1+1,-1\nx,2\n"


def test_page_takes_a_part_that_keeps_each_outcome(tmp_path: Path) -> None:
    planted = Planted(lambda _, __: 0.9, missing=0.05)
    found, _ = loaded(write_run(tmp_path, n=1000, planted=planted))
    (entry,) = found.entries
    (chosen,) = browser.choose([entry], most=200)
    assert len(chosen) <= 200
    assert len(set(chosen.tolist())) == len(chosen)
    names = [entry.data.strata[i] for i in chosen]
    assert {"yes", "no", "missing"} == set(names)
    assert names.count("yes") > 100
    packed = browser.pack([entry], most=200)
    assert (packed.shown, packed.total) == (len(chosen), 1000)


def test_page_without_samples_says_so(tmp_path: Path) -> None:
    path = write_run(tmp_path, n=5)
    next(path.parent.glob("samples_*")).unlink()
    write_report([path], tmp_path / "out")
    assert "There are no samples in this report" in (tmp_path / "out" / "report.html").read_text()


def test_run_without_any_verdict_is_reported_as_such(tmp_path: Path) -> None:
    path = write_run(tmp_path, ("persona_main", "persona_loo"), n=5, planted=Planted(missing=1.0), attributes="age")
    report = write_report([path], tmp_path / "out").report
    assert all("no verdict on any of 5 pairs" in t.headline for t in report.tasks)


def test_one_pair_is_enough_for_a_report(tmp_path: Path) -> None:
    path = write_run(tmp_path, ("persona_main", "persona_loo", "persona_pass_at_k"), n=1, k=2, attributes="age")
    write_report([path], tmp_path / "out")


def test_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_run(tmp_path, n=3)
    (tmp_path / "file").write_text("")
    assert main(["report", str(path), "--out", str(tmp_path / "file" / "out")]) == 2
    assert "cannot be written" in capsys.readouterr().err


EXTREMES = {
    "missing": Planted(missing=1.0),
    "without an answer": Planted(failures=1.0),
    "none": Planted(lambda _, __: 0.0),
    "all": Planted(lambda _, __: 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 8])
@pytest.mark.parametrize("alike", [True, False])
def test_report_holds_at_the_extremes(tmp_path: Path, n: int, alike: bool) -> None:
    """Of models that are at one extreme, each compared with its twin; and of one at each, with figures of a single pair."""
    drawn = n == 1 and not alike
    models = {f"{name} {twin}": plan for name, plan in EXTREMES.items() for twin in ("a", "b")[: 1 + alike]}
    runs = tmp_path / "runs"
    for model, plan in models.items():
        place = runs / model[:-2] if alike else runs
        write_run(place, ALL, model=model, n=n, k=2, attributes="age", cross="sex", min_support=1, planted=plan)
    for number, folder in enumerate(sorted(runs.iterdir()) if alike else [runs]):
        report = write_report([folder], tmp_path / f"out{number}", html=n == 1, figures=drawn).report
        told = [(t.model, f"{t.headline} {t.finding}") for t in report.tasks]
        for part in ("nan", "None of 1 ", "1 pairs", "1 replies", "-0.0", "100% to 100%"):
            assert not [text for _, text in told if part in text]
            assert not [warning.text for warning in report.warnings if part in warning.text]
        assert not [text for model, text in told if "without an answer" in model and "none without a verdict" in text]


def test_labels_that_differ_in_replaced_characters_alone_keep_files_of_their_own(tmp_path: Path) -> None:
    labels = ("org/model+a", "Org/model a", "模型", "型模", "plain")
    for label in labels:
        write_run(tmp_path / "runs", ("persona_main", "persona_main_baseline"), model=label, n=6)
    write_report([tmp_path / "runs"], tmp_path / "out", html=False, figures=False)
    names = [path.name for path in (tmp_path / "out" / "tables").glob("*.csv")]
    assert len({name.lower() for name in names}) == len(names)
    heads = [name for name in names if name.endswith("persona_main-headline.csv")]
    assert len(heads) == len(labels)
    assert "plain-persona_main-headline.csv" in heads
    assert len([name for name in names if name.startswith("modes-") and name.endswith("-rates.csv")]) == len(labels)
    told = told_apart(labels)
    assert len({name.lower() for name in told.values()}) == len(labels)
    assert told["plain"] == "plain"
    assert {name.partition("-persona_main-")[0] for name in heads} == set(told.values())


def test_command_says_its_stages_and_ends_with_path_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_run(tmp_path, n=5)
    assert main(["report", str(path), "--progress", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    for stage in ("reading samples", "counting persona_main of model-a", "drawing figures", "writing the page"):
        assert stage in said.err
    page = tmp_path / "out" / "report.html"
    assert re.fullmatch(rf"open {re.escape(str(page))} \((\d+\.\d MB|\d+ KB)\)", said.out.splitlines()[-1])
    assert main(["report", str(path), "--out", str(tmp_path / "quiet")]) == 0
    assert capsys.readouterr().err == ""


def test_no_sentence_stands_twice_on_the_page_and_each_word_is_linked_once(tmp_path: Path) -> None:
    rates = {
        "persona_main_baseline": (0.1, 0.2),
        "persona_main": (0.4, 0.6),
        "persona_main_chain_of_thought": (0.8, 0.95),
    }
    for task, of_models in rates.items():
        stamp = f"2026-03-01T10-00-00.{len(task):06d}"
        for model, rate in zip("ab", of_models, strict=True):
            planted = Planted(lambda *_, r=rate: r)
            write_run(tmp_path / "runs", (task,), model=model, n=40, stamp=stamp, planted=planted)
    write_report([tmp_path / "runs"], tmp_path / "out", figures=False)
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    head = re.sub(r"<a class=.term.[^>]*>(.*?)</a>", r"\1", text[: text.index('id="runs"')])
    said = re.findall(r"<p[^>]*>([^<]{40,})", head)
    assert len(said) == len(set(said))
    assert head.count("Nothing here yet shows that the persona mattered") == 1
    assert head.index("Main, baseline") < head.index("Main, output only") < head.index("Main, chain of thought")
    assert '<table class="overview">' in text
    for term in glossary.TERMS:
        assert text.count(f'href="#{term.anchor}"') <= 1
        assert text.count(f'id="{term.anchor}"') == 1
    assert text.count('class="term"') >= 4


@pytest.mark.parametrize(
    ("task", "rate", "said"),
    [
        ("persona_main", lambda *_: 0.6, "of 100 answers fit the person who asked."),
        ("persona_main_baseline", lambda *_: 0.3, "the floor for the other modes"),
        ("persona_contrast", lambda _, v: 0.9 if v.name == "whole" else 0.1, "made for their person"),
        ("persona_contrast", lambda *_: 0.5, "Nothing shows that the answers are made for their person"),
        ("persona_loo", lambda _, v: 0.9 if "income" not in v.dropped else 0.1, "not told income."),
        ("persona_loo", lambda *_: 0.5, "No single fact about a person is shown"),
        ("persona_pass_at_k", lambda *_: 0.5, "asked 3 times, at least once in"),
        ("persona_intersection", lambda *_: 0.5, "No group of people is shown"),
    ],
)
def test_headline_in_everyday_words_says_the_planted_truth(tmp_path: Path, task: str, rate: Any, said: str) -> None:
    path = write_run(
        tmp_path, (task,), n=60, k=3, attributes="income", cross="sex", min_support=5, planted=Planted(rate)
    )
    (table,) = loaded(path)[1]
    assert said in plain.sentence(table)


@pytest.mark.parametrize(
    ("task", "rate", "n", "said"),
    [
        ("persona_main", 0.0, 60, "No answer fits the person who asked."),
        ("persona_main", 1.0, 60, "All answers fit the person who asked."),
        ("persona_main", 1.0, 1, "The one answer judged fits the person who asked."),
        ("persona_main", 0.0, 7, "None of 7 answers fits the person who asked."),
        ("persona_main_baseline", 0.0, 60, "With nothing known of the person, no answer fits: the floor"),
        ("persona_loo", 1.0, 1, "1 pair is too few to show which facts"),
        ("persona_intersection", 1.0, 2, "2 pairs are too few to show whether some groups"),
        ("persona_contrast", 1.0, 1, "1 pair is too few to show whether the answers are made for their person"),
        ("persona_pass_at_k", 0.0, 60, "gives a fitting answer in no case, nor when asked 3 times."),
        ("persona_pass_at_k", 1.0, 1, "in all cases, and so it does when asked 3 times, over 1 pair only."),
    ],
)
def test_headline_in_everyday_words_holds_at_the_ends_and_over_few_pairs(
    tmp_path: Path, task: str, rate: float, n: int, said: str
) -> None:
    made = {"k": 3, "attributes": "income", "cross": "sex", "min_support": 1, "planted": Planted(lambda *_: rate)}
    path = write_run(tmp_path, (task,), n=n, **made)  # type: ignore[arg-type]
    (table,) = loaded(path)[1]
    assert said in plain.sentence(table)


@pytest.mark.parametrize("missing", [0.0, 1.0])
def test_report_on_one_pair_and_on_no_verdict_is_written(tmp_path: Path, missing: float) -> None:
    tasks = ("persona_main", "persona_contrast", "persona_loo", "persona_pass_at_k")
    planted = Planted(lambda *_: 1.0, missing=missing)
    run = write_run(tmp_path, tasks, n=1, k=2, attributes="income", planted=planted)
    written = write_report([run], tmp_path / "out", figures=False)
    said = [warning.text for warning in written.report.warnings]
    assert not any("turn the sign" in text for text in said)
    page_ = (tmp_path / "out" / "report.html").read_text(encoding="utf-8").partition("<script")[0]
    assert re.search(r"\bnan\b", page_) is None


@pytest.mark.slow
def test_three_models_in_four_modes_stay_below_4_megabytes(tmp_path: Path) -> None:
    for model in ("org/model-a", "org/model-b", "org/model-c"):
        for mode in ("", "_baseline", "_chain_of_thought", "_demographic_summary"):
            stamp = f"2026-03-01T10-00-00.{len(mode):06d}"
            write_run(tmp_path / "runs", (f"persona_main{mode}",), model=model, n=120, by="sex,age", stamp=stamp)
    write_report([tmp_path / "runs"], tmp_path / "out")
    assert (tmp_path / "out" / "report.html").stat().st_size < 4e6


def test_facts_have_readable_dates_and_lists() -> None:
    assert page._fact("date", 1772359200.0) == "1 March 2026, 10:00 UTC"
    assert page._fact("by", ["age", "sex"]) == "age and sex"
