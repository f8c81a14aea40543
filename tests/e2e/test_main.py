"""``lm_eval --tasks persona_main`` as a user runs it, against a server whose verdicts are a known function of the answer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from persona_metrics import __version__
from persona_metrics.critic.debate import prompt_hash
from persona_metrics.personas import ATTRIBUTES, band
from persona_metrics.prompts import template_hash
from persona_metrics.runs.read import load_run, replies_of, results_of
from tests.e2e import gsm8k
from tests.e2e.command import CHECKOUT, HERE, Install, Ran, evaluate, run
from tests.fakes.server import Server, default_reply, default_verdict

KEY = "sk-core-distinctive-6c1f0d"
N = 60


def reply(prompt: str, seed: int) -> str:
    """Solve sums, answer everything else by its text."""
    return gsm8k.solve(prompt) or default_reply(prompt, seed)


def flat(nested: Any) -> list[Any]:
    """Return what stands in lists of lists, whose depth differs between versions of lm-eval."""
    return [x for item in nested for x in flat(item)] if isinstance(nested, list) else [nested]


@dataclass(frozen=True)
class Mixed:
    """One run of persona_main and gsm8k on one server, and what the server saw of it."""

    ran: Ran
    server: Server

    @property
    def known(self) -> list[float]:
        """The verdict on each sample, by the function that the server's critic is."""
        samples = self.ran.samples("persona_main")
        return [float(not default_verdict("", {}, replies_of(s)[0])) for s in samples]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, install: Install) -> Iterator[Mixed]:
    folder = tmp_path_factory.mktemp("mixed")
    home = install.hf_home or folder / "hf"
    gsm8k.fill_cache(home)
    with Server(reply=reply, key=KEY) as server:
        given = {"n": N, "seed": 3, "by": "sex,age"}
        environment = {"OPENAI_API_KEY": KEY, "HF_HOME": str(home)}
        ran = evaluate(server, "persona_main,gsm8k", cwd=folder, install=install, metadata=given, **environment)
        assert ran.code == 0, ran.stderr
        yield Mixed(ran, server)


def test_table_holds_the_known_rate(mixed: Mixed) -> None:
    rate = sum(mixed.known) / N
    assert 0 < rate < 1
    rows = mixed.ran.rows("persona_main")
    assert rows["personalized"] == pytest.approx(rate)
    assert rows["personalized_stderr"] == pytest.approx(math.sqrt(rate * (1 - rate) / (N - 1)))
    assert rows["critic_failures"] == rows["answer_failures"] == 0
    table = mixed.ran.table("persona_main")
    assert table["personalized"] == f"{rate:.4f}"
    assert table["critic_failures"] == table["answer_failures"] == "0.0000"


def test_rows_by_attribute_are_the_known_rates_of_their_groups(mixed: Mixed) -> None:
    groups: dict[str, list[float]] = {}
    for sample, verdict in zip(mixed.ran.samples("persona_main"), mixed.known, strict=True):
        for name in ("sex", "age"):
            groups.setdefault(f"personalized[{name}={band(name, sample['doc']['persona'][name])}]", []).append(verdict)
    rows = mixed.ran.rows("persona_main")
    broken_down = {
        name: value for name, value in rows.items() if name.startswith("personalized[") and name.endswith("]")
    }
    assert broken_down == {name: pytest.approx(sum(v) / len(v)) for name, v in groups.items()}


def test_own_task_of_lm_eval_runs_beside_it_on_the_same_server(mixed: Mixed) -> None:
    rows = mixed.ran.rows("gsm8k")
    assert rows["exact_match"] == pytest.approx(0.5)
    assert mixed.ran.table("gsm8k")["exact_match"] == "0.5000"
    assert mixed.server.counts == {"model": N + gsm8k.QUESTIONS, "critic": N + 1}  # one dry judgement


def test_samples_hold_persona_question_reply_answer_and_the_whole_debate(mixed: Mixed) -> None:
    samples = mixed.ran.samples("persona_main")
    assert len(samples) == N
    for sample in samples:
        assert set(sample["doc"]["persona"]) == set(ATTRIBUTES)
        assert sample["doc"]["question"].strip()
        (result,) = results_of(sample)
        (text,) = flat(sample["filtered_resps"])
        assert json.loads(text) == result  # JSON, whatever reads it
        assert [result["answer"]] == replies_of(sample)
        (vote,) = result["verdict"]["votes"]
        assert set(vote["debate"]) == {
            "chain_of_thought",
            "personalization_critic",
            "helpfulness_critic",
            "conclusion",
            "needs_revision",
        }
        assert vote["debate"]["needs_revision"] is not result["verdict"]["personalized"]


def test_configs_record_what_the_number_depends_on(mixed: Mixed) -> None:
    metadata = mixed.ran.results()["configs"]["persona_main"]["metadata"]
    expected = {
        "mode": "output_only",
        "source": "embedded",
        "n": N,
        "seed": 3,
        "critic_model": "c",
        "critic_endpoint": mixed.server.base_url.split("/")[2],
        "critic_template": prompt_hash(),
        "answer_template": template_hash("answer/output_only.jinja"),
        "pack_version": __version__,
        "model_name": "m",
    }
    assert {name: metadata[name] for name in expected} == expected
    assert len(metadata["data_hash"]) == len(metadata["pairs_hash"]) == 12


def test_key_stands_in_no_file_and_in_no_log(mixed: Mixed) -> None:
    assert mixed.server.log[0][2]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in mixed.ran.everything()
    assert "Bearer" not in mixed.ran.everything()
    assert KEY.encode() not in (mixed.ran.folder.parent / "verdicts.sqlite").read_bytes()


def test_other_readers_of_the_run_find_our_task_and_the_other(mixed: Mixed) -> None:
    (path,) = mixed.ran.folder.rglob("results_*.json")
    loaded = load_run(path)
    assert [task.name for task in loaded.tasks] == ["persona_main"]
    assert loaded.others == ("gsm8k",)


def test_progress_shows_judged_failed_and_the_running_rate(mixed: Mixed) -> None:
    assert f"critic persona_main: 100%|██████████| {N}/{N}" in mixed.ran.stderr
    assert "failed=0, personalized=0." in mixed.ran.stderr


# -- modes -----------------------------------------------------------------------------------------------------------

HIDDEN = "HIDDEN-THOUGHT"


def thinking_reply(prompt: str, seed: int) -> str:
    """Reply as the mode asks: a JSON object with what the person does not see; one in about four without an answer."""
    answer = default_reply(prompt, seed)
    for key in ("reasoning", "summary"):
        if f'{{"{key}":' in prompt:
            thought = {key: f"{HIDDEN} {answer}"}
            return json.dumps(thought if answer[7] in "0123" else {**thought, "answer": answer})
    return answer


def test_modes_show_what_they_should_and_the_critic_sees_the_answer_alone(tmp_path: Path, install: Install) -> None:
    n = 24
    with Server(reply=thinking_reply) as server:
        ran = evaluate(server, "persona_modes", cwd=tmp_path, install=install, metadata={"n": n, "by": ""})
        assert ran.code == 0, ran.stderr
        judged = [str(body["messages"]) for _, body, _ in server.log if "<<<answer" in str(body["messages"])]
        assert HIDDEN not in str(judged)
    tasks = ["persona_main", *(f"persona_main_{m}" for m in ("baseline", "chain_of_thought", "demographic_summary"))]
    pairs = {task: [(s["doc"]["persona_id"], s["doc"]["question_id"]) for s in ran.samples(task)] for task in tasks}
    assert len({str(p) for p in pairs.values()}) == 1  # the same pairs, so that modes can be compared
    for task in tasks:
        samples, rows = ran.samples(task), ran.rows(task)
        mode = task.removeprefix("persona_main_") if task != "persona_main" else "output_only"
        assert ran.results()["configs"][task]["metadata"]["mode"] == mode
        results = [result for s in samples for result in results_of(s)]
        answered = [r["answer"] for r in results if r["answer"] is not None]
        known = sum(not default_verdict("", {}, a) for a in answered)  # a reply without an answer scores 0
        assert rows["personalized"] == pytest.approx(known / n)
        assert rows["answer_failures"] == pytest.approx(1 - len(answered) / n)
        assert (rows["answer_failures"] > 0) == (mode in ("chain_of_thought", "demographic_summary"))
        for sample in samples:
            prompt = json.loads(sample["arguments"]["gen_args_0"]["arg_0"][0])[0]["content"]
            assert sample["doc"]["question"] in prompt
            assert (prompt == sample["doc"]["question"]) == (mode == "baseline")
            told = {k: v for k, v in sample["doc"]["persona"].items() if v and not v.startswith("Not applicable")}
            shown = all(f"- {k}: {v}" in prompt for k, v in told.items())
            assert shown == (mode != "baseline")


def test_listing_and_validating_need_no_key_and_no_critic(tmp_path: Path) -> None:
    listed = run(["ls", "tasks", *HERE.flags], cwd=tmp_path)
    assert listed.code == 0
    for name in ("persona_bench", "persona_modes", "persona_main", "persona_main_demographic_summary"):
        assert f"|{name}" in listed.stdout.replace(" ", "")
    valid = run(["validate", "--tasks", "persona_main,persona_modes,persona_bench", *HERE.flags], cwd=tmp_path)
    assert valid.code == 0
    assert "All tasks found and valid" in valid.stdout


def test_example_config_is_a_whole_run(tmp_path: Path) -> None:
    config = yaml.safe_load((CHECKOUT / "examples" / "persona_main.yaml").read_text(encoding="utf-8"))
    with Server(key=KEY) as server:
        config["model_args"]["base_url"] = server.chat_url
        config["metadata"] |= {"n": 4, "critic_base_url": server.base_url}
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        ran = run(
            ["run", "--config", "run.yaml", *HERE.flags], cwd=tmp_path, OPENAI_API_KEY=KEY, PERSONA_CRITIC_API_KEY=KEY
        )
    assert ran.code == 0, ran.stderr
    assert server.counts == {"model": 8, "critic": 9}
    for task in config["tasks"]:
        assert ran.rows(task)["critic_failures"] == 0
        assert "personalized" in ran.table(task)
    assert KEY not in ran.everything()
