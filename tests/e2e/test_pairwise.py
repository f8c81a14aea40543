"""``persona_contrast`` with ``protocol=pairwise`` as a user runs it: what critics of one thing alone make of two answers."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from persona_metrics.runs.read import results_of
from tests.e2e.command import Ran, evaluate
from tests.fakes.server import Prefer, Server, draw

N = 40
ANOTHER, NOBODY = "preferred[over another's]", "preferred[over nobody's]"
TASK = "persona_contrast"


def reply(prompt: str, seed: int) -> str:
    """Name sex, religion and age that the prompt shows; at a length that the prompt alone decides."""
    del seed
    shown = [line[2:] for line in prompt.splitlines() if line.startswith(("- sex: ", "- religion: ", "- age: "))]
    return json.dumps({"shown": shown, "padding": "x" * int(1 + 60 * draw("length", prompt))})


def fit(persona: dict[str, str], answer: str) -> int:
    shown = set(json.loads(answer)["shown"]) if answer.startswith("{") else set()
    return len(shown & {f"{name}: {persona.get(name)}" for name in ("sex", "religion", "age")})


def prefers_the_fitting(_question: str, persona: dict[str, str], first: str, second: str) -> bool:
    return fit(persona, first) >= fit(persona, second)


def prefers_the_longer(_question: str, _persona: dict[str, str], first: str, second: str) -> bool:
    return len(first) > len(second)


def by_chance(question: str, persona: dict[str, str], first: str, second: str) -> bool:
    return draw("coin", question, sorted(persona.items()), first, second) < 0.5


def pairwise(folder: Path, prefer: Prefer, *more: str, server: Server | None = None, **metadata: Any) -> Ran:
    given = {"n": N, "protocol": "pairwise", **metadata}
    if server is not None:
        return evaluate(server, TASK, *more, cwd=folder, metadata=given)
    with Server(reply=reply, prefer=prefer, keep_log=False) as own:
        ran = evaluate(own, TASK, *more, cwd=folder, metadata=given)
    assert ran.code == 0, ran.stderr
    return ran


def of(ran: Ran, variant: str) -> list[dict[str, Any]]:
    return [r for s in ran.samples(TASK) for r in results_of(s) if r["variant"] == variant]


def test_critic_of_the_fitting_answer_prefers_it_nearly_always(tmp_path: Path) -> None:
    ran = pairwise(tmp_path, prefers_the_fitting)
    rows = ran.rows(TASK)
    expected: dict[str, list[float]] = {"another person": [], "no persona": []}
    for sample in ran.samples(TASK):
        persona = {k: v for k, v in sample["doc"]["persona"].items() if v is not None}
        own, *others = results_of(sample)
        assert (own["variant"], own["verdict"]) == ("whole", None)
        assert fit(persona, own["answer"]) == 3
        for other in others:
            alike = fit(persona, other["answer"]) == 3
            expected[other["variant"]].append(0.5 if alike else 1.0)
    assert rows[ANOTHER] == pytest.approx(mean(expected["another person"]))
    assert rows[ANOTHER] > 0.9
    assert rows[NOBODY] == 1.0
    assert rows["ties"] == pytest.approx(sum(v == 0.5 for vs in expected.values() for v in vs) / (2 * N))
    # On a draw this critic names the first: half of each tie's two verdicts too many.
    assert rows["order_bias"] == pytest.approx(rows["ties"] / 2)
    assert (rows["critic_failures"], rows["answer_failures"]) == (0.0, 0.0)
    assert not any(row.startswith(("personalized", "contrast", "lift")) for row in rows)
    metadata = ran.results()["configs"][TASK]["metadata"]
    assert (metadata["evaluation"], metadata["protocol"]) == ("pairwise", "pairwise")
    assert metadata["against"] == ["another person", "no persona"]
    assert f"{N} pairs × 3 variants = {3 * N} generations, at most {4 * N} judgements" in ran.stderr


@pytest.mark.parametrize(("first", "bias"), [(True, 0.5), (False, -0.5)])
def test_critic_of_the_place_gives_ties_alone_and_half(tmp_path: Path, first: bool, bias: float) -> None:
    rows = pairwise(tmp_path, lambda *_: first).rows(TASK)
    assert (rows[ANOTHER], rows[NOBODY], rows["ties"], rows["order_bias"]) == (0.5, 0.5, 1.0, bias)
    assert rows["critic_failures"] == 0.0


def test_critic_of_the_length_prefers_the_longer_wherever_it_stands(tmp_path: Path) -> None:
    ran = pairwise(tmp_path, prefers_the_longer)
    rows, own = ran.rows(TASK), [len(r["answer"]) for r in of(ran, "whole")]
    for row, variant in ((ANOTHER, "another person"), (NOBODY, "no persona")):
        others = [len(r["answer"]) for r in of(ran, variant)]
        assert rows[row] == pytest.approx(
            mean(0.5 if a == b else float(a > b) for a, b in zip(own, others, strict=True))
        )
    assert rows["ties"] < 0.1


def test_critic_that_throws_coins_has_half_and_no_side(tmp_path: Path) -> None:
    rows = pairwise(tmp_path, by_chance, n=150).rows(TASK)
    # Four standard errors of 150 pairs whose values 0, ½, 1 have a variance of 1/8.
    assert rows[ANOTHER] == pytest.approx(0.5, abs=0.12)
    assert rows[NOBODY] == pytest.approx(0.5, abs=0.12)
    assert rows["ties"] == pytest.approx(0.5, abs=0.12)
    assert rows["order_bias"] == pytest.approx(0.0, abs=0.09)


def test_second_run_asks_nothing_and_is_the_same(tmp_path: Path) -> None:
    with Server(reply=reply, prefer=prefers_the_fitting) as server:
        first = pairwise(tmp_path, prefers_the_fitting, server=server, n=15)
        assert first.code == 0, first.stderr
        rows, asked = first.rows(TASK), server.counts["critic"]
        (tmp_path / "out").rename(tmp_path / "before")
        second = pairwise(tmp_path, prefers_the_fitting, server=server, n=15)
        assert second.code == 0, second.stderr
        assert server.counts["critic"] == asked
    assert {k: v for k, v in second.rows(TASK).items() if k != "name"} == {k: v for k, v in rows.items() if k != "name"}


def test_panel_is_counted_in_each_order(tmp_path: Path) -> None:
    ran = pairwise(tmp_path, prefers_the_fitting, n=6, critic_model="a,b,c")
    assert ran.rows(TASK)["critic_agreement"] == 1.0
    assert {len(r["verdict"]["votes"]) for r in of(ran, "no persona")} == {6}


def test_missing_verdicts_are_missing_and_counted(tmp_path: Path) -> None:
    with Server(
        reply=reply, prefer=prefers_the_fitting, faults={"refusal": 0.1}, fault_seed=1, keep_log=False
    ) as server:
        ran = pairwise(tmp_path, prefers_the_fitting, server=server, critic_attempts=1, critic_max_failures=1.0)
    assert ran.code == 0, ran.stderr
    # Some replies of the model are refusals, too: they are answers that were not found, and lose.
    found = [r for name in ("another person", "no persona") for r in of(ran, name)]
    asked = [r for r in found if r["verdict"] is not None]
    lost = [r for r in asked if r["verdict"]["preferred"] is None]
    assert 0 < len(lost) < len(asked)
    rows = ran.rows(TASK)
    known = [r for r in of(ran, "no persona") if r["verdict"] is None or r["verdict"]["preferred"] is not None]
    counted = {"own": 1.0, "tie": 0.5, "other": 0.0}
    values = [r["value"] if r["verdict"] is None else counted[r["verdict"]["preferred"]] for r in known]
    assert rows[NOBODY] == pytest.approx(mean(values))


@pytest.mark.parametrize("silent", ["own", "nobody", "both"])
def test_an_answer_that_is_not_there_loses_without_the_critic(tmp_path: Path, silent: str) -> None:
    def speaks(prompt: str, seed: int) -> str:
        shown = "- age: " in prompt
        return "" if silent == "both" or shown == (silent == "own") else reply(prompt, seed)

    with Server(reply=speaks, prefer=prefers_the_fitting, keep_log=False) as server:
        ran = evaluate(server, TASK, cwd=tmp_path, metadata={"n": 6, "protocol": "pairwise"})
        asked = server.counts["critic"]
    assert ran.code == 0, ran.stderr
    rows = ran.rows(TASK)
    # The dry call comes first; where this person's answer is not there, another's is not either.
    assert asked - 1 == {"own": 0, "nobody": 12, "both": 0}[silent]
    assert rows[NOBODY] == {"own": 0.0, "nobody": 1.0, "both": 0.5}[silent]
    assert rows["answer_failures"] == pytest.approx({"own": 2 / 3, "nobody": 1 / 3, "both": 1.0}[silent])
    assert rows["critic_failures"] == 0.0
    assert ("ties" in rows) == (silent == "nobody")


@pytest.mark.parametrize(
    ("task", "metadata", "message"),
    [
        (
            "persona_main",
            {},
            "protocol=pairwise: persona_main (main) is judged by debate; persona_contrast alone takes",
        ),
        ("persona_loo", {"attributes": "age"}, "persona_contrast alone takes pairwise"),
        ("persona_choice_generate", {}, "is judged by no critic; persona_contrast alone takes pairwise"),
        ("persona_contrast", {"mode": "baseline"}, "mode=baseline shows the model no persona"),
        ("persona_contrast", {"others": 3}, "others=3: pairwise compares with one other person's answer"),
        ("persona_contrast", {"protocol": "duel"}, "protocol: 'duel' is none of debate, pairwise"),
    ],
)
def test_what_cannot_be_compared_is_one_line(tmp_path: Path, task: str, metadata: dict[str, Any], message: str) -> None:
    with Server() as server:
        ran = evaluate(server, task, cwd=tmp_path, metadata={"n": 5, "protocol": "pairwise", **metadata})
        assert server.counts["critic"] == server.counts["model"] == 0
    assert ran.code == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_environment_chooses_it_too(tmp_path: Path) -> None:
    with Server(reply=reply, prefer=prefers_the_fitting) as server:
        ran = evaluate(server, TASK, cwd=tmp_path, metadata={"n": 3}, PERSONA_PROTOCOL="pairwise")
    assert ran.code == 0, ran.stderr
    assert ANOTHER in ran.rows(TASK)
