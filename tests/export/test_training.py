"""Training data: which answer stands against which, what stays out, parts that share nobody, and files others load."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from persona_metrics import rewards
from persona_metrics.cli import main
from persona_metrics.dataset.choice_items import load_items
from persona_metrics.export.duplicates import Clusters
from persona_metrics.export.split import TEST, TRAIN, counterparts, split
from persona_metrics.export.training import ATTEMPT, ORIGINAL, REVISION, WITHOUT, Pair, Taught
from persona_metrics.export.trl_preference import rows as preference
from persona_metrics.runs.table import samples
from tests.export.choices import write_choices
from tests.fakes.runs import Planted, Texts, odd_answers, write_run
from tests.fakes.server import Server, draw
from tests.scoring import made

HALF = Planted(rate=lambda pair, variant: 0.5)  # noqa: ARG005
SHARED = {"persona_id", "question_id", "pair", "critic", "critic_template", "card", "run", "task", "model"}
HASHES = {"data_hash", "pairs_hash", "answer_template"}
COLUMNS = {
    "trl-preference": {"prompt", "chosen", "rejected"},
    "trl-unpaired": {"prompt", "completion", "label"},
    "trl-prompts": {"prompt", "persona", "question", "other"},
    "sft": {"messages"},
}


@pytest.fixture
def export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[dict[str, list[Any]], str]]:
    """Export into a fresh folder; return the rows of each file and what was said."""

    def run(path: Path, target: str, *options: str) -> tuple[dict[str, list[Any]], str]:
        out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        assert main(["export", str(path), "--to", target, "--out", str(out), *options]) == 0
        files = {p.stem: [json.loads(x) for x in p.read_text("utf-8").split("\n") if x] for p in out.glob("*.jsonl")}
        return files, capsys.readouterr().out

    return run


def words(number: int, *seed: object) -> str:
    return " ".join(f"w{draw(i, *seed):.9f}" for i in range(number))


def distinct(rate: float = 0.5, **more: Any) -> Planted:
    """A run whose answers have no near-duplicates."""
    texts = Texts(answer=lambda pair, variant, text: words(40, text, pair.id, variant.name))
    return Planted(rate=lambda pair, variant: rate, texts=texts, **more)  # noqa: ARG005


@pytest.mark.parametrize("target", list(COLUMNS))
def test_every_row_names_its_pair_critic_card_run_and_hashes(tmp_path: Path, export: Any, target: str) -> None:
    write_run(tmp_path / "run", ("persona_pass_at_k",), n=20, k=4, planted=distinct())
    (rows,) = export(tmp_path / "run", target)[0].values()
    assert rows
    for row in rows:
        assert set(row) >= COLUMNS[target] | SHARED | HASHES
        assert row["run"].startswith("results_")
        assert (row["critic"], row["card"]) == ("critic-x", "none")


def test_attempts_that_fit_stand_against_those_that_do_not(tmp_path: Path, export: Any) -> None:
    write_run(tmp_path / "run", ("persona_pass_at_k",), n=30, k=4, planted=distinct(missing=0.1, failures=0.1))
    (rows,) = export(tmp_path / "run", "trl-preference")[0].values()
    judged = samples(tmp_path / "run").dropna(subset=["personalized", "answer"])
    value = {(r.content, r.answer): r.personalized for r in judged.itertuples()}
    pairs = judged.groupby("content")["personalized"].agg(["sum", "count"])
    assert len(rows) == int(sum(min(s, c - s) for s, c in pairs.to_numpy()))
    seen: set[str] = set()
    for row in rows:
        chosen, rejected = row["chosen"][0]["content"], row["rejected"][0]["content"]
        assert (value[row["pair"], chosen], value[row["pair"], rejected]) == (1.0, 0.0)
        assert row["prompt"][0]["content"].startswith("You are answering one particular person.")
        assert not {chosen, rejected} & seen  # each answer stands in one row
        seen |= {chosen, rejected}


def test_without_a_verdict_there_is_no_row_and_labels_are_the_verdicts(tmp_path: Path, export: Any) -> None:
    write_run(tmp_path / "run", n=40, planted=distinct(missing=0.3))
    (rows,) = export(tmp_path / "run", "trl-unpaired")[0].values()
    frame = samples(tmp_path / "run")
    wanted = {r.answer: bool(r.personalized) for r in frame.dropna(subset=["personalized"]).itertuples()}
    assert {row["completion"][0]["content"]: row["label"] for row in rows} == wanted
    assert 0 < len(wanted) < 40
    (prompts,) = export(tmp_path / "run", "trl-prompts")[0].values()
    assert len(prompts) == len(wanted)
    (liked,) = export(tmp_path / "run", "sft")[0].values()
    assert {row["messages"][-1]["content"] for row in liked} == {text for text, fits in wanted.items() if fits}


def test_answer_without_the_persona_is_rejected_under_the_prompt_that_shows_it(tmp_path: Path, export: Any) -> None:
    write_run(tmp_path / "run", ("persona_main", "persona_main_baseline"), n=60, planted=distinct())
    files, said = export(tmp_path / "run", "trl-preference")
    rows = files["train"]
    assert {row["source"] for row in rows} == {"without the persona"}
    frame = samples(tmp_path / "run")
    by_mode = {(r.mode, r.content): (r.answer, r.personalized) for r in frame.itertuples()}
    for row in rows:
        assert by_mode["output_only", row["pair"]] == (row["chosen"][0]["content"], 1.0)
        assert by_mode["baseline", row["pair"]] == (row["rejected"][0]["content"], 0.0)
        assert "- age: " in row["prompt"][0]["content"]
    assert f"{len(rows)} without the persona" in said


def test_runs_with_and_without_the_persona_are_joined_by_pair(tmp_path: Path, export: Any) -> None:
    write_run(tmp_path / "with", n=40, planted=distinct())
    write_run(tmp_path / "without", ("persona_main_baseline",), n=40, planted=distinct(salt="2"))
    rows = export(tmp_path / "with", "trl-preference", "--also", str(tmp_path / "without"))[0]["train"]
    assert rows


def test_parts_share_no_persona_and_no_question(tmp_path: Path, export: Any) -> None:
    write_run(tmp_path / "run", n=400, planted=distinct())
    files, _ = export(tmp_path / "run", "trl-unpaired", "--split", "0.9")
    for name in ("persona_id", "question_id"):
        assert not {r[name] for r in files["train"]} & {r[name] for r in files["test"]}
    assert 0.05 < len(files["test"]) / 400 < 0.16
    assert export(tmp_path / "run", "trl-unpaired", "--split", "0.9")[0] == files
    assert export(tmp_path / "run", "trl-unpaired", "--split", "0.9", "--seed", "1")[0] != files


def pair(person: str, question: str) -> Pair:
    return Pair(f"{person}/{question}", person, question, question, {"age": person}, {})


def test_everybody_with_everything_is_divided_on_both_sides() -> None:
    pairs = [pair(f"p{i}", f"q{j}") for i in range(20) for j in range(20)]
    parts, crossing = split(pairs, 0.9, 0)
    people = {name: {p.persona_id for p in part} for name, part in parts.items()}
    questions = {name: {p.question_id for p in part} for name, part in parts.items()}
    assert not people[TRAIN] & people[TEST]
    assert not questions[TRAIN] & questions[TEST]
    # A quarter of the people and of the questions: 25 pairs, against 225.
    assert (len(parts[TEST]), len(parts[TRAIN]), crossing) == (25, 225, 150)


def test_each_answer_stands_in_one_row_and_a_revision_over_its_own_original() -> None:
    def one(text: str, fits: bool, origin: str, chain: str = "") -> Taught:
        return Taught(text, fits, origin, {}, (), chain)

    answers = [
        one("good attempt", True, ATTEMPT),
        one("bad original", False, ORIGINAL, "2"),
        one("bad original of another", False, ORIGINAL, "1"),
        one("good revision", True, REVISION, "1"),
        one("without one", False, WITHOUT),
        one("without two", False, WITHOUT),
    ]
    found = Pair("c", "p", "q", "Q?", {"age": "40"}, {}, (), answers)
    rows = [(r["chosen"][0]["content"], r["rejected"][0]["content"]) for r in preference([found], Counter())]
    assert rows == [("good revision", "bad original of another"), ("good attempt", "bad original")]
    del answers[1:4]
    rows = [(r["chosen"][0]["content"], r["rejected"][0]["content"]) for r in preference([found], Counter())]
    assert rows == [("good attempt", "without one")]


def test_question_and_its_counterpart_stay_together() -> None:
    both: dict[str, list[str]] = {}
    for text, name in counterparts().items():
        both.setdefault(name, []).append(text)
    assert len(both) > 10
    assert all(len(texts) == 2 for texts in both.values())
    pairs = [pair(f"p{i}", text) for i, text in enumerate(counterparts())]
    for seed in range(5):
        parts, _ = split(pairs, 0.8, seed)
        sides = {p.question: name for name, part in parts.items() for p in part}
        assert all(sides[one] == sides[two] for one, two in both.values())


def test_same_person_under_two_names_is_in_one_part() -> None:
    twice = [Pair(f"{i}", f"p{i}", f"q{i}", f"question {i}", {"age": str(i // 2)}, {}) for i in range(60)]
    for seed in range(5):
        parts, _ = split(twice, 0.8, seed)
        ages = {name: {p.persona["age"] for p in part} for name, part in parts.items()}
        assert not ages[TRAIN] & ages[TEST]


def test_pairs_of_another_run_stay_out(tmp_path: Path, export: Any) -> None:
    write_run(tmp_path / "run", n=50, planted=distinct())
    write_run(tmp_path / "held", n=20, planted=distinct())
    rows, said = export(tmp_path / "run", "trl-prompts", "--not-in", str(tmp_path / "held"))
    held = set(samples(tmp_path / "held")["content"])
    assert {row["pair"] for row in rows["train"]} == set(samples(tmp_path / "run")["content"]) - held
    assert "20 of 50 pairs are in the other run" in said


def test_near_duplicates_go_out_once_and_those_judged_both_ways_not_at_all() -> None:
    clusters = Clusters()
    text = words(40, 0)
    assert [clusters.of(t) for t in (text, text.upper() + "!", words(40, 1), f"{text} indeed")] == [0, 0, 1, 0]


def test_attempts_that_are_all_alike_leave_one_row(tmp_path: Path, export: Any) -> None:
    always = Planted(rate=lambda pair, variant: 1.0, identical=True)  # noqa: ARG005
    write_run(tmp_path / "run", ("persona_pass_at_k",), n=10, k=8, planted=always)
    rows, said = export(tmp_path / "run", "sft")
    assert len(rows["train"]) == 10
    assert "70 near-duplicates of an answer left out" in said


def test_matched_pairs_are_alike_long_and_the_difference_is_said(tmp_path: Path, export: Any) -> None:
    def answer(pair: Any, variant: Any, text: str) -> str:
        del text
        number = int(variant.name.split()[1])
        return words(30 + 5 * number, pair.id, variant.name)

    # The later attempts are longer and fit; a third of all turns that round.
    texts = Texts(answer=answer)
    planted = Planted(rate=lambda pair, variant: 0.8 if int(variant.name.split()[1]) > 4 else 0.3, texts=texts)  # noqa: ARG005
    write_run(tmp_path / "run", ("persona_pass_at_k",), n=60, k=8, planted=planted)
    free, said = export(tmp_path / "run", "trl-preference")
    matched, said_matched = export(tmp_path / "run", "trl-preference", "--match-length")

    def ratio(rows: list[Any]) -> float:
        return sum(r["chosen_length"] for r in rows) / sum(r["rejected_length"] for r in rows)

    assert ratio(free["train"]) > 1.1
    assert f"chosen has {ratio(free['train']) - 1:.1%} more characters than rejected" in said
    assert matched["train"]
    assert all(1 / 1.1 <= r["chosen_length"] / r["rejected_length"] <= 1.1 for r in matched["train"])
    assert f"chosen has {abs(ratio(matched['train']) - 1):.1%}" in said_matched


@pytest.mark.parametrize("target", list(COLUMNS))
@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_datasets_loads_both_parts_with_the_same_types(
    tmp_path: Path, target: str, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    write_run(tmp_path / "run", ("persona_pass_at_k",), n=60, k=4, planted=distinct())
    odd_answers(next((tmp_path / "run").rglob("samples_*"))) if target == "trl-unpaired" else None
    out = tmp_path / "out"
    command = ["export", str(tmp_path / "run"), "--to", target, "--out", str(out), "--split", "0.7", "--format", format]
    assert main(command) == 0
    kind = "json" if format == "jsonl" else "parquet"
    files = {name: str(out / f"{name}.{format}") for name in (TRAIN, TEST)}
    loaded = load_dataset(kind, data_files=files, cache_dir=str(tmp_path / "cache"))
    assert loaded[TRAIN].features == loaded[TEST].features
    assert len(loaded[TEST]) > 0
    row = loaded[TRAIN][0]
    assert COLUMNS[target] <= set(row)
    messages = row.get("prompt") or row["messages"]
    assert messages[0]["role"] == "user"


def test_reasoning_mode_teaches_the_answer_under_the_prompt_that_asks_for_it_alone(tmp_path: Path, export: Any) -> None:
    write_run(tmp_path / "run", ("persona_main_chain_of_thought",), n=5, planted=distinct(1.0))
    rows = export(tmp_path / "run", "sft")[0]["train"]
    assert all(row["messages"][0]["content"].rstrip().endswith("Write the answer and nothing else.") for row in rows)


REFUSED = [
    (("persona_pass_at_k",), 1.0, "trl-preference", (), "no pair has both an attempt that fits and one that does not"),
    (("persona_main",), 0.5, "trl-preference", (), "persona_contrast"),
    (("persona_main",), 0.0, "sft", (), "nothing to imitate"),
    (("persona_main",), 0.5, "sft", ("--split", "1.5"), "--split 1.5: the share"),
    (("persona_main",), 0.5, "sft", ("--format", "xml"), "--format 'xml' is none of jsonl, parquet"),
    (("persona_main",), 0.5, "sft", ("--match-length",), "only trl-preference"),
    (("persona_main",), 0.5, "eval-results", ("--split", "0.5"), "--split: only for trl-preference"),
]


@pytest.mark.parametrize(("tasks", "rate", "target", "options", "said"), REFUSED)
def test_what_cannot_be_is_one_line_and_writes_nothing(
    tmp_path: Path,
    tasks: tuple[str, ...],
    rate: float,
    target: str,
    options: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_run(tmp_path / "run", tasks, n=12, k=2, planted=distinct(rate))
    out = tmp_path / "out"
    assert main(["export", str(tmp_path / "run"), "--to", target, "--out", str(out), *options]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert not out.exists()


def test_runs_without_samples_and_of_two_critics_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "one", n=8, planted=distinct())
    write_run(tmp_path / "two", ("persona_main_baseline",), n=8, planted=distinct(), critic_model="other")
    words_ = ["export", str(tmp_path / "one"), "--to", "trl-unpaired", "--out", str(tmp_path / "out")]
    assert main([*words_, "--also", str(tmp_path / "two")]) == 2
    assert "judged by different critics" in capsys.readouterr().err
    next((tmp_path / "one").rglob("samples_*")).unlink()
    assert main(words_) == 2
    assert "--log_samples" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_run_of_other_pairs_only_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "run", n=8, planted=distinct())
    words_ = ["export", str(tmp_path / "run"), "--to", "sft", "--out", str(tmp_path / "out")]
    assert main([*words_, "--not-in", str(tmp_path / "run")]) == 2
    assert "--not-in: all pairs are in that run" in capsys.readouterr().err


def test_choices_go_out_with_the_options_as_shown_and_the_right_one_for_each_side(tmp_path: Path, export: Any) -> None:
    write_choices(tmp_path / "run", n=8)
    rows = export(tmp_path / "run", "trl-prompts")[0]["train"]
    assert len(rows) == 16
    items = {item.id: item for item in load_items("main")}
    for row in rows:
        text = row["prompt"][0]["content"]
        assert all(f"{letter}. {option}" in text for letter, option in zip("ABCD", row["options"], strict=False))
        shown = dict(line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("- "))
        item = items[row["question_id"]]
        assert item.options[item.right(shown)] == row["options"][row["right"]]
    sides = {row["pair"].split("/")[0]: row["right"] for row in rows}
    assert len(sides) == 8
    found = rewards.choice(
        [None] * 16,
        ["ABCD"[row["right"]] for row in rows],
        **{k: [row[k] for row in rows] for k in ("options", "right")},
    )
    assert found == [1.0] * 16


def test_choices_of_another_run_stay_out(tmp_path: Path, export: Any) -> None:
    write_choices(tmp_path / "run", n=8)
    write_choices(tmp_path / "held", n=3)
    rows, said = export(tmp_path / "run", "trl-prompts", "--not-in", str(tmp_path / "held"))
    assert len(rows["train"]) == 10
    assert "6 of 16 pairs are in the other run" in said


def test_answers_from_elsewhere_stand_under_the_prompt_that_asks_for_them(
    tmp_path: Path, export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        made.line(i, pair_id=f"pair {i}", variant=variant, answer=f"{variant} {words(20, i, variant)}")
        for i in range(10)
        for variant in ("whole", "no persona")
    ]
    path = made.write(tmp_path / "answers.jsonl", lines)
    with Server(verdict=lambda *given: not given[2].startswith("whole")) as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "m")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        assert main(["score", str(path), "--task", "persona_contrast", "--out", str(tmp_path / "run")]) == 0
    rows = export(tmp_path / "run", "trl-preference")[0]["train"]
    assert len(rows) == 10
    for row in rows:
        assert row["prompt"][0]["content"].startswith("You are answering one particular person.")
        assert row["chosen"][0]["content"].startswith("whole ")
        assert row["rejected"][0]["content"].startswith("no persona ")


def test_held_out_choices_are_refused_and_others_have_no_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_choices(tmp_path / "held", split="holdout")
    write_choices(tmp_path / "main")
    for run, target, said in (
        ("held", "trl-prompts", "split=holdout holds the items that nobody trains on"),
        ("main", "sft", "persona_choice has no verdicts to learn from"),
        ("main", "trl-preference", "--to trl-prompts takes persona_choice"),
    ):
        assert main(["export", str(tmp_path / run), "--to", target, "--out", str(tmp_path / "out")]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
