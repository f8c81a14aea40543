"""The endpoint under test as it is: errors with code 200, limits, parts, pages, a server that is gone."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

from persona_metrics import evaluate_model
from persona_metrics.errors import PersonaError
from persona_metrics.harness.replies import content_text
from persona_metrics.harness.task_files import tasks_folder
from persona_metrics.runs.read import results_of
from tests.fakes.server import Server, default_reply

Answer = Callable[[int, str], tuple[int, Any, dict[str, str]]]
"""(number of the request, prompt) -> status, body (bytes as they are, else JSON), headers."""
N = 8


class Quiet(ThreadingHTTPServer):
    """Says nothing where a client went away: what is on stderr is the run's."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


class Endpoint:
    """A model's endpoint that answers as it is told."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.posts, self.gets = answer, 0, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.posts += 1
                prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
                self.send(*outer.answer(outer.posts, prompt))

            def do_GET(self) -> None:
                outer.gets += 1
                self.send(404, b"", {})

            def send(self, status: int, body: Any, headers: dict[str, str]) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def reply(prompt: str, content: Any = None, **choice: Any) -> dict[str, Any]:
    said = default_reply(prompt, 0) if content is None else content
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop", **choice}]
    }


@pytest.fixture
def critic() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def evaluate(critic: Server) -> Iterator[Callable[..., Any]]:
    """Run persona_main on an endpoint that answers so; the endpoint is ``.endpoint`` of the function."""
    made: list[Endpoint] = []

    def run(answer: Answer, **given: Any) -> Any:
        made.append(Endpoint(answer))
        run.endpoint = made[-1]  # type: ignore[attr-defined]
        arguments = {"n": N, "by": "", "critic_model": "c", "critic_base_url": critic.base_url, **given}
        return evaluate_model("m", base_url=made[-1].url, **arguments)

    run.critic = critic  # type: ignore[attr-defined]
    yield run
    for endpoint in made:
        endpoint.server.shutdown()


LIMITS = {
    "openrouter": (200, {"error": {"message": "Rate limit exceeded", "code": 429}}, {}),
    "choice": (200, {"choices": [{"error": {"code": 502, "message": "overloaded"}, "finish_reason": "error"}]}, {}),
    "words only": (200, {"error": "Too many requests, try again in 20ms"}, {}),
    "detail": (200, {"detail": "temporarily unavailable"}, {}),
    "429": (429, {"error": {"message": "slow down"}}, {"Retry-After": "0.01"}),
    "gemini": (429, [{"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "0.02s"}]}}], {}),
    "503": (503, b"<html>upstream</html>", {"Retry-After": "0", "Content-Type": "text/html"}),
    "no choices": (200, {"choices": []}, {}),
    "null": (200, b"null", {}),
}


@pytest.mark.parametrize(
    ("kind", "at_once"), [*((kind, 4) for kind in LIMITS), ("openrouter", 1), ("429", 1), ("503", 1)]
)
def test_what_may_pass_is_asked_again_and_nothing_is_lost(
    kind: str, at_once: int, evaluate: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    seen: set[str] = set()

    def answer(_: int, prompt: str) -> tuple[int, Any, dict[str, str]]:
        if prompt in seen:
            return 200, reply(prompt), {}
        seen.add(prompt)
        return LIMITS[kind]

    result = evaluate(answer, num_concurrent=at_once, n=4)
    assert evaluate.endpoint.posts == 8  # type: ignore[attr-defined]
    assert result.results.metrics["answer_failures"].value == 0
    assert result.results.metrics["critic_failures"].value == 0
    assert all(r["reply"].startswith("Answer ") for r in result.samples.to_dict("records"))
    assert "slow down" not in capsys.readouterr().err


@pytest.mark.parametrize("at_once", [1, 4])
def test_reply_that_cannot_be_had_is_missing_and_counted_and_never_0(
    at_once: int, evaluate: Callable[..., Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lost: list[str] = []

    def answer(number: int, prompt: str) -> tuple[int, Any, dict[str, str]]:
        if number == 3 or prompt in lost:
            lost.append(prompt)
            return 400, {"error": {"message": "this prompt is not allowed"}}, {}
        return 200, reply(prompt), {}

    arguments = {"num_concurrent": at_once, "use_cache": str(tmp_path / "cache")}
    result = evaluate(answer, **arguments)
    (row,) = [r for r in result.samples.to_dict("records") if not isinstance(r["answer"], str)]
    rows = result.results.metrics
    assert rows["critic_failures"].value == pytest.approx(1 / N)
    assert rows["answer_failures"].value == 0
    judged = [v for v in result.samples["personalized"] if v is not None and v == v]
    assert len(judged) == N - 1
    assert rows["personalized"].value == pytest.approx(sum(judged) / (N - 1))
    said = capsys.readouterr().err
    assert f"warning: persona_main: 1 of {N} replies are missing (1× HTTP 400: " in said
    assert "this prompt is not allowed" in said
    assert "no reply: HTTP 400" in str(row)
    # What is missing is not kept: the same command asks for it alone.
    endpoint, again = evaluate.endpoint, []  # type: ignore[attr-defined]
    endpoint.answer = lambda _, prompt: again.append(prompt) or (200, reply(prompt), {})
    critics = {"critic_model": "c", "critic_base_url": evaluate.critic.base_url}  # type: ignore[attr-defined]
    result = evaluate_model("m", base_url=endpoint.url, n=N, by="", **critics, **arguments)
    assert again == lost[:1]
    assert result.results.metrics["critic_failures"].value == 0


def test_more_missing_than_allowed_stops_before_judging(evaluate: Callable[..., Any], critic: Server) -> None:
    def answer(number: int, prompt: str) -> tuple[int, Any, dict[str, str]]:
        return (400, {"error": {"message": "no"}}, {}) if number % 2 else (200, reply(prompt), {})

    with pytest.raises(PersonaError, match=rf"4 of {N} replies are missing \(4× HTTP 400: .*--use_cache"):
        evaluate(answer, num_concurrent=1)
    assert critic.counts["critic"] == 1  # the dry judgement


DEAD: dict[str, tuple[tuple[int, Any, dict[str, str]], str]] = {
    "404": (
        (404, {"error": {"message": "The model `m` does not exist"}}, {}),
        "HTTP 404: .*does not exist.*called 'm'",
    ),
    "401": ((401, {"error": {"message": "Incorrect API key"}}, {}), "HTTP 401: .*Incorrect API key.*OPENAI_API_KEY"),
    "HTML": ((200, b"<html>\n<body>Welcome</body>\n</html>", {"Content-Type": "text/html"}), "does not speak JSON"),
    "HTML 404": ((404, b"<html>\n" * 400, {"Content-Type": "text/html"}), "HTTP 404"),
    "text": ((200, b"hello", {}), "does not speak JSON"),
    "200 with 401": ((200, {"error": {"code": 401, "message": "No auth"}}, {}), "401 in the reply: No auth"),
}


@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize("kind", DEAD)
def test_endpoint_that_nothing_passes_is_one_line_after_a_request_each(
    kind: str, at_once: int, evaluate: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PersonaError, match=DEAD[kind][1]) as raised:
        evaluate(lambda *_: DEAD[kind][0], num_concurrent=at_once)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400
    assert evaluate.endpoint.posts <= at_once  # type: ignore[attr-defined]
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "CancelledError" not in said


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/v1", "http://no-such-host.invalid/v1", "ftp://h/v1"])
def test_endpoint_that_is_not_there_is_one_line_before_any_paid_call(url: str, critic: Server) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(PersonaError, match=r"nothing answers there|must begin with http") as raised:
        evaluate_model("m", base_url=url.format(port=port), n=2, critic_model="c", critic_base_url=critic.base_url)
    assert "\n" not in str(raised.value)
    assert critic.counts.total() == 0


def test_refused_key_is_found_before_the_critic_is_paid(critic: Server) -> None:
    with Server(key="sk-right") as model, pytest.raises(PersonaError, match=r"HTTP 401.*set OPENAI_API_KEY"):
        evaluate_model(
            "m", base_url=model.base_url, api_key="wrong", n=2, critic_model="c", critic_base_url=critic.base_url
        )
    assert critic.counts.total() == model.counts.total() == 0


def test_server_that_dies_on_the_way_ends_in_one_line_that_says_what_is_kept(evaluate: Callable[..., Any]) -> None:
    def answer(number: int, prompt: str) -> tuple[int, Any, dict[str, str]]:
        return (200, reply(prompt), {}) if number <= 5 else (400, {"error": "gone"}, {})

    with pytest.raises(PersonaError, match=r"gone.*5 replies were given"):
        evaluate(answer, n=60, num_concurrent=2)
    assert evaluate.endpoint.posts < 40  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        (None, None),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "b"}], "b"),
        ([{"type": "reasoning", "text": "hm"}], None),
        ([{"type": "output_text", "text": "b"}, "c"], "bc"),
        ([], None),
        ({"type": "text", "text": "b"}, "b"),
        ([{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "b"}], "b"),
        (7, None),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ("whole \ud83d\ude00", "whole \U0001f600"),
    ],
)
def test_content_is_text_whatever_form_it_comes_in(content: Any, text: str | None) -> None:
    assert content_text(content) == text


@pytest.mark.parametrize("at_once", [1, 4])
def test_parts_nulls_and_missing_indices_become_replies(
    at_once: int, evaluate: Callable[..., Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    forms: list[dict[str, Any]] = [
        reply("", [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "From parts."}]),
        {"choices": [{"message": {"content": "No index."}}]},
        reply("", "Half \ud83d pair."),
        reply("", [], finish_reason="length"),
        {"choices": [{"index": 0, "message": {"content": None, "reasoning": "…"}, "finish_reason": "length"}]},
        {"choices": [{"index": 0, "message": None}]},
    ]
    result = evaluate(
        lambda number, _: (200, forms[(number - 1) % 6], {}), n=6, num_concurrent=at_once, output_path=tmp_path / "out"
    )
    assert sorted(a for a in result.samples["answer"] if isinstance(a, str)) == [
        "From parts.",
        "Half \ufffd pair.",
        "No index.",
    ]
    assert result.results.metrics["answer_failures"].value == 0.5
    assert (
        "2 replies are empty because all of their tokens went into thinking: raise max_gen_toks"
        in capsys.readouterr().err
    )
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    lines = samples.read_text(encoding="utf-8").splitlines()
    assert len([results_of(json.loads(line)) for line in lines]) == 6


def test_tasks_of_others_are_answered_as_lm_eval_answers_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An error with code 200 is an empty reply to them, as it is without our pack."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (tmp_path / "d.jsonl").write_text('{"q": "Other question"}\n')
    (tmp_path / "other.yaml").write_text(
        "task: other\ndataset_path: json\ndataset_kwargs: {data_files: {test: " + str(tmp_path / "d.jsonl") + "}}\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: '{{q}}'\ndoc_to_target: ''\n"
        "generation_kwargs: {until: []}\nmetric_list: [{metric: exact_match}]\n"
    )

    def answer(_: int, prompt: str) -> tuple[int, Any, dict[str, str]]:
        return (200, {"error": {"code": 429}}, {}) if prompt == "Other question" else (200, reply(prompt), {})

    endpoint = Endpoint(answer)
    with Server() as critic:
        manager = TaskManager(
            include_path=[str(tasks_folder()), str(tmp_path)],
            include_defaults=False,
            metadata={"model": "m", "n": 2, "critic_model": "c", "critic_base_url": critic.base_url},
        )
        results = simple_evaluate(
            model="local-chat-completions",
            model_args={"model": "m", "base_url": f"{endpoint.url}/chat/completions", "num_concurrent": 4},
            tasks=["persona_main", "other"],
            task_manager=manager,
            apply_chat_template=True,
        )
    assert results["samples"]["other"][0]["resps"] == [[""]]
    assert endpoint.posts == 3
