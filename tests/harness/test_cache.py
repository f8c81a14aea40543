"""``--use_cache``: one path, several models, and nobody is scored on another's replies."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from lm_eval import simple_evaluate
from lm_eval.api.model import CachingLM
from lm_eval.tasks import TaskManager

from persona_metrics import evaluate_model
from persona_metrics.harness import cache, compat
from persona_metrics.harness.task_files import tasks_folder
from tests.fakes.server import Server

N = 5


def ask(server: Server, path: Path, model: str = "m", **given: Any) -> list[str]:
    """Return the replies of a model that answers with its own name and address."""
    result = evaluate_model(
        model,
        base_url=server.base_url,
        n=N,
        by="",
        critic_model="c",
        critic_base_url=server.base_url,
        use_cache=str(path / "cache"),
        **given,
    )
    return list(result.samples["reply"])


def test_second_model_and_second_endpoint_answer_for_themselves_and_each_finds_its_own_again(tmp_path: Path) -> None:
    with Server() as one, Server(reply=lambda prompt, _: f"Another {len(prompt)}.") as two:
        first = ask(one, tmp_path)
        assert one.counts["model"] == N
        ask(one, tmp_path, model="other")
        assert one.counts["model"] == 2 * N
        other = ask(two, tmp_path)
        assert two.counts["model"] == N
        assert not set(other) & set(first)
        for server, model, replies in ((one, "m", first), (two, "m", other)):
            before = server.counts["model"]
            assert ask(server, tmp_path, model=model) == replies
            assert server.counts["model"] == before


@pytest.mark.parametrize("task", ["main", "loo", "pass_at_k"])
def test_every_evaluation_is_kept_apart_and_found_again(task: str, tmp_path: Path) -> None:
    with Server() as server:
        shared = {"evaluation_type": task, "loo_attributes": ["age"], "k": 2}
        for model in ("a", "b"):
            for again in (1, 0):
                before = server.counts["model"]
                ask(server, tmp_path, model, **{**shared, "num_concurrent": 1 + again})
                assert (server.counts["model"] > before) == bool(again)


def test_replies_that_an_earlier_version_kept_are_said_and_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as server:
        with monkeypatch.context() as before:
            before.setattr(cache, "keep_apart", lambda *_: 0)
            ask(server, tmp_path)
        capsys.readouterr()
        ask(server, tmp_path, model="other")
        said = capsys.readouterr().err
        assert server.counts["model"] == 2 * N
    assert f"{N} replies in {tmp_path / 'cache'}_rank0.db do not say which model gave them" in said


def test_other_benchmarks_replies_lie_where_lm_eval_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (tmp_path / "d.jsonl").write_text('{"q": "Other question"}\n')
    (tmp_path / "other.yaml").write_text(
        "task: other\ndataset_path: json\ndataset_kwargs: {data_files: {test: " + str(tmp_path / "d.jsonl") + "}}\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: '{{q}}'\ndoc_to_target: ''\n"
        "generation_kwargs: {until: []}\nmetric_list: [{metric: exact_match}]\n"
    )
    with Server() as server:
        critic = {"critic_model": "c", "critic_base_url": server.base_url}
        for tasks in (["other"], ["persona_main", "other"], ["other"]):
            simple_evaluate(
                model="local-chat-completions",
                model_args={"model": "m", "base_url": server.chat_url},
                tasks=tasks,
                task_manager=TaskManager(
                    include_path=[str(tasks_folder()), str(tmp_path)],
                    include_defaults=False,
                    metadata={"model": "m", "n": N, **critic},
                ),
                apply_chat_template=True,
                use_cache=str(tmp_path / "cache"),
            )
        assert server.counts["model"] == N + 1
    with sqlite3.connect(tmp_path / "cache_rank0.db") as database:
        assert database.execute("SELECT COUNT(*) FROM unnamed").fetchone() == (N + 1,)


class _Model:
    """As much of a model as its identity needs."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)


def test_identity_holds_what_decides_a_reply_and_no_secret() -> None:
    base = {"model": "m", "base_url": "https://user:pw@h/v1?key=s"}
    endpoint = _Model(**base)
    same = cache.identity(endpoint, "m", {**base, "num_concurrent": 4})
    assert same == cache.identity(endpoint, "m", {**base, "num_concurrent": 8, "timeout": 3})
    assert "pw" not in same
    assert "key" not in same
    for change in ({"revision": "b"}, {"peft": "adapter"}, {"dtype": "float16"}):
        assert cache.identity(endpoint, "m", {**base, **change}) != same
    assert cache.identity(_Model(base_url="https://h/v2"), "m", base) != same


def test_lm_eval_s_cache_is_what_it_was_when_this_was_written(tmp_path: Path) -> None:
    model = _Model(cache_hook=None, set_cache_hook=lambda hook: setattr(model, "cache_hook", hook))
    caching = CachingLM(model, str(tmp_path / "c.db"))  # type: ignore[arg-type]
    assert model.cache_hook.dbdict is caching.dbdict
    assert compat.request_hash("generate_until", ("a", {"until": []})) != compat.request_hash(
        "generate_until", ("b", {})
    )
