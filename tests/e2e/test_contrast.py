"""``persona_contrast`` as a user runs it: what critics that look at one thing alone make of it, and every row by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from persona_metrics import analysis
from persona_metrics.runs.read import results_of, tidy
from tests.e2e.command import Ran, evaluate
from tests.fakes.server import Server, draw

N = 60


def reply(prompt: str, seed: int) -> str:
    """Name the sex and the religion that the prompt shows, and nothing where it shows no persona."""
    del seed
    shown = [line[2:] for line in prompt.splitlines() if line.startswith(("- sex: ", "- religion: "))]
    return json.dumps(shown)


def reads_only_the_answer(question: str, persona: dict[str, str], answer: str) -> bool:
    """Whoever asks: an answer that adapted to anything is fine in four of five, one that did not in two."""
    del persona
    return draw("answer", question, answer) > (0.8 if len(json.loads(answer)) else 0.4)


def reads_only_the_person(question: str, persona: dict[str, str], answer: str) -> bool:
    """Whatever the answer: women are content in nine of ten cases, men in three."""
    del answer
    return draw("person", question, sorted(persona.items())) > (0.9 if persona["sex"] == "Female" else 0.3)


def reads_both(question: str, persona: dict[str, str], answer: str) -> bool:
    """An answer fits who has the sex and the religion that it names."""
    del question
    return json.loads(answer) != [f"sex: {persona['sex']}", f"religion: {persona['religion']}"]


def always(revision: bool) -> Callable[[str, dict[str, str], str], bool]:
    return lambda *_: revision


def run(folder: Path, critic: Callable[..., bool], **metadata: Any) -> Ran:
    def verdict(question: str, persona: dict[str, str], answer: str) -> bool:
        return True if not answer.startswith("[") else critic(question, persona, answer)

    with Server(reply=reply, verdict=verdict, keep_log=False) as server:
        ran = evaluate(server, "persona_contrast", cwd=folder, metadata={"n": N, **metadata})
    assert ran.code == 0, ran.stderr
    return ran


@pytest.mark.parametrize("revision", [True, False])
def test_constant_critic_gives_exactly_nothing(tmp_path: Path, revision: bool) -> None:
    rows = run(tmp_path, always(revision)).rows("persona_contrast")
    assert (rows["contrast"], rows["lift"], rows["contrast_stderr"]) == (0.0, 0.0, 0.0)
    assert rows["personalized"] == float(not revision)


def test_critic_of_the_answer_alone_sees_lift_and_no_contrast(tmp_path: Path) -> None:
    rows = run(tmp_path, reads_only_the_answer).rows("persona_contrast")
    assert rows["contrast"] == 0.0
    assert rows["lift"] > 0.15
    assert rows["personalized"] == rows["personalized[another person]"]


def test_critic_of_the_person_alone_sees_no_lift_and_contrast_by_chance(tmp_path: Path) -> None:
    ran = run(tmp_path, reads_only_the_person)
    rows = ran.rows("persona_contrast")
    assert rows["lift"] == 0.0
    expected = []
    for sample in ran.samples("persona_contrast"):
        question, own = sample["doc"]["question"], sample["doc"]["persona"]
        (other,) = [r["judged_for"] for r in results_of(sample) if "judged_for" in r]
        stated = {k: v for k, v in own.items() if v is not None}
        assert other["persona"] != stated
        assert other["id"] != sample["doc"]["persona_id"]
        verdicts = [not reads_only_the_person(question, p, "") for p in (stated, other["persona"])]
        expected.append(verdicts[0] - verdicts[1])
    assert rows["contrast"] == pytest.approx(mean(expected))


def test_critic_of_both_sees_what_the_persona_is_worth_and_the_tables_say_so(tmp_path: Path) -> None:
    ran = run(tmp_path, reads_both, others=3, by="")
    rows = ran.rows("persona_contrast")
    assert rows["personalized"] == 1.0
    assert rows["personalized[no persona]"] == 0.0
    assert rows["lift"] == 1.0
    # Somebody else has the same sex and religion now and then: the means of three, pair by pair.
    samples = ran.samples("persona_contrast")
    shares = [
        mean(r["judged_for"]["persona"].get(a) == s["doc"]["persona"][a] for a in ("sex", "religion")) == 1.0
        for s in samples
        for r in results_of(s)
        if "judged_for" in r
    ]
    assert len(shares) == 3 * N
    assert rows["personalized[another person]"] == pytest.approx(mean(shares))
    assert rows["contrast"] == pytest.approx(1 - mean(shares))
    metadata = ran.results()["configs"]["persona_contrast"]["metadata"]
    assert (metadata["others"], metadata["evaluation"]) == (3, "contrast")
    found = analysis.tables(tidy(samples, "persona_contrast", metadata, "m"), metadata)
    worth = found["worth"].set_index("row")
    assert worth.loc["lift", ["difference", "n", "only_own", "only_other"]].tolist() == [1.0, N, N, 0]
    assert worth.loc["contrast", "low"] > 0.7
    assert "contrast +" in analysis.headline("contrast", found)


def test_the_shared_judgement_is_asked_once(tmp_path: Path) -> None:
    with Server(reply=reply, verdict=lambda *_: False) as server:
        first = evaluate(server, "persona_main", cwd=tmp_path, metadata={"n": 20})
        assert first.code == 0, first.stderr
        asked = server.counts["critic"]
        (tmp_path / "out").rename(tmp_path / "before")
        second = evaluate(server, "persona_contrast", cwd=tmp_path, metadata={"n": 20})
        assert second.code == 0, second.stderr
        # The answer for another person, and the one for nobody; the first judgement lies in the store.
        assert server.counts["critic"] - asked == 40


@pytest.mark.parametrize(
    ("metadata", "message"),
    [({"mode": "baseline"}, "mode=baseline shows the model no persona"), ({"others": 0}, "others")],
)
def test_what_cannot_be_contrasted_is_one_line(tmp_path: Path, metadata: dict[str, Any], message: str) -> None:
    with Server() as server:
        ran = evaluate(server, "persona_contrast", cwd=tmp_path, metadata={"n": 5, **metadata})
    assert ran.code == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
