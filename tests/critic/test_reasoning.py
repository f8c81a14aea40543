# ruff: noqa: E501 – what servers say is quoted as they say it
"""Critics that reason need no setting: what they do not take is left out, and their thoughts get room; live and in batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from persona_metrics import consoles, settings
from persona_metrics.cli import main
from persona_metrics.critic import client, request
from persona_metrics.critic.check import critic_card
from persona_metrics.critic.dialect import THINKING
from persona_metrics.critic.protocol import Prompt
from persona_metrics.errors import PersonaError
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.critic.scripted import GOOD, Scripted, vote
from tests.fakes.server import Server
from tests.scoring.made import line, verdicts, write

Refusal = tuple[int, Any]


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


def forbidden(name: str) -> dict[str, Any]:
    return {"detail": [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}]}


REFUSALS: dict[str, list[tuple[str, Refusal]]] = {
    "openai": [
        (
            "max_tokens",
            (
                400,
                said(
                    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                    param="max_tokens",
                    code="unsupported_parameter",
                ),
            ),
        ),
        (
            "temperature",
            (
                400,
                said(
                    "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported.",
                    param="temperature",
                    code="unsupported_value",
                ),
            ),
        ),
        ("seed", (400, said("Unrecognized request argument supplied: seed"))),
    ],
    "azure": [
        ("max_tokens", (400, said("Unrecognized request argument supplied: max_tokens"))),
        (
            "temperature",
            (400, said("temperature does not support 0.0 with this model. Only the default (1) value is supported")),
        ),
    ],
    "pydantic": [
        ("max_tokens", (422, forbidden("max_tokens"))),
        ("temperature", (422, forbidden("temperature"))),
        ("seed", (422, forbidden("seed"))),
    ],
    "vllm": [
        (
            "max_tokens",
            (
                400,
                {
                    "object": "error",
                    "message": "max_tokens is deprecated in favor of the max_completion_tokens field",
                    "code": 400,
                },
            ),
        ),
        ("temperature", (400, {"object": "error", "message": "temperature is deprecated for this model", "code": 400})),
    ],
    "python": [
        ("max_tokens", (500, "Completions.create() got an unexpected keyword argument 'max_tokens'")),
        ("temperature", (500, {"detail": "generate() got an unexpected keyword argument 'temperature'"})),
    ],
    "litellm": [
        ("max_tokens", (400, said("Please use max_completion_tokens instead of max_tokens for this model"))),
        (
            "temperature",
            (
                400,
                said(
                    "litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.0. Only temperature=1 is supported. To drop unsupported params set `litellm.drop_params = True`"
                ),
            ),
        ),
    ],
    "google": [
        (
            "max_tokens",
            (
                400,
                [
                    {
                        "error": {
                            "code": 400,
                            "message": 'Invalid JSON payload received. Unknown name "max_tokens": Cannot find field.',
                        }
                    }
                ],
            ),
        ),
    ],
    "bedrock": [
        (
            "max_tokens",
            (
                400,
                {
                    "message": "Malformed input request: #: extraneous key [max_tokens] is not permitted, please reformat your input and try again."
                },
            ),
        ),
    ],
}


class Reasoner(Server):
    """Takes none of the parameters in ``refuses`` and says so in its words; thinks before each reply."""

    refuses: tuple[tuple[str, Refusal], ...] = ()
    thoughts = "Let me think about {this}."

    async def _answer(self, request: web.Request, sent: dict[str, Any]) -> web.StreamResponse:
        for name, (status, body) in self.refuses:
            if name in sent:
                self.counts["rejected"] += 1
                return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body))
        return await super()._answer(request, sent)

    def judged(self, text: str) -> str:
        return f"<think>{self.thoughts}</think>\n{super().judged(text)}"


@pytest.mark.parametrize("family", REFUSALS)
def test_what_a_reasoning_critic_does_not_take_is_left_out_whatever_its_server_calls_it(family: str) -> None:
    with Reasoner() as server:
        server.refuses = tuple(REFUSALS[family])
        asked = judgements(8)
        assert values(judged(server, asked, critic_concurrency=1, critic_attempts=1)) == expected(asked)
        assert server.counts["rejected"] == len(server.refuses)  # learned once
        sent = [body for _, body, _ in server.log]
    refused = {name for name, _ in server.refuses}
    assert not refused & set().union(*sent)
    assert all(body["response_format"]["type"] == "json_schema" for body in sent)
    assert sent[0]["max_completion_tokens"] == 2048
    assert {body["max_completion_tokens"] for body in sent[1:]} == {THINKING}  # it was seen to think
    assert ("temperature" in sent[0]) == ("temperature" not in refused)


@pytest.mark.parametrize(
    "message",
    [
        "Unrecognized request argument supplied: max_completion_tokens",
        "'max_completion_tokens' is not supported, use 'max_tokens'",
        "property 'max_completion_tokens' is unsupported",
        "Use max_tokens instead of max_completion_tokens",
    ],
)
def test_the_limits_other_name_is_left_as_well_where_it_is_not_taken(
    message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "_OPENAI_HOST", "127.0.0.1")  # where the newer name comes first
    with Reasoner() as server:
        server.refuses = (("max_completion_tokens", (400, said(message))),)
        assert values(judged(server, judgements(3), critic_concurrency=1)) == expected(judgements(3))
        assert (server.counts["rejected"], server.log[0][1]["max_tokens"]) == (1, 2048)


def test_a_server_that_takes_neither_name_is_asked_without_a_limit() -> None:
    both = "'max_tokens' and 'max_completion_tokens' are not supported with this model"
    with Reasoner() as server:
        server.refuses = (
            ("max_tokens", (400, said(both))),
            ("max_completion_tokens", (400, said("unknown field max_completion_tokens"))),
        )
        assert values(judged(server, judgements(3), critic_concurrency=1)) == expected(judgements(3))
        assert server.counts["rejected"] == 2
        assert not any("tokens" in name for _, sent, _ in server.log for name in sent)


# -- room for thoughts ----------------------------------------------------------------------------------------------


def thinking(finish: str = "stop", content: str | None = GOOD, **message: Any) -> tuple[int, Any, dict[str, str]]:
    usage = {"prompt_tokens": 9, "completion_tokens": 99, "completion_tokens_details": {"reasoning_tokens": 90}}
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return 200, {"choices": [choice], "usage": usage}, {}


def test_a_reply_that_thoughts_used_up_is_asked_again_with_room_for_them() -> None:
    with Scripted(thinking("length", None, reasoning_content="So")) as server:
        assert vote(pointing_at(server)).opinion is not None
        assert vote(pointing_at(server)).opinion is not None
        assert [sent["max_tokens"] for _, sent, _ in server.log] == [2048, THINKING, THINKING]


def test_thoughts_that_use_up_the_room_get_twice_as_much_once() -> None:
    with Scripted(*[thinking("length", "")] * 3) as server:
        cast = vote(pointing_at(server))
        assert [sent["max_tokens"] for _, sent, _ in server.log] == [2048, THINKING, 2 * THINKING]
    assert cast.missing == f"cut at the token limit: {2 * THINKING} tokens"


def test_a_limit_that_is_set_holds_for_thoughts_too() -> None:
    with Scripted(thinking(), thinking("length", "")) as server:
        chosen = pointing_at(server, critic_max_tokens=500, critic_timeout=7)
        vote(chosen)
        vote(chosen)
        assert [sent["max_tokens"] for _, sent, _ in server.log] == [500, 500, 1000]
        [learned] = client.dialects.values()
        assert (request.patience(chosen, learned), request.patience(pointing_at(server), learned)) == (7, 600)


def test_room_that_the_context_does_not_have_is_not_asked_for_again() -> None:
    words = "This model's maximum context length is 8192 tokens. However, you requested 17284 tokens (900 in the messages, 16384 in the completion)."
    with Scripted(thinking(), (400, said(words), {})) as server:
        chosen = pointing_at(server)
        assert all(vote(chosen).opinion is not None for _ in range(3))
        assert [sent["max_tokens"] for _, sent, _ in server.log] == [2048, THINKING, 3645, 3645]


def test_that_a_critic_thinks_is_kept_for_the_next_run() -> None:
    with Reasoner() as server:
        judged(server, judgements(2))
        client.dialects.clear()  # as in another process
        judged(server, judgements(2, start=2))
        assert {sent["max_tokens"] for _, sent, _ in server.log[2:]} == {THINKING}


# -- reasoning_effort -----------------------------------------------------------------------------------------------

EFFORTS: list[Refusal] = [
    (400, said("Unsupported parameter: 'reasoning_effort' is not supported with this model.")),
    (400, said("Unrecognized request argument supplied: reasoning_effort")),
    (
        400,
        said(
            "Unsupported value: 'reasoning_effort' does not support 'low' with this model. Supported values are: 'medium'."
        ),
    ),
    (422, forbidden("reasoning_effort")),
    (
        400,
        {
            "object": "error",
            "message": "[{'type': 'literal_error', 'loc': ('body', 'reasoning_effort'), 'msg': \"Input should be 'high'\"}]",
        },
    ),
    (400, {"error": {"message": '"llama3.2" does not support thinking'}}),
    (400, {"error": {"message": 'invalid reasoning value: "low" (must be "high")'}}),
    (400, {"error": {"message": "Reasoning is mandatory for this endpoint and cannot be disabled."}}),
    (500, "create() got an unexpected keyword argument 'reasoning_effort'"),
]


@pytest.mark.parametrize("refusal", EFFORTS)
def test_an_effort_that_is_not_taken_is_left_out_with_one_line(
    refusal: Refusal, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reasoner() as server:
        server.refuses = (("reasoning_effort", refusal),)
        asked = judgements(6)
        assert values(
            judged(server, asked, critic_concurrency=1, critic_attempts=1, critic_reasoning_effort="low")
        ) == expected(asked)
        assert server.counts["rejected"] == 1
        assert all({"temperature", "seed", "max_tokens", "response_format"} <= sent.keys() for _, sent, _ in server.log)
        assert capsys.readouterr().err.count("does not take reasoning_effort=low") == 1
        client.dialects.clear()
        consoles._said.clear()
        judged(server, judgements(2, start=6), critic_reasoning_effort="low")
        assert server.counts["rejected"] == 1
        assert "does not take reasoning_effort=low" in capsys.readouterr().err  # another process says it again
        judged(server, judgements(1, start=8), critic_reasoning_effort="high")
        assert server.counts["rejected"] == 2  # of another effort nothing is known


def test_an_effort_is_sent_and_gives_thoughts_room_from_the_first_call() -> None:
    with Server() as server:
        vote(pointing_at(server, critic_reasoning_effort="low"))
        vote(pointing_at(server, critic_reasoning_effort="none"))
        vote(pointing_at(server))
        sent = [(body.get("reasoning_effort"), body["max_tokens"]) for _, body, _ in server.log]
    assert sent == [("low", THINKING), ("none", 2048), (None, 2048)]


def test_a_temperature_that_an_effort_forbids_leaves_the_effort() -> None:
    words = "Unsupported value: 'temperature' is only supported with reasoning_effort 'none'"
    with Reasoner() as server:
        server.refuses = (("temperature", (400, said(words))),)
        vote(pointing_at(server, critic_reasoning_effort="low"))
        [(_, sent, _)] = server.log
    assert (sent["reasoning_effort"], "temperature" in sent) == ("low", False)


def test_an_effort_is_part_of_a_verdicts_key_only_where_it_is_set() -> None:
    prompt = Prompt.of(judgements(1)[0])

    def key(**more: Any) -> str:
        chosen = settings.load({"critic_model": "m", "critic_base_url": "http://h/v1", **more})
        return request.key(request.panel(chosen)[0], chosen, prompt, 0)

    # The key that a version without the setting gave: what is stored stays found.
    assert key() == "9daf9f9b3c9beb13b31b7a9a1d6db6a9f3a37ddaeb705958525ed10cc1a342c4"
    assert len({key(), key(critic_reasoning_effort="low"), key(critic_reasoning_effort="high")}) == 3


def test_results_name_an_effort_only_where_it_is_set() -> None:
    plain = settings.load({"critic_model": "m"})
    told = settings.load({"critic_model": "m", "critic_reasoning_effort": "low"})
    assert critic_card(told) == {**critic_card(plain), "critic_reasoning_effort": "low"}


@pytest.mark.parametrize("value", ["very high", "low; drop", "x" * 30, "High"])
def test_an_effort_that_is_no_word_is_an_error_of_one_line(value: str) -> None:
    with pytest.raises(PersonaError, match="critic_reasoning_effort"):
        settings.load({"critic_reasoning_effort": value})


# -- batch files ----------------------------------------------------------------------------------------------------


def test_rounds_of_batch_files_learn_what_a_reasoning_critic_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refuses = dict([*REFUSALS["openai"], ("reasoning_effort", EFFORTS[0])])
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "o9")
    monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("PERSONA_CRITIC_REASONING_EFFORT", "low")
    answers = write(tmp_path / "answers.jsonl", [line(i) for i in range(4)])
    todo, done = tmp_path / "todo.jsonl", tmp_path / "done.jsonl"
    assert main(["score", str(answers), "--batch-out", str(todo)]) == 0
    rounds = []
    for _ in range(6):
        rows = [json.loads(text) for text in todo.read_text().splitlines()]
        rounds.append({name for name in refuses if name in rows[0]["body"]})
        out = []
        for number, row in enumerate(rows):
            status, body = next((refuses[name] for name in refuses if name in row["body"]), (200, thinking()[1]))
            if status == 200 and number == 0 and len(rows) == 4:
                body = thinking("length", "")[1]
            out.append({"custom_id": row["custom_id"], "response": {"status_code": status, "body": body}})
        write(done, out)
        if main(["score", str(answers), "--batch-in", str(done), "--out", str(tmp_path / "out")]) == 0:
            break
        assert main(["score", str(answers), "--batch-in", str(done), "--batch-out", str(todo)]) == 0
    assert rounds == [
        set(refuses),
        set(refuses) - {"max_tokens"},
        {"seed", "reasoning_effort"},
        {"reasoning_effort"},
        set(),
        set(),
    ]
    assert {row["body"]["max_completion_tokens"] for row in rows} == {2 * THINKING}
    assert len(verdicts(tmp_path / "out")) == 4
    assert "o9 at 127.0.0.1:9 does not take reasoning_effort=low" in capsys.readouterr().err


def test_a_batch_file_begins_with_what_live_requests_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Reasoner() as server:
        server.refuses = tuple(REFUSALS["openai"])
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "m")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        judged(server, judgements(2))
        answers = write(tmp_path / "answers.jsonl", [line(0)])
        assert main(["score", str(answers), "--batch-out", str(tmp_path / "todo.jsonl")]) == 0
    body = json.loads((tmp_path / "todo.jsonl").read_text())["body"]
    assert body["max_completion_tokens"] == THINKING
    assert not {"max_tokens", "temperature", "seed"} & body.keys()
