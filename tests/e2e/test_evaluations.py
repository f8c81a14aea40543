"""Leave-one-out, intersectionality and pass@k as a user runs them, against a model and a critic with a planted truth."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from persona_metrics import analysis
from persona_metrics.api import evaluate_model
from persona_metrics.errors import PersonaError
from persona_metrics.personas import ATTRIBUTES, band
from persona_metrics.runs.read import results_of, tidy
from persona_metrics.statistics.pooling import between_group_sd, pooled_rates
from tests import warm
from tests.e2e.command import CHECKOUT, Ran, evaluate
from tests.e2e.planted import PLAIN_SEED, POLITICS, WEIGHTS, fits, reply, verdict
from tests.fakes.server import Server

N, K = 120, 4
ITEMS = {
    "age": ("age",),
    "sex": ("sex",),
    "religion": ("religion",),
    "ideology": ("ideology",),
    "politics": ("ideology", "political views"),
}
LISTED = ("age", "sex", "religion", "ideology", "political views")
CHOSEN = {"n": N, "k": K, "attributes": ",".join(ITEMS), "cross": "sex,age", "min_support": 5, "by": "sex"}
TASKS = ("persona_main", "persona_loo", "persona_intersection", "persona_pass_at_k")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(reply=reply, verdict=verdict, keep_log=False) as running:
        yield running


def bench(server: Server, folder: Path, **environment: str) -> Ran:
    return evaluate(server, "persona_bench", cwd=folder, metadata=CHOSEN, **environment)


@pytest.fixture(scope="module")
def ran(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    made = bench(server, tmp_path_factory.mktemp("bench"))
    assert made.code == 0, made.stderr
    return made


def truth(doc: Mapping[str, Any], without: tuple[str, ...] = (), seed: int = PLAIN_SEED) -> float:
    shown = [name for name in ATTRIBUTES if doc["persona"][name] is not None and name not in without]
    return float(fits(doc["question"], doc["persona"], shown, seed))


def holds(rows: Mapping[str, Any], row: str, values: list[float]) -> bool:
    error = stdev(values) / sqrt(len(values))
    return rows[row] == pytest.approx(mean(values)) and rows[f"{row}_stderr"] == pytest.approx(error)


# -- the planted truths ------------------------------------------------------------------------------------------------


def test_group_runs_all_five_and_says_first_what_it_will_ask_for(ran: Ran) -> None:
    assert set(ran.results()["configs"]) == {*TASKS, "persona_contrast"}
    for task, variants in zip(TASKS, (1, 2 + len(ITEMS), 1, K), strict=True):
        asked = f"{N} pairs × {variants} variant{'s' * (variants > 1)} = {N * variants} generations"
        line = f"{task}: {asked}, at most {N * variants} judgements"
        assert line in ran.stderr
        assert ran.stderr.index(line) < ran.stderr.index("Requesting API")


def test_main_recovers_the_planted_rate(ran: Ran) -> None:
    docs = [sample["doc"] for sample in ran.samples("persona_main")]
    assert holds(ran.rows("persona_main"), "personalized", [truth(doc) for doc in docs])


def test_loo_recovers_the_planted_importance_of_each_item(ran: Ran) -> None:
    docs, rows = [sample["doc"] for sample in ran.samples("persona_loo")], ran.rows("persona_loo")
    planted = {**WEIGHTS, "ideology": 0.0, "politics": POLITICS}
    for item, dropped in ITEMS.items():
        differences = [truth(doc) - truth(doc, dropped) for doc in docs]
        assert holds(rows, f"importance[{item}]", differences)
        # The draws are the pairs' own, so that the share of them that the item decides is its weight.
        assert mean(differences) == pytest.approx(planted[item], abs=3.5 * sqrt(0.25 / N))
    assert rows["importance[ideology]"] == rows["importance[religion]"] == 0
    assert holds(rows, "importance[all listed]", [truth(doc) - truth(doc, LISTED) for doc in docs])
    assert rows["importance[all listed]"] > rows["importance[age]"] > rows["importance[sex]"] > 0
    assert holds(rows, "personalized", [truth(doc) for doc in docs])


def test_loo_critic_sees_the_whole_persona_and_the_model_the_reduced_one(ran: Ran) -> None:
    for sample in ran.samples("persona_loo"):
        for index, result in enumerate(results_of(sample)):
            prompt = json.loads(sample["arguments"][f"gen_args_{index}"]["arg_0"][0])[0]["content"]
            stated = [name for name in ATTRIBUTES if sample["doc"]["persona"][name] is not None]
            shown = [name for name in stated if f"- {name}: " in prompt]
            told = [name for name in stated if not sample["doc"]["persona"][name].startswith("Not applicable")]
            assert shown == [name for name in told if name not in result["dropped"]]
            (vote,) = result["verdict"]["votes"]
            assert vote["debate"]["personalization_critic"] == f"Fits {len(stated)} attributes."
    assert ran.results()["configs"]["persona_loo"]["metadata"]["yardstick"] == "whole"


def test_intersection_recovers_the_planted_group_rates(ran: Ran) -> None:
    docs, rows = [s["doc"] for s in ran.samples("persona_intersection")], ran.rows("persona_intersection")
    groups: dict[str, list[float]] = {}
    for doc in docs:
        groups.setdefault(f"{doc['persona']['sex']} × {band('age', doc['persona']['age'])}", []).append(truth(doc))
    metadata = ran.results()["configs"]["persona_intersection"]["metadata"]
    assert set(metadata["intersections"]) == set(groups)
    assert metadata["support"] == {name: len(values) for name, values in groups.items()}
    assert min(metadata["support"].values()) >= 5
    for name, values in groups.items():
        assert holds(rows, f"personalized[{name}]", values) or len(set(values)) == 1
    # The table lists groups by name, and so is the one with the lowest pooled rate found.
    k, n = zip(*((int(sum(v)), len(v)) for _, v in sorted(groups.items())), strict=True)
    assert rows["worst_group"] == pytest.approx(min(pooled_rates(k, n).rates))
    assert rows["between_group_sd"] == pytest.approx(between_group_sd(k, n))


def test_pass_at_k_is_exactly_the_share_of_orders_that_succeed(ran: Ran) -> None:
    samples, rows = ran.samples("persona_pass_at_k"), ran.rows("persona_pass_at_k")
    wins = [[truth(s["doc"], seed=seed) for seed in range(1, K + 1)] for s in samples]
    for k in (1, 2, 4):
        chosen = [list(itertools.combinations(row, k)) for row in wins]
        assert holds(rows, f"pass@{k}", [mean(float(any(c)) for c in drawn) for drawn in chosen])
        if k > 1:
            assert holds(rows, f"pass^{k}", [mean(float(all(c)) for c in drawn) for drawn in chosen])
    first = [[next((i for i, win in enumerate(o, 1) if win), K) for o in itertools.permutations(row)] for row in wins]
    assert rows["attempts"] == pytest.approx(mean(mean(orders) for orders in first))
    assert rows["never"] == pytest.approx(mean(float(not any(row)) for row in wins))
    assert rows["distinct_answers"] == 1.0
    assert 0 < rows["never"] < 1 - rows["pass@1"]
    for sample in samples:
        prompts = {json.dumps(sample["arguments"][f"gen_args_{i}"]["arg_0"]) for i in range(K)}
        sampling = [sample["arguments"][f"gen_args_{i}"]["arg_1"] for i in range(K)]
        assert len(prompts) == 1  # no attempt sees another's answer
        assert [s["seed"] for s in sampling] == [1, 2, 3, 4]
        assert {s["temperature"] for s in sampling} == {1.0}


def test_analysis_of_the_samples_agrees_with_the_table(ran: Ran) -> None:
    for task in TASKS:
        metadata, rows = ran.results()["configs"][task]["metadata"], ran.rows(task)
        tables = analysis.tables(tidy(ran.samples(task), task, metadata), metadata)
        for row in tables["headline"].to_dict("records"):
            assert (row["value"], row["stderr"]) == pytest.approx((rows[row["row"]], rows[f"{row['row']}_stderr"]))
            assert row["low"] < row["value"] < row["high"]
            assert (row["n"], row["missing"]) == (N, 0)
        for row in tables["importance"].to_dict("records") if "importance" in tables else ():
            assert rows[f"importance[{row['item']}]"] == pytest.approx(row["difference"])
            # Half the persona's age decides three in ten answers: far beyond chance. Religion decides none.
            if row["item"] in ("age", "politics", "all listed", "religion"):
                assert row["survives"] == (row["item"] != "religion")
        if "groups" in tables:
            (overall,) = tables["groups"].to_dict("records")
            assert overall["worst_group"] == pytest.approx(rows["worst_group"])
            assert overall["between_group_sd"] == pytest.approx(rows["between_group_sd"])
        if "curve" in tables:
            curve = tables["curve"].set_index("k")
            assert curve.loc[2, "pass_at_k"] == pytest.approx(rows["pass@2"])
            assert curve.loc[4, "pass_hat_k"] == pytest.approx(rows["pass^4"])


def test_another_hash_seed_changes_nothing(ran: Ran, server: Server, tmp_path: Path) -> None:
    # Python draws one for each process that is not told its own.
    again = bench(server, tmp_path, PYTHONHASHSEED="2")
    assert again.code == 0, again.stderr
    for task in TASKS:
        assert again.rows(task) == ran.rows(task)
        one, two = ([(s["doc"], s["resps"], s["metrics"]) for s in r.samples(task)] for r in (ran, again))
        assert one == two


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "metadata", "line"),
    [
        (
            "persona_loo",
            {"loo_json": '{"attributes": ["age", "agee"]}'},
            "loo_json: 'agee' is no attribute or group (did you mean 'age'?)",
        ),
        (
            "persona_intersection",
            {"intersection_json": [{"attributes": [{"attribute": "sex", "values": ["Robot"]}]}]},
            "intersection_json[0]: no persona has sex = 'Robot' (values: Female, Male)",
        ),
        ("persona_pass_at_k", {"k": 0}, "k: '0' is wrong: Input should be greater than 0"),
    ],
)
def test_bad_input_ends_in_one_line_before_any_call(
    server: Server, tmp_path: Path, task: str, metadata: dict[str, Any], line: str
) -> None:
    before = dict(server.counts)
    made = evaluate(server, task, cwd=tmp_path, metadata=metadata)
    assert made.code == 2
    assert [text for text in made.stderr.splitlines() if "persona-metrics" in text] == [
        f"persona-metrics: error: {line}"
    ]
    assert "Traceback" not in made.stderr
    assert dict(server.counts) == before


# -- from Python -------------------------------------------------------------------------------------------------------


def measure(server: Server, evaluation: str, **given: Any) -> Any:
    chosen = {"n": 8, "min_support": 2, "critic_model": "c", "critic_base_url": server.base_url, **given}
    return evaluate_model("m", evaluation, base_url=server.base_url, **chosen)


def test_evaluate_model_takes_names_objects_and_files(server: Server, tmp_path: Path) -> None:
    listed = tmp_path / "loo.json"
    listed.write_text('{"attributes": ["sex", "politics"]}')
    rows = [measure(server, "loo", loo_attributes=given).results.metrics for given in (["sex", "politics"], listed)]
    assert set(rows[0]) >= {"importance[sex]", "importance[politics]", "importance[all listed]"}
    assert rows[0] == rows[1]
    assert rows[0] == measure(server, "loo", loo_attributes=str(listed)).results.metrics
    assert rows[0] == measure(server, "loo", loo_attributes="sex, politics").results.metrics
    groups = [{"name": "women", "attributes": [{"attribute": "sex", "values": ["Female"]}]}]
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(groups))
    for given in (groups, path, str(path)):
        assert "personalized[women]" in measure(server, "intersectionality", intersections=given).results.metrics
    once = measure(server, "pass_at_k", k=1).results.metrics
    assert {row for row in once if row.startswith(("pass", "attempts", "never", "distinct"))} == {"pass@1"}
    assert measure(server, "pass_at_k", k=3).results.metrics["pass@3"].stderr is not None


@pytest.mark.parametrize("evaluation", ["loo", "intersectionality", "pass_at_k"])
def test_modes_apply_to_all(server: Server, evaluation: str) -> None:
    given = {"loo_attributes": "age"} if evaluation == "loo" else {"k": 2} if evaluation == "pass_at_k" else {}
    found = measure(server, evaluation, generate_mode="chain_of_thought", **given)
    assert found.results.metadata["mode"] == "chain_of_thought"
    assert found.samples["reply"].str.contains("HIDDEN").all()
    assert not found.samples["answer"].str.contains("HIDDEN").any()
    plain = measure(server, evaluation, **given)
    assert {k: v.value for k, v in found.results.metrics.items()} == {
        k: v.value for k, v in plain.results.metrics.items()
    }


def test_all_listed_can_be_all_there_is(server: Server) -> None:
    found = measure(server, "loo", loo_attributes="all", n=2)
    bare = found.samples[found.samples["variant"] == "none of the listed"]
    assert [json.loads(answer)["shown"] for answer in bare["answer"]] == [[], []]
    assert len(found.samples) == 2 * 35


def test_reduced_yardstick_is_recorded_and_said(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    found = measure(server, "loo", loo_attributes="religion", yardstick="reduced", seed=5)
    assert found.results.metadata["yardstick"] == "reduced"
    assert "yardstick=reduced" in capfd.readouterr().err
    shown = [v["votes"][0]["debate"]["personalization_critic"] for v in found.samples["verdict"]]
    sizes = [sum(value is not None for value in p.values()) for p in found.samples["persona"]]
    dropped = [
        sum(p[name] is not None for name in d)
        for p, d in zip(found.samples["persona"], found.samples["dropped"], strict=True)
    ]
    assert shown == [f"Fits {size - less} attributes." for size, less in zip(sizes, dropped, strict=True)]


def test_endpoint_that_ignores_seeds_is_found_out(capfd: pytest.CaptureFixture[str]) -> None:
    def greedy(prompt: str, seed: int) -> str:  # noqa: ARG001
        return reply(prompt, 7)

    with Server(reply=greedy, verdict=verdict) as deaf:
        found = measure(deaf, "pass_at_k", k=4)
    assert found.results.metrics["distinct_answers"].value == 0.25
    assert "the endpoint ignores seeds or samples greedily" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("evaluation", "given", "message"),
    [
        ("loo", {"loo_json": "[]"}, "the list of attributes is empty"),
        ("loo", {"loo_attributes": "agee"}, "did you mean 'age'"),
        ("loo", {"loo_attributes": {"attribute": ["age"]}}, "loo_json: expected"),
        ("loo", {"loo_json": '["age", "age"]'}, "'age' stands twice"),
        ("loo", {"loo_attributes": "age", "loo_json": '["sex"]'}, "give one of them"),
        ("loo", {"yardstick": "halved"}, "none of whole, reduced"),
        ("intersectionality", {"intersections": "[]"}, "the list is empty"),
        ("intersectionality", {"intersections": "no.json"}, "cannot be read"),
        ("intersectionality", {"cross": "sex,agee"}, "'agee' is not an attribute"),
        ("intersectionality", {"n": 8, "min_support": 9}, "n=8 is smaller than min_support=9"),
        ("pass_at_k", {"k": -1}, "greater than 0"),
    ],
)
def test_bad_input_costs_no_call(server: Server, evaluation: str, given: dict[str, Any], message: str) -> None:
    before = dict(server.counts)
    with pytest.raises(PersonaError, match=message) as caught:
        measure(server, evaluation, **given)
    assert "\n" not in str(caught.value)
    assert dict(server.counts) == before


# -- an interrupted run ------------------------------------------------------------------------------------------------


def test_killed_run_goes_on_with_the_attempts_it_has(tmp_path: Path) -> None:
    n, k = 12, 8
    chosen = {"n": n, "k": k}
    with Server(reply=reply, verdict=verdict, latency=0.1) as slow:
        arguments = [
            *("run", "--model", "local-chat-completions", "--apply_chat_template", "--tasks", "persona_pass_at_k"),
            *("--model_args", f"model=m,base_url={slow.chat_url},num_concurrent=4,max_retries=1"),
            *(
                "--include_path",
                str(CHECKOUT / "tasks"),
                "--use_cache",
                str(tmp_path / "cache"),
                "--output_path",
                "out",
                "--log_samples",
            ),
            *("--metadata", json.dumps({**chosen, "critic_model": "c", "critic_base_url": slow.base_url})),
        ]
        environment = {**os.environ, "OPENAI_API_KEY": "none", "PYTHONPATH": warm.path()}
        process = subprocess.Popen(
            [*warm.python(), "-m", "lm_eval", *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 300
        while slow.counts["model"] < n * k // 2 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert n * k // 2 <= slow.counts["model"] < n * k
        (cache,) = tmp_path.glob("cache*.db")
        with sqlite3.connect(cache) as rows:
            (kept,) = rows.execute("select count(*) from unnamed").fetchone()
        assert 0 < kept < n * k
        # The same model at the same address: another one's replies are not taken for its own.
        asked, slow.latency = slow.counts["model"], 0
        made = evaluate(
            slow, "persona_pass_at_k", "--use_cache", str(tmp_path / "cache"), cwd=tmp_path, metadata=chosen
        )
        assert made.code == 0, made.stderr
        assert slow.counts["model"] - asked == n * k - kept
    samples = made.samples("persona_pass_at_k")
    wins = [mean(truth(s["doc"], seed=seed) for seed in range(1, k + 1)) for s in samples]
    assert made.rows("persona_pass_at_k")["pass@1"] == pytest.approx(mean(wins))
    assert made.rows("persona_pass_at_k")["distinct_answers"] == 1.0
