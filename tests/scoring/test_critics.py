"""The same answers under several critics: what is asked, what is written, and whether the order of models depends on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from persona_metrics.analysis import critics
from persona_metrics.cli import main
from tests.fakes.runs import Planted, write_run
from tests.fakes.server import Server, draw

SHARES = {
    "plain": {"model-a": 0.8, "model-b": 0.5},
    "other": {"model-a": 0.8, "model-b": 0.5},
    "odd": {"model-a": 0.4, "model-b": 0.7},
}


def _frame(values: Mapping[int, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"doc_id": d, "content": f"c{d}", "variant": "whole", "attempt": 0, "personalized": v, "answer_failure": None,
             "persona_id": f"p{d}", "question_id": f"q{d}", "persona": {}}
            for d, v in values.items()
        ]
    )  # fmt: skip


def _drawn(seed: int, share: float, n: int = 200) -> pd.DataFrame:
    return _frame({d: float(draw(seed, d) < share) for d in range(n)})


def test_order_that_no_critic_changes_is_said_to_be_the_same() -> None:
    frames = {c: {"a": _drawn(1, 0.8), "b": _drawn(2, 0.5)} for c in ("x", "y")}
    found = critics.compare(frames)
    assert critics.order(found) == "The order of models does not depend on the critic."
    (pair,) = found.agreement.to_dict("records")
    assert (pair["n"], pair["difference"], pair["agreement"], pair["kappa"]) == (400, 0.0, 1.0, 1.0)


def test_pair_that_turns_round_is_named() -> None:
    frames = {"x": {"a": _drawn(1, 0.8), "b": _drawn(2, 0.5)}, "y": {"a": _drawn(3, 0.4), "b": _drawn(4, 0.7)}}
    found = critics.compare(frames)
    (turn,) = found.turns
    assert turn.beyond_chance
    rates = {key: float(f["personalized"].mean()) for key, f in ((c + m, frames[c][m]) for c in "xy" for m in "ab")}
    assert turn.differences == pytest.approx((rates["xa"] - rates["xb"], rates["ya"] - rates["yb"]))
    assert "a less b is +" in critics.order(found)


def test_places_changed_by_chance_are_no_dependence() -> None:
    ones = dict.fromkeys(range(50), 1.0)
    frames = {
        "x": {"a": _frame(ones), "b": _frame({**ones, 0: 0.0})},
        "y": {"a": _frame({**ones, 1: 0.0}), "b": _frame(ones)},
    }
    found = critics.compare(frames)
    assert not found.turns[0].beyond_chance
    assert "within what chance explains" in critics.order(found)


def test_contrast_is_compared_where_the_run_has_it() -> None:
    rows = [_frame(dict.fromkeys(range(30), 1.0)), _frame({d: float(d % 3 == 0) for d in range(30)})]
    rows[1]["variant"] = "another person"
    frame = pd.concat(rows, ignore_index=True)
    found = critics.compare({"x": {"a": frame}, "y": {"a": frame}})
    assert found.row == "contrast"
    values = found.rates.set_index(["critic", "row"])["value"]
    assert values["x", "contrast"] == pytest.approx(2 / 3)
    assert values["x", "personalized"] == 1.0


def test_missing_verdict_leaves_only_its_own_answer() -> None:
    values = {d: float(d % 2) for d in range(40)}
    lost = {**values, 0: np.nan}
    found = critics.compare({"x": {"a": _frame(lost)}, "y": {"a": _frame(values)}})
    assert list(found.rates["missing"]) == [1, 0]
    assert int(found.agreement["n"].iloc[0]) == 39


def test_answers_of_two_models_are_judged_by_three_critics_and_again_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: dict[str, str] = {}
    for model in ("model-a", "model-b"):
        planted = Planted(lambda pair, variant: 0.6, salt=model)  # noqa: ARG005
        write_run(tmp_path / "run", model=model, planted=planted, n=60)
        for line in next((tmp_path / "run" / model).glob("samples_*")).read_text().splitlines():
            answers[json.loads(line)["resps"][0][0]] = model

    def needs_revision(critic: str) -> Callable[[str, dict[str, str], str], bool]:
        def said(question: str, persona: dict[str, str], answer: str) -> bool:
            del persona
            return draw(critic, question, answer) >= SHARES[critic].get(answers.get(answer, ""), 1.0)

        return said

    with (
        Server(verdict=needs_revision("plain")) as plain,
        Server(verdict=needs_revision("other")) as other,
        Server(verdict=needs_revision("odd")) as odd,
    ):
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", "none")
        named = f"plain@{plain.base_url},other@{other.base_url},odd@{odd.base_url}"
        command = ["score", str(tmp_path / "run"), "--critics", named, "--out", str(tmp_path / "out")]
        assert main(command) == 0
        said = capsys.readouterr().out
        asked = [server.counts["critic"] for server in (plain, other, odd)]
        assert min(asked) >= 120
        assert main(command) == 0
        assert [server.counts["critic"] for server in (plain, other, odd)] == pytest.approx(asked, abs=1)
    data = json.loads((tmp_path / "out/critics.json").read_text())
    (task,) = data["tasks"]
    values = {(r["critic"], r["model"]): r["value"] for r in task["rates"]}
    for critic, shares in SHARES.items():
        for model, share in shares.items():
            assert values[critic, model] == pytest.approx(share, abs=0.2)
    turned = {tuple(turn["critics"]) for turn in task["turns"] if turn["beyond_chance"]}
    assert turned == {("plain", "odd"), ("other", "odd")}
    (line,) = (line for line in said.splitlines() if line.startswith("The order of models depends on the critic: "))
    assert " by plain and " in line
    assert " by odd (apart by " in line


@pytest.mark.parametrize(
    ("critics_named", "more", "said"),
    [
        ("one", (), "name two critics or more"),
        ("a,a", (), "name two critics or more"),
        ("a,b", ("--metadata", "critic_model=c"), "leave critic_model out"),
        ("a,b", ("--batch-submit",), "--critics asks live"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    tmp_path: Path, critics_named: str, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run", n=5)
    assert (
        main(["score", str(tmp_path / "run"), "--critics", critics_named, "--out", str(tmp_path / "out"), *more]) == 2
    )
    error = capsys.readouterr().err
    assert said in error
    assert error.strip().count("\n") == 0
