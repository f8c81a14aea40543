"""A plan makes no call, and the run right after makes those that it foretold, over real HTTP to a server that counts."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from persona_metrics.costs.usage import Usage
from persona_metrics.critic.budget import ledger
from persona_metrics.critic.dialect import THINKING, Dialect
from persona_metrics.critic.past import CRITIC, MODEL
from persona_metrics.critic.store import Store
from persona_metrics.planning.tokens import PAST, THOUGHTS, VERDICT, a_letter, a_reply
from tests.e2e.command import evaluate
from tests.fakes import server as fakes
from tests.fakes.server import Server

FOUR = "persona_main,persona_contrast,persona_loo,persona_pass_at_k"
SIZES = {"n": 8, "k": 3, "attributes": "age,sex"}


class Counting(Server):
    """Tells of tokens as a tokenizer would: a token for every 4.3 letters, not the same number whatever is sent."""

    async def _answer(self, request: Any, body: dict[str, Any]) -> Any:
        response = await super()._answer(request, body)
        data = json.loads(response.text)
        if "choices" in data:
            letters = sum(len(str(m["content"])) for m in body["messages"])
            said = len(str(data["choices"][0]["message"]["content"]))
            data["usage"] = {"prompt_tokens": round(letters / 4.3), "completion_tokens": round(said / 4.3)}
            self.told = [a + b for a, b in zip(getattr(self, "told", [0, 0]), data["usage"].values(), strict=True)]
            return fakes.web.json_response(data)
        return response


@pytest.fixture
def planned(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(tmp_path / "verdicts.sqlite"))
    monkeypatch.chdir(tmp_path)

    def _planned(*words: str, **metadata: Any) -> dict[str, Any]:
        given = ["--metadata", *(f"{k}={v}" for k, v in metadata.items())] if metadata else []
        assert main(["plan", *words, "--json", *given]) == 0
        return dict(json.loads(capsys.readouterr().out))

    return _planned


@pytest.mark.slow
def test_the_run_right_after_makes_the_calls_that_were_foretold(tmp_path: Path, planned) -> None:  # type: ignore[no-untyped-def]
    with Counting() as server:
        words = ("--tasks", FOUR, "--model", "m", "--model_base_url", server.base_url, "--critic", "c")
        plan = planned(*words, **SIZES, critic_base_url=server.base_url)
        assert not server.log
        total = plan["total"]
        ran = evaluate(server, FOUR, cwd=tmp_path, metadata=SIZES)
        assert ran.code == 0, ran.stderr
        assert server.counts["model"] == total["generations"] == 8 * (1 + 2 + 4 + 3)
        assert server.counts["critic"] == total["judgements"] + total["checks_of_the_critic"]
        # Main, contrast and leave-one-out judge the whole persona's answer once between them.
        assert total["judgements"] < total["judgements_at_most"] == 8 * (1 + 3 + 4 + 3)
        model, critic = total["model"], total["critic"]
        assert model["tokens_in"]["low"] + critic["tokens_in"]["low"] <= server.told[0]
        assert server.told[0] <= model["tokens_in"]["high"] + critic["tokens_in"]["high"]
        assert model["price"] is None
        assert critic["price"] is None

        # What has run once foretells the next run's tokens to a few hundredths, and its time.
        seen, more = list(server.told), {**SIZES, "seed": 5}
        plan = planned(*words, **more, critic_base_url=server.base_url)
        assert plan["total"]["checks_of_the_critic"] == 0
        assert plan["total"]["model"]["tokens_by"].endswith("past calls")
        assert plan["total"]["critic"]["tokens_by"].endswith("past calls")
        assert plan["total"]["critic"]["seconds"] > 0
        asked = server.counts.copy()
        assert evaluate(server, FOUR, cwd=tmp_path, metadata=more).code == 0
        assert server.counts["model"] - asked["model"] == plan["total"]["generations"]
        assert server.counts["critic"] - asked["critic"] == plan["total"]["judgements"]
        for at, name in enumerate(("tokens_in", "tokens_out")):
            took = server.told[at] - seen[at]
            band = [sum(plan["total"][side][name][end] for side in ("model", "critic")) for end in ("low", "high")]
            assert band[0] <= took <= band[1]
            assert band[1] < 1.6 * band[0]


def test_a_plan_opens_no_connection_and_writes_nothing(
    tmp_path: Path, planned, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("a plan called")

    monkeypatch.setattr(socket.socket, "connect", refused)
    plan = planned("--tasks", "persona_main", "--model", "m", "--critic", "a,b@http://10.0.0.1/v1", n=5, critic_votes=2)
    assert plan["total"]["judgements"] == 5 * 2 * 2
    assert plan["total"]["checks_of_the_critic"] == 2
    assert list(tmp_path.iterdir()) == []


def test_pairwise_asks_in_both_orders(planned) -> None:  # type: ignore[no-untyped-def]
    plan = planned("--tasks", "persona_contrast", "--critic", "c", n=5, protocol="pairwise")
    assert plan["total"]["generations"] == 15
    assert plan["total"]["judgements"] == 5 * 4


def test_a_task_without_a_critic_judges_nothing(planned) -> None:  # type: ignore[no-untyped-def]
    plan = planned("--tasks", "persona_choice", n=5)
    assert plan["total"]["judgements"] == plan["total"]["checks_of_the_critic"] == 0
    assert plan["total"]["generations"] > 0


def test_limit_is_lm_evals(planned) -> None:  # type: ignore[no-untyped-def]
    plan = planned("--tasks", "persona_main", "--critic", "c", "--limit", "3", n=10)
    assert plan["tasks"][0]["pairs"] == plan["total"]["generations"] == plan["total"]["judgements"] == 3


def test_a_critic_that_thinks_is_foretold_to_take_more(tmp_path: Path, planned) -> None:  # type: ignore[no-untyped-def]
    def out(**more: Any) -> dict[str, float]:
        found = planned("--tasks", "persona_main", "--critic", "c", n=5, **more)["total"]["critic"]["tokens_out"]
        return {end: tokens / 5 for end, tokens in found.items()}

    assert tuple(out().values()) == VERDICT
    assert tuple(out(critic_reasoning_effort="none").values()) == VERDICT
    assert tuple(out(critic_reasoning_effort="low").values()) == THOUGHTS
    with Store(str(tmp_path / "verdicts.sqlite")) as store:
        store.keep_dialect("c", "https://api.openai.com/v1", Dialect(thinks=THINKING, proven=True).to_text())
    assert tuple(out().values()) == THOUGHTS


def test_a_price_that_is_not_known_is_never_0(tmp_path: Path, planned, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    local = "http://127.0.0.1:1/v1"
    words = ("--tasks", "persona_main", "--model", "m", "--model_base_url", local, "--critic", "c")
    plan = planned(*words, n=4, critic_base_url=local)
    assert plan["total"]["model"]["price"] is None
    assert plan["total"]["critic"]["price"] is None
    assert any("No price known of c, m: give prices=FILE" in note for note in plan["notes"])
    assert main(["plan", *words, "--metadata", "n=4", f"critic_base_url={local}"]) == 0
    text = capsys.readouterr().out
    assert "no price known" in text
    assert "$0" not in text

    (tmp_path / "prices.yaml").write_text("c: {input: 1, output: 10}\nm: {input: 0, output: 0}\n")
    plan = planned(*words, n=4, critic_base_url=local, prices="prices.yaml")
    assert plan["total"]["model"]["price"] == {"low": 0, "mid": 0, "high": 0}
    critic = plan["total"]["critic"]
    for end in ("low", "mid", "high"):
        worked = (critic["tokens_in"][end] + 10 * critic["tokens_out"][end]) / 1e6
        assert critic["price"][end] == pytest.approx(worked)


def test_one_unknown_price_leaves_the_sum_unknown(tmp_path: Path, planned) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "prices.yaml").write_text("a: {input: 1, output: 10}\n")
    plan = planned(
        "--tasks", "persona_main", "--critic", "a,b", n=4, prices="prices.yaml", critic_base_url="http://x/v1"
    )
    assert plan["total"]["critic"]["price"] is None


def test_answers_that_are_there_cost_what_the_store_lacks(
    tmp_path: Path,
    planned,
    capsys: pytest.CaptureFixture[str],  # type: ignore[no-untyped-def]
) -> None:
    lines = [
        {"persona": {"age": str(20 + i), "sex": "Female"}, "question": f"What about {i}?", "answer": f"Answer {i}."}
        for i in range(6)
    ]
    path = tmp_path / "answers.jsonl"
    with Server() as server:
        told = {"critic_base_url": server.base_url, "critic_model": "c"}
        path.write_text("".join(json.dumps(line) + "\n" for line in lines[:4]))
        metadata = [f"{k}={v}" for k, v in told.items()]
        assert main(["score", str(path), "--model", "m", "--out", "scored", "--metadata", *metadata]) == 0
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        asked = server.counts["critic"]
        capsys.readouterr()
        plan = planned(str(path), "--model", "m", **told)
        assert server.counts["critic"] == asked
        assert plan["total"]["generations"] == 0
        assert plan["tasks"][0]["judgements_in_store"] == 4
        assert plan["total"]["judgements"] == 2
        assert main(["score", str(path), "--model", "m", "--out", "again", "--metadata", *metadata]) == 0
        assert server.counts["critic"] == asked + 2


@pytest.mark.parametrize(("option", "value"), [("--halfwidth", "0.1"), ("--detect", "0.2")])
def test_turned_round_the_plan_is_of_the_least_n_that_does(planned, option: str, value: str) -> None:  # type: ignore[no-untyped-def]
    plan = planned("--tasks", "persona_main", "--critic", "c", option, value)
    shows = plan["tasks"][0]["shows"]
    assert (shows["half_width"] if option == "--halfwidth" else shows["difference"]) <= float(value)
    assert any(f"n={plan['tasks'][0]['pairs']} is the least" in note for note in plan["notes"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give --tasks"),
        (["--tasks", "persona_mian"], "no task of the pack.*persona_main"),
        (["--tasks", "persona_main", "--halfwidth", "3"], "between 0 and 0.5"),
        (["--tasks", "persona_main", "--halfwidth", "0.1", "--detect", "0.1"], "give one of them"),
        (["--tasks", "persona_main", "--discordance", "0"], "must be a share"),
        (["--tasks", "persona_main", "--discordance", "no-such-folder"], "no-such-folder"),
        (["--tasks", "persona_main", "--num_concurrent", "0"], "must be 1 or more"),
        (["--tasks", "persona_main", "--model_base_url", "nowhere"], "must begin with http"),
        (["--tasks", "persona_main", "--metadata", "prices=none.yaml", "n=3", "critic_model=c"], "cannot be read"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_line(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plan", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(said, line), line


def test_tokens_by_past_calls_hold_the_true_ratio_in_their_band() -> None:
    past = Usage()
    for letters in range(1000, 1000 + 100 * PAST, 100):
        past.add(letters, round(letters / 4.3), 80, 300, 1.0)
    each, by = a_letter("m", past, [])
    assert each.low <= 1 / 4.3 <= each.high
    assert by == f"{PAST} past calls"
    out = a_reply(100, past, MODEL, 1024)
    assert out.low <= 80 <= out.high
    assert a_letter("m", None, [])[1] == "letters"


def test_calls_without_usage_are_counted_by_letters_and_teach_nothing(tmp_path: Path) -> None:
    usage = Usage()
    usage.add(401, None, None, 40)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.untold, usage.ratio) == (101, 10, 1, 0.0)
    with Store(str(tmp_path / "s.sqlite")) as store:
        for _ in range(2):
            store.past.add(CRITIC, "c", "host", usage)
        assert store.past.of(CRITIC, "c", "host") == usage.plus(usage)
        assert store.past.of(MODEL, "c", "host") is None
    ledger.reset()
