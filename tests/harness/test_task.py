"""The task as lm-eval runs it: what it asks for, which options it takes, what its rows are."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lm_eval import simple_evaluate
from lm_eval.api.registry import get_filter
from lm_eval.tasks import TaskManager

from persona_metrics.harness.critic_filter import PersonaCritic
from persona_metrics.harness.exits import UserExit
from persona_metrics.harness.task import PersonaTask
from persona_metrics.harness.task_files import tasks_folder
from persona_metrics.runs.read import results_of
from tests.conftest import full_attributes
from tests.fakes.server import Server, default_verdict


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Server() as running:
        yield running


def task(name: str, **metadata: Any) -> PersonaTask:
    """Return one of our tasks as lm-eval builds it."""
    manager = TaskManager(include_path=str(tasks_folder()), include_defaults=False, metadata=metadata)
    loaded = manager.load([name])["tasks"][name]
    assert isinstance(loaded, PersonaTask)
    return loaded


def evaluate(server: Server, name: str = "persona_main", critic: bool = True, **options: Any) -> dict[str, Any]:
    """Run a task through lm-eval's own function, with ``options`` for it."""
    critics = {"critic_model": "c", "critic_base_url": server.base_url} if critic else {}
    metadata = {"n": 6, "by": "", **critics, **options.pop("metadata", {})}
    return dict(
        simple_evaluate(
            model="local-chat-completions",
            model_args={"model": "m", "base_url": server.chat_url, "num_concurrent": 4},
            tasks=[name],
            task_manager=TaskManager(
                include_path=str(tasks_folder()), include_defaults=False, metadata={"model": "m", **metadata}
            ),
            **{"apply_chat_template": True, **options},
        )
    )


# -- sampling ----------------------------------------------------------------------------------------------------------


def requests(loaded: PersonaTask) -> list[Any]:
    doc = loaded.dataset["test"][0]
    context = loaded.fewshot_context(doc, 0)
    # 0.5 is told the document's number, 0.4 finds it in the request's metadata.
    numbered = {"doc_id": 0} if hasattr(loaded, "_scorers") else {"metadata": ("t", 0, 1)}
    return list(loaded.construct_requests(doc, context, **numbered))


def test_endpoints_get_a_seed_an_attempt_and_no_do_sample() -> None:
    made = requests(task("persona_pass_at_k", k=3, model="m", base_url="http://h/v1"))
    kwargs = [instance.args[1] for instance in made]
    assert len({k["seed"] for k in kwargs}) == 3
    assert all("do_sample" not in k and k["temperature"] == 1.0 for k in kwargs)


def test_models_in_this_process_get_no_seed_which_they_reject_but_do_sample() -> None:
    made = requests(task("persona_pass_at_k", k=3, pretrained="gpt2"))
    assert all("seed" not in i.args[1] and i.args[1]["do_sample"] is True for i in made)


def test_greedy_tasks_leave_sampling_alone() -> None:
    (one,) = requests(task("persona_main", pretrained="gpt2"))
    assert one.args[1] == {"until": [], "max_gen_toks": 1024, "temperature": 0.0}


# -- options of lm-eval ------------------------------------------------------------------------------------------------


def test_limit_and_samples_cut_what_is_asked_and_what_is_announced(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(server, limit=2)["n-samples"]["persona_main"]["effective"] == 2
    assert "2 pairs × 1 variant = 2 generations, at most 2 judgements" in capsys.readouterr().err
    whole = {s["doc_id"]: s["doc"] for s in evaluate(server)["samples"]["persona_main"]}
    server.counts.clear()
    for given in ([1, 4], [4, 1], [4, 1, 4]):
        chosen = evaluate(server, samples={"persona_main": given})["samples"]["persona_main"]
        assert [sample["doc_id"] for sample in chosen] == list(dict.fromkeys(given))
        assert [s["doc"]["pair_id"] for s in chosen] == [whole[s["doc_id"]]["pair_id"] for s in chosen]
        assert "2 pairs × 1 variant = 2 generations" in capsys.readouterr().err
    assert server.counts["model"] == 6


def test_samples_of_several_variants_keep_theirs(server: Server) -> None:
    ran = evaluate(server, "persona_pass_at_k", samples={"persona_pass_at_k": [5, 2]}, metadata={"k": 3})
    samples = ran["samples"]["persona_pass_at_k"]
    assert [(s["doc_id"], len(results_of(s))) for s in samples] == [(5, 3), (2, 3)]
    assert [[r["variant"] for r in results_of(s)] for s in samples] == [["attempt 1", "attempt 2", "attempt 3"]] * 2


def test_rows_with_an_aggregate_of_their_own_are_not_bootstrapped(server: Server) -> None:
    ran = evaluate(
        server, "persona_intersection", metadata={"n": 12, "cross": "sex", "min_support": 2}, bootstrap_iters=5
    )
    rows = ran["results"]["persona_intersection"]
    for name in ("worst_group", "between_group_sd"):
        assert rows[f"{name},critic"] >= 0
        assert rows[f"{name}_stderr,critic"] == "N/A"
    assert rows["answer_failures_stderr,critic"] != "N/A"


def test_number_of_examples_stays_at_none(server: Server) -> None:
    assert evaluate(server, num_fewshot=2)["n-shot"]["persona_main"] == 0
    assert server.counts["model"] == 6


def test_predict_only_asks_no_critic_and_needs_none(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    ran = evaluate(server, critic=False, predict_only=True)
    assert [s["resps"][0][0][:6] for s in ran["samples"]["persona_main"]] == ["Answer"] * 6
    assert server.counts == {"model": 6}
    assert "no judgement (predict only)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"apply_chat_template": False}, "a chat endpoint needs --apply_chat_template"),
        ({"critic": False}, "no critic is configured"),
        ({"samples": {"persona_main": [2, 6]}}, "--samples: persona_main numbers its pairs 0 to 5 (n=6), and has no 6"),
        ({"samples": {"persona_main": [-1]}}, "and has no -1"),
    ],
)
def test_option_that_cannot_work_ends_the_run_before_any_request(
    server: Server, options: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserExit) as stopped:
        evaluate(server, **options)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert server.counts.total() == 0


def test_second_run_with_use_cache_generates_and_judges_nothing_again(server: Server, tmp_path: Path) -> None:
    first = evaluate(server, use_cache=str(tmp_path / "cache"))
    before = dict(server.counts)
    second = evaluate(server, use_cache=str(tmp_path / "cache"))
    assert first["results"] == second["results"]
    assert before == {"model": 6, "critic": 7}
    assert server.counts == before


def test_request_cache_does_not_hand_out_another_seed_s_prompts(server: Server) -> None:
    for seed in (0, 1):
        evaluate(server, cache_requests=True, metadata={"seed": seed})
    prompts = {str(body["messages"]) for _, body, _ in server.log if len(body["messages"]) == 1}
    assert len(prompts) == 12


def test_critic_that_is_the_model_under_test_is_warned_about(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(server, metadata={"critic_model": "m"})
    assert "warning: the critic m is the model under test" in capsys.readouterr().err
    evaluate(server, metadata={"critic_model": "c"})
    assert "the model under test" not in capsys.readouterr().err


def test_missing_verdict_leaves_the_mean_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with Server(faults={"refusal": 0.4}, fault_seed=6) as server:
        ran = evaluate(server, metadata={"n": 30, "critic_max_failures": 1})
    rows = ran["results"]["persona_main"]
    verdicts = [result for s in ran["samples"]["persona_main"] for result in results_of(s)]
    judged = [v for v in verdicts if v["verdict"] and v["verdict"]["personalized"] is not None]
    missing = [v for v in verdicts if v["verdict"] and v["verdict"]["personalized"] is None]
    failed = [v for v in verdicts if v["verdict"] is None]
    assert judged
    assert missing
    assert rows["critic_failures,critic"] == pytest.approx(len(missing) / 30)
    assert rows["answer_failures,critic"] == pytest.approx(len(failed) / 30)
    good = sum(not default_verdict("", {}, v["answer"]) for v in judged)
    assert rows["personalized,critic"] == pytest.approx(good / (len(judged) + len(failed)))


# -- the filter --------------------------------------------------------------------------------------------------------


def test_filter_is_registered_and_declared_as_an_entry_point() -> None:
    (point,) = importlib.metadata.entry_points(group="lm_eval.filters", name="persona_critic")
    assert point.load() is PersonaCritic
    assert get_filter("persona_critic") is PersonaCritic


def test_filter_judges_documents_of_a_task_of_one_s_own(server: Server) -> None:
    critic = PersonaCritic(critic_model="c", critic_base_url=server.base_url)
    docs = [{"question": "What to cook?", "persona": full_attributes(age=str(a))} for a in (30, 60)]
    replies = [["A curry."], ["A stew.", "A soup."]]
    results = critic.apply(replies, docs)
    assert [[r["answer"] for r in group] for group in results] == replies
    for group in results:
        for result in group:
            assert result["verdict"]["personalized"] is not default_verdict("", {}, result["answer"])


def test_bad_setting_of_such_a_task_is_one_line(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserExit):
        PersonaCritic(critic_modle="c", critic_base_url=server.base_url).apply([["A curry."]], [{"question": "q"}])
    assert "persona_critic: unknown key 'critic_modle'" in capsys.readouterr().err
