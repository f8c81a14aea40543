"""vLLM as the critic inside a cluster, as far as no GPU is needed: what it is asked, what is kept, and going on after a stop.

The engine is stood in for where ``ray.data.llm`` begins: rows that ``row_of`` made go in, what the engine adds comes out.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from persona_metrics import settings
from persona_metrics.cli import main
from persona_metrics.cluster import inside, shards, vllm
from persona_metrics.cluster.inside import Held, Inside, Keeper
from persona_metrics.cluster.orders import Orders
from persona_metrics.cluster.spans import cut, listed
from persona_metrics.critic.check import critic_card
from persona_metrics.critic.debate import SCHEMA, Judgement
from persona_metrics.critic.fleet import endpoint_of
from persona_metrics.critic.protocol import Prompt
from persona_metrics.critic.request import key, panel
from persona_metrics.errors import PersonaError
from persona_metrics.scoring.pieces import terms
from persona_metrics.scoring.survey import survey
from tests.fakes.server import Server
from tests.scoring.made import line, results, verdicts, write

MODEL = Inside("/models/acme/judge-7b", 2, {"max_model_len": 8192})
FEW = 60


def orders(tmp_path: Path, count: int = 3, **given: Any) -> tuple[Orders, list[dict[str, Any]]]:
    """Return the orders for a file of so many answers, and the rows of its one span that no store holds."""
    path = write(tmp_path / "answers.jsonl", [line(i) for i in range(count)])
    found = survey((f"{i}", line(i)) for i in range(count))
    agreed = terms("persona_main", found, MODEL.settings(given), None, path.name)
    made = Orders(agreed, tmp_path, (), 1, run="now")
    (span,) = cut(listed(str(path))[0])
    return made, list(inside.lacking(span, made))


def answered(row: dict[str, Any], text: str | None, **more: Any) -> dict[str, Any]:
    """Return a row as it comes from the engine, past ``reply_of`` where the engine failed."""
    if text is None:
        return {**row, "reply": None, "tokens_in": None, "tokens_out": None, vllm.ERROR: "ValueError: too long"}
    engine = {"generated_text": text, "num_input_tokens": 900, "num_generated_tokens": 120, **more}
    return {**inside.reply_of({**row, **engine}), vllm.ERROR: ""}


def batch(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.array([row.get(name) for row in rows], dtype=object) for name in rows[0]}


def debate(**more: Any) -> str:
    texts = dict.fromkeys(("chain_of_thought", "personalization_critic", "helpfulness_critic", "conclusion"), "So.")
    return json.dumps({**texts, "needs_revision": False, **more})


def test_engine_is_asked_with_our_prompt_and_has_to_keep_to_the_schema(tmp_path: Path) -> None:
    made, rows = orders(tmp_path, critic_votes=2, critic_max_tokens=500, critic_temperature=0.3)
    assert len(rows) == 6
    assert {tuple(map(type, row.values())) for row in rows} == {(str, int, str)}
    asked = inside.row_of(made.terms.settings)(rows[1])
    sampling = asked["sampling_params"]
    assert json.loads(sampling.pop("structured_outputs")["json"]) == SCHEMA
    assert sampling == {"max_tokens": 500, "temperature": 0.3, "seed": 1}
    judgement = Judgement("Question 0?", line(0)["persona"], "Answer 0.")
    assert asked["messages"] == judgement.messages()
    (critic,) = panel(made.terms.settings)
    assert rows[1]["key"] == key(critic, made.terms.settings, Prompt.of(judgement), 1)


def test_verdicts_are_in_the_shard_before_they_are_told_of_and_the_rest_is_missing_by_reason(tmp_path: Path) -> None:
    made, rows = orders(tmp_path, 5)
    texts = [debate(), f"<think>Hm.</think>\n{debate(needs_revision=True)}", "I like it.", '{"chain_of_th', None]
    came = [answered(row, text) for row, text in zip(rows, texts, strict=True)]
    came[3]["tokens_out"] = made.terms.settings.critic_max_tokens
    keeper = Keeper(made)
    report = json.loads(keeper(batch(came))["report"][0])
    assert list(report["missing"].values()) == [
        "not one object of the schema",
        "cut at the token limit: 2048 tokens",
        "vLLM: ValueError: too long",
    ]
    usage = report["usage"]
    assert (usage["calls"], usage["prompt_tokens"], usage["completion_tokens"]) == (4, 3600, 360 + 2048)
    (shard,) = shards.found(tmp_path, "now")
    assert not shard.with_name(f"{shard.name}-wal").exists()  # closed: another machine reads one whole file
    held = sqlite3.connect(shard).execute("SELECT key, critic, endpoint, prompt_tokens FROM votes").fetchall()
    assert sorted(held) == sorted((row["key"], MODEL.model, "vllm", 900) for row in rows[:2])
    # A span that is read again asks for the rest alone, and scoring finds the reasons.
    after = Orders(made.terms, tmp_path, (str(shard),), 1, run="now", missing=report["missing"])
    (span,) = cut(listed(str(tmp_path / "answers.jsonl"))[0])
    assert list(inside.lacking(span, after)) == rows[2:]


async def _outcome(session: Held, index: int) -> tuple[Any, Any]:
    made = await session.verdict(Judgement(f"Question {index}?", line(index)["persona"], f"Answer {index}."))
    return made.personalized, made.missing


def test_spans_are_scored_by_what_is_there(tmp_path: Path) -> None:
    import asyncio

    made, rows = orders(tmp_path)
    report = Keeper(made)(batch([answered(rows[0], debate()), answered(rows[1], None)]))["report"][0]
    with shards.Shard(shards.own_path(tmp_path, "now"), [str(p) for p in shards.found(tmp_path)], "now") as store:
        session = Held(made.terms.settings, store, json.loads(report)["missing"])
        found = [asyncio.run(_outcome(session, i)) for i in range(3)]
    assert found == [(True, None), (None, "vLLM: ValueError: too long"), (None, "not asked")]


def test_critic_is_named_without_a_path_and_is_no_endpoint(tmp_path: Path) -> None:
    made, _ = orders(tmp_path)
    chosen = made.terms.settings
    (critic,) = panel(chosen)
    assert (critic.host, critic.secret(chosen), critic.notes(chosen)) == ("vllm", None, ())
    assert critic_card(chosen)["critic_endpoint"] == "vllm"
    assert critic_card(orders(tmp_path, critic_model="judge")[0].terms.settings)["critic_model"] == "judge"
    with pytest.raises(PersonaError, match="is no endpoint: it goes with score --engine ray --vllm"):
        endpoint_of(critic, chosen)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"critic_base_url": "http://h/v1"}, "leave critic_base_url out"),
        ({"critic_max_cost": 1}, "stop endpoints; leave them out"),
        ({"max_tokens_total": 1}, "stop endpoints; leave them out"),
        ({"critic_reasoning_effort": "low"}, "leave it out"),
        ({"critic_model": "a,b"}, "inside a cluster there is one critic"),
    ],
)
def test_settings_that_do_not_go_with_it_are_one_line(given: dict[str, Any], said: str) -> None:
    def tried() -> None:
        MODEL.require(settings.load(MODEL.settings(given)))

    with pytest.raises(PersonaError, match=said):
        tried()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--vllm", "m"], "--vllm MODEL goes with --engine ray"),
        (["--engine", "ray", "--vllm_args", "{}"], "--vllm_args belongs to --vllm MODEL"),
        (["--engine", "ray", "--vllm", "m", "--vllm_args", "[2]"], "--vllm_args: an object is wanted"),
    ],
)
def test_arguments_that_do_not_go_together_are_one_line(
    given: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.jsonl", [line(0)])
    assert main(["score", str(path), "--out", str(tmp_path / "o"), *given]) == 2
    assert said in capsys.readouterr().err


def stand_in(log: Path, fails_at: int, long: str = '"Answer 7."') -> Callable[..., Any]:
    """Return what stands in for ``vllm.processor``: an engine that says what the test server would, and notes each call."""

    def processor(configuration: Any, before: Any, behind: Any) -> Any:
        assert configuration.model_source == MODEL.model

        def answer(row: dict[str, Any]) -> dict[str, Any]:
            asked = before(row)
            assert set(asked["sampling_params"]) == {"max_tokens", "temperature", "seed", "structured_outputs"}
            with log.open("a") as calls:
                calls.write(f"{row['key']}\n")
            text = "\n".join(one["content"] for one in asked["messages"])
            if long in text:
                return {**row, "reply": None, "tokens_in": None, "tokens_out": None, vllm.ERROR: "ValueError: long"}
            if fails_at and len(log.read_text().splitlines()) >= fails_at:
                raise RuntimeError("the engine died")
            engine = {"generated_text": Server().judged(text), "num_input_tokens": 900, "num_generated_tokens": 120}
            return {**behind({**row, **engine}), vllm.ERROR: ""}

        return lambda dataset: dataset.map(answer)

    return processor


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.usefixtures("one_ray")
def test_scored_as_by_an_endpoint_and_what_is_judged_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(tmp_path / "none.sqlite"))
    answers, log, out = write(tmp_path / "a.jsonl", [line(i) for i in range(FEW)]), tmp_path / "calls", tmp_path / "out"
    monkeypatch.setattr(vllm, "require", lambda: None)
    monkeypatch.setattr(inside, "require_gpu", lambda _: None)
    monkeypatch.setattr(vllm, "BATCH", 8)
    given = ["score", str(answers), "--engine", "ray", "--vllm", MODEL.model, "--out", str(out)]

    monkeypatch.setattr(vllm, "processor", stand_in(log, 40))
    assert main(given) == 2
    assert "the engine died" in (said := capsys.readouterr().err)
    assert "the verdicts are kept in" in said
    kept = sum(sqlite3.connect(p).execute("SELECT COUNT(*) FROM votes").fetchone()[0] for p in shards.found(out))
    log.unlink()
    monkeypatch.setattr(vllm, "processor", stand_in(log, 0))
    assert main(given) == 0
    asked = log.read_text().splitlines()
    assert len(asked) == len(set(asked)) == FEW - kept
    usage = results(out)["configs"]["persona_main"]["metadata"]["usage"]["critic"]
    assert (usage["calls"], usage["from_store"]) == (FEW - kept - 1, kept)
    assert usage["prompt_tokens"] == 900 * usage["calls"]
    ray = verdicts(out)
    for path in [*out.rglob("results_*"), *out.rglob("samples_*")]:
        path.unlink()
    assert main(given) == 0
    (once_more,) = log.read_text().splitlines()[len(asked) :]  # the one that is missing
    assert once_more in asked
    assert verdicts(out) == ray
    monkeypatch.setattr(vllm, "processor", stand_in(log, 0, "no prompt has this"))
    assert main(given) == 0
    assert log.read_text().splitlines()[len(asked) + 1 :] == [once_more]
    monkeypatch.setattr(vllm, "processor", None)  # nothing is lacking any more
    assert main(given) == 0
    with Server() as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "m")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        assert main(["score", str(answers), "--out", str(tmp_path / "one")]) == 0
    one = verdicts(tmp_path / "one")
    assert [a for i, a in enumerate(ray) if i != 7] == [a for i, a in enumerate(one) if i != 7]
    assert ray[7][3][:2] == (None, "vLLM: ValueError: long")
