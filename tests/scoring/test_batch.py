"""Judgements through batch files and through the Batch API: the same verdicts as live, paid for once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from persona_metrics.cli import main
from persona_metrics.critic.budget import ledger
from persona_metrics.scoring import batchfile
from tests import warm
from tests.fakes.server import Server
from tests.scoring.made import line, results, verdicts, write

ROOT = Path(__file__).parents[2]
COUNT = 12


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A critic that also takes batches."""
    with Server(key="sk-test-secret") as running:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", running.base_url)
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", "sk-test-secret")
        yield running


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Twelve answers."""
    return write(tmp_path / "answers.jsonl", [line(i) for i in range(COUNT)])


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def run_elsewhere(server: Server, requests: Path, out: Path) -> Path:
    """Answer the requests as ``vllm run-batch`` does, in another order."""
    done = []
    for row in lines_of(requests):
        body = row["body"]
        assert isinstance(body, dict)
        text = "\n".join(m["content"] for m in body["messages"])
        from tests.fakes.server import _FENCED

        content = server.debate({name: value for name, _, value in _FENCED.findall(text)})
        message = {"role": "assistant", "content": content}
        completion = {"model": "served", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        response = {"status_code": 200, "request_id": "r", "body": completion}
        done.append({"id": "v", "custom_id": row["custom_id"], "response": response, "error": None})
    random.Random(0).shuffle(done)
    return write(out, done)


def live(answers: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    with monkeypatch.context() as patch:
        patch.setenv("PERSONA_CRITIC_STORE", "off")
        assert main(["score", str(answers), "--out", str(out)]) == 0
    return verdicts(out)


def test_a_batch_request_is_the_one_a_live_run_sends(
    server: Server, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = tmp_path / "requests.jsonl"
    assert main(["score", str(answers), "--batch-out", str(requests)]) == 0
    assert server.counts["critic"] == 0
    live(answers, tmp_path / "live", monkeypatch)
    sent = [body for _, body, _ in server.log if "Question" in json.dumps(body)]
    rows = lines_of(requests)
    assert sorted(json.dumps(row["body"], sort_keys=True) for row in rows) == sorted(
        json.dumps(body, sort_keys=True) for body in sent
    )
    assert {(row["method"], row["url"]) for row in rows} == {("POST", "/v1/chat/completions")}


def test_verdicts_from_a_file_equal_the_live_ones_and_are_found_by_a_live_run(
    server: Server, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = tmp_path / "requests.jsonl"
    main(["score", str(answers), "--batch-out", str(requests)])
    done = run_elsewhere(server, requests, tmp_path / "done.jsonl")
    assert main(["score", str(answers), "--out", str(tmp_path / "batch"), "--batch-in", str(done)]) == 0
    assert server.counts["critic"] == 0
    assert main(["score", str(answers), "--out", str(tmp_path / "again")]) == 0
    assert server.counts["critic"] == 0
    expected = live(answers, tmp_path / "live", monkeypatch)
    assert verdicts(tmp_path / "batch") == verdicts(tmp_path / "again") == expected
    assert results(tmp_path / "batch")["results"] == results(tmp_path / "live")["results"]


def test_broken_lines_leave_their_own_verdicts_missing_to_be_asked_again_alone(
    server: Server, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requests, again = tmp_path / "requests.jsonl", tmp_path / "again.jsonl"
    main(["score", str(answers), "--batch-out", str(requests)])
    rows = lines_of(run_elsewhere(server, requests, tmp_path / "done.jsonl"))
    lost, errored, cut, refused = rows[0], rows[1], rows[2], rows[3]
    errored.update(response=None, error={"code": "server_error", "message": "try later"})
    cut["response"]["body"]["choices"][0].update(message={"content": "{"}, finish_reason="length")  # type: ignore[index]
    refused["response"]["body"]["choices"][0]["message"] = {"content": None, "refusal": "no"}  # type: ignore[index]
    kept = [json.dumps(row) for row in [*rows[1:], rows[5], {**rows[6], "custom_id": "another"}]]
    results_file = tmp_path / "partial.jsonl"
    results_file.write_text("\n".join([*kept, '{"custom_id": "cut o']) + "\n")
    out = str(tmp_path / "out")
    capsys.readouterr()
    assert main(["score", str(answers), "--out", out, "--batch-in", str(results_file)]) == 2
    said = capsys.readouterr().err
    assert "4 of 12 verdicts are missing" in said
    for reason in (
        "not in the batch's results",
        "server_error: try later",
        "cut at the token limit",
        "the critic refused",
    ):
        assert reason in said
    for note in ("1 lines of the results are cut", "1 lines of the results belong", "1 lines of the results repeat"):
        assert note in said
    assert not list(tmp_path.rglob("results_*.json"))

    main(["score", str(answers), "--batch-in", str(results_file), "--batch-out", str(again)])
    todo = {row["custom_id"]: row["body"]["max_tokens"] for row in lines_of(again)}  # type: ignore[index]
    wider = {row["custom_id"]: 4096 if row is cut else 2048 for row in (lost, errored, cut, refused)}
    assert todo == wider
    done = run_elsewhere(server, again, tmp_path / "done2.jsonl")
    assert main(["score", str(answers), "--out", out, "--batch-in", str(done)]) == 0
    assert verdicts(tmp_path / "out") == live(answers, tmp_path / "live", monkeypatch)


def test_partial_takes_what_is_not_there_as_missing(server: Server, answers: Path, tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    main(["score", str(answers), "--batch-out", str(requests)])
    done = run_elsewhere(server, requests, tmp_path / "done.jsonl")
    write(done, lines_of(done)[:-3])
    assert main(["score", str(answers), "--out", str(tmp_path / "out"), "--batch-in", str(done), "--partial"]) == 0
    rows = results(tmp_path / "out")["results"]["persona_main"]
    assert rows["critic_failures,critic"] == 3 / COUNT
    assert sum(said[0] is None for *_, said in verdicts(tmp_path / "out")) == 3


def test_a_file_holds_one_critic_and_no_more_than_the_batch_api_takes(
    server: Server, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del server
    monkeypatch.setattr(batchfile, "MOST_REQUESTS", 5)
    requests = tmp_path / "requests.jsonl"
    main(["score", str(answers), "--batch-out", str(requests), "--metadata", "critic_model=a,b"])
    parts = [lines_of(path) for path in sorted(tmp_path.glob("requests*.jsonl"), key=lambda p: (len(p.name), p.name))]
    assert [len(part) for part in parts] == [5, 5, 2, 5, 5, 2]
    assert all(len({row["body"]["model"] for row in part}) == 1 for part in parts)  # type: ignore[index]
    monkeypatch.setattr(batchfile, "MOST_REQUESTS", 50_000)
    monkeypatch.setattr(batchfile, "MOST_BYTES", 20_000)
    main(["score", str(answers), "--batch-out", str(tmp_path / "small.jsonl")])
    sizes = [path.stat().st_size for path in tmp_path.glob("small*.jsonl")]
    assert len(sizes) > 1
    assert max(sizes) <= 20_000


# -- the Batch API -------------------------------------------------------------------------------------------------

SUBMIT = ("--batch-submit", "--batch-poll", "0.05")


def test_submitted_verdicts_equal_the_live_ones(
    server: Server, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.batch_looks = 3
    assert main(["score", str(answers), "--out", str(tmp_path / "out"), *SUBMIT]) == 0
    assert server.counts["batched"] == COUNT
    assert server.counts["critic"] <= 1  # the check
    assert verdicts(tmp_path / "out") == live(answers, tmp_path / "live", monkeypatch)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"sk-test-secret" not in path.read_bytes()


@pytest.mark.parametrize(
    ("query", "key", "own", "expected"),
    [
        ("", None, False, {}),
        ("", "sk-test-0001", False, {"authorization": "Bearer sk-test-0001"}),
        ("?api-version=2025-01-01", "sk-test-0001", False, {"api-key": "sk-test-0001"}),
        ("", None, True, {"x-gate": "second", "user-agent": "mine", "openai-organization": "org-2"}),
    ],
)
def test_a_batch_is_signed_as_live_calls_are(
    query: str,
    key: str | None,
    own: bool,
    expected: dict[str, str],
    answers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    custom = (
        "x-gate: first\nX-Gate: second\nuser-agent: mine\nopenai-organization: org-2\nauthorization: Bearer sk-another"
    )
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", custom if own else f"{custom}\nX-Ключ: ключ\nHost: elsewhere")
    with Server() as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", f"{server.base_url}{query}")
        if own:
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        if key:
            monkeypatch.setenv("PERSONA_CRITIC_API_KEY", key)
        assert main(["score", str(answers), "--out", str(tmp_path / "out"), *SUBMIT]) == 0
        (headers,) = server.batch_headers
    sent = [(name.lower(), value) for name, value in headers.items()]
    assert len(dict(sent)) == len(sent)
    theirs = ("authorization", "api-key", "x-gate", "openai-organization", *(["user-agent"] if own else []))
    assert {name: value for name, value in sent if name in theirs} == expected
    assert headers["Host"] == server.base_url.split("/")[2]


def test_a_batch_goes_to_an_address_as_people_paste_it(
    server: Server, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", f" {server.base_url}/chat/completions?region=eu ")
    assert main(["score", str(answers), "--out", str(tmp_path / "out"), *SUBMIT]) == 0
    assert (server.counts["batches"], server.counts["batched"]) == (1, COUNT)


def test_a_batch_speaks_as_the_endpoint_understands(server: Server, answers: Path, tmp_path: Path) -> None:
    server.formats = ("json_object", "text")
    assert main(["score", str(answers), "--out", str(tmp_path / "out"), *SUBMIT]) == 0
    (requests,) = (tmp_path / "out" / "batch").glob("requests-*.jsonl")
    kinds = {row["body"]["response_format"]["type"] for row in lines_of(requests)}  # type: ignore[index]
    assert kinds == {"json_object"}


def test_what_a_batch_left_undone_is_sent_again_alone(
    server: Server, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.batch_faults = {"500": 0.15, "lost": 0.15, "garbage": 0.15, "length": 0.15}
    code = main(["score", str(answers), "--out", str(tmp_path / "out"), *SUBMIT])
    assert server.counts["batches"] > 1
    assert server.counts["batched"] < 3 * COUNT
    if code:  # bad luck three times over: the same command goes on
        server.batch_faults = {}
        assert main(["score", str(answers), "--out", str(tmp_path / "out"), *SUBMIT]) == 0
    assert verdicts(tmp_path / "out") == live(answers, tmp_path / "live", monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_wait_goes_on_where_it_was(
    how: signal.Signals, server: Server, answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.batch_looks = 10_000
    command = [
        *warm.python(),
        "-m",
        "persona_metrics",
        "score",
        str(answers),
        "--out",
        str(tmp_path / "out"),
        *SUBMIT,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not server.batches and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(how)
    started = time.monotonic()
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - started < 15  # it waits for nothing; the machine may be busy
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "run the same command again" in said
        assert "Traceback" not in said
    server.batch_looks = 1
    assert main(["score", str(answers), "--out", str(tmp_path / "out"), *SUBMIT]) == 0
    assert (server.counts["batches"], server.counts["batched"]) == (1, COUNT)
    assert verdicts(tmp_path / "out") == live(answers, tmp_path / "live", monkeypatch)


def test_a_batch_made_just_before_a_kill_is_found_by_its_file(server: Server, answers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["score", str(answers), "--out", str(out), *SUBMIT]) == 0
    state = json.loads((out / "batch" / "state.json").read_text())
    state["sent"][0].update(batch=None, collected=False)
    (out / "batch" / "state.json").write_text(json.dumps(state))
    assert main(["score", str(answers), "--out", str(out), *SUBMIT]) == 0
    assert server.counts["batches"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"PERSONA_CRITIC_API_KEY": "sk-wrong"}, "401"),
        ({"PERSONA_CRITIC_BASE_URL": "http://127.0.0.1:9/v1", "PERSONA_CRITIC_ATTEMPTS": "1"}, "127.0.0.1:9"),
        ({"PERSONA_CRITIC_MODEL": "embedded"}, "takes no batch files"),
        ({"PERSONA_CRITIC_MODEL": ""}, "no critic is configured"),
    ],
)
def test_an_endpoint_that_takes_no_batch_is_one_line(
    change: dict[str, str],
    said: str,
    server: Server,
    answers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert main(["score", str(answers), "--out", str(tmp_path / "out"), *SUBMIT]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert "sk-wrong" not in printed
    assert printed.count("\n") == 1
    assert not server.batches


# -- what batches cost ---------------------------------------------------------------------------------------------


def priced(path: Path, *texts: str) -> str:
    path.write_text("\n".join(texts))
    return f"prices={path}"


def costing(requests: Path, done: Path, server: Server, broken: int = 0) -> Path:
    """Answer the requests with a usage of 1000 tokens in and 200 out; the first ``broken`` replies are cut."""
    rows = lines_of(run_elsewhere(server, requests, done))
    for number, row in enumerate(rows):
        body = row["response"]["body"]  # type: ignore[index]
        body["usage"] = {"prompt_tokens": 1000, "completion_tokens": 200}
        if number < broken:
            body["choices"][0].update(message={"content": "{"}, finish_reason="length")
    return write(done, rows)


@pytest.mark.parametrize(
    ("text", "price", "said"),
    [
        ("critic: {input: 2, output: 20, batch_input: 1, batch_output: 10}", COUNT * 0.003, "$0.036"),
        ("critic: {input: 2, output: 20}", None, "no price known"),  # half of it is a guess
        ("critic: {input: 0, output: 0}", 0.0, "$0.00"),
    ],
)
def test_verdicts_of_batch_files_cost_what_batches_cost(
    server: Server,
    answers: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    price: float | None,
    said: str,
) -> None:
    ledger.reset()
    told = ("--metadata", priced(tmp_path / "prices.yaml", text))
    requests = tmp_path / "requests.jsonl"
    assert main(["score", str(answers), "--batch-out", str(requests), *told]) == 0
    done = costing(requests, tmp_path / "done.jsonl", server)
    assert main(["score", str(answers), "--out", str(tmp_path / "out"), "--batch-in", str(done), *told]) == 0
    metadata = results(tmp_path / "out")["configs"]["persona_main"]["metadata"]
    usage = metadata["usage"]["critic"]
    assert [usage[k] for k in ("calls", "prompt_tokens", "completion_tokens", "from_store")] == [
        COUNT,
        COUNT * 1000,
        COUNT * 200,
        0,
    ]
    assert usage["price"] == (None if price is None else pytest.approx(price))
    assert f"critic: 12,000 tokens in, 2,400 out, {said}" in capsys.readouterr().err
    capsys.readouterr()
    assert main(["store", "stats", "--prices", str(tmp_path / "prices.yaml")]) == 0
    assert said in capsys.readouterr().out

    # Read again, nothing is paid again.
    ledger.reset()
    assert main(["score", str(answers), "--out", str(tmp_path / "again"), "--batch-in", str(done), *told]) == 0
    usage = results(tmp_path / "again")["configs"]["persona_main"]["metadata"]["usage"]["critic"]
    assert (usage["calls"], usage["from_store"]) == (0, COUNT)


def test_live_and_batch_verdicts_of_one_critic_are_priced_apart(
    server: Server, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.reset()
    file = tmp_path / "prices.yaml"
    told = ("--metadata", priced(file, "critic: {input: 2, output: 20, batch_input: 1, batch_output: 10}"))
    half = write(tmp_path / "half.jsonl", lines_of(answers)[:6])
    assert main(["score", str(half), "--out", str(tmp_path / "half"), *told]) == 0  # live: 700 tokens in, 80 out
    requests = tmp_path / "requests.jsonl"
    assert main(["score", str(answers), "--batch-out", str(requests), *told]) == 0
    done = costing(requests, tmp_path / "done.jsonl", server)
    ledger.reset()
    assert main(["score", str(answers), "--out", str(tmp_path / "out"), "--batch-in", str(done), *told]) == 0
    usage = results(tmp_path / "out")["configs"]["persona_main"]["metadata"]["usage"]["critic"]
    assert (usage["calls"], usage["from_store"], usage["price"]) == (6, 6, pytest.approx(6 * 0.003))
    capsys.readouterr()
    assert main(["store", "stats", "--prices", str(file)]) == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("critic  127"))
    live = 7 * (700 * 2 + 80 * 20) / 1e6  # with the check before the run
    assert float(row[6].removeprefix("$")) == pytest.approx(live + 6 * 0.003, abs=1e-4)


def test_a_reply_that_is_cut_was_paid_for(server: Server, answers: Path, tmp_path: Path) -> None:
    ledger.reset()
    told = (
        "--metadata",
        priced(tmp_path / "p.yaml", "critic: {input: 2, output: 20, batch_input: 1, batch_output: 10}"),
    )
    requests = tmp_path / "requests.jsonl"
    main(["score", str(answers), "--batch-out", str(requests), *told])
    done = costing(requests, tmp_path / "done.jsonl", server, broken=2)
    assert main(["score", str(answers), "--out", str(tmp_path / "o"), "--batch-in", str(done), "--partial", *told]) == 0
    usage = results(tmp_path / "o")["configs"]["persona_main"]["metadata"]["usage"]["critic"]
    assert (usage["calls"], usage["price"]) == (COUNT, pytest.approx(COUNT * 0.003))


def test_verdicts_of_the_batch_api_cost_what_batches_cost(server: Server, answers: Path, tmp_path: Path) -> None:
    ledger.reset()
    told = (
        "--metadata",
        priced(tmp_path / "p.yaml", "critic: {input: 2, output: 20, batch_input: 1, batch_output: 10}"),
    )
    assert main(["score", str(answers), "--out", str(tmp_path / "o"), *SUBMIT, *told]) == 0
    assert (server.counts["critic"], len(server.batches)) == (1, 1)  # the check is live
    usage = results(tmp_path / "o")["configs"]["persona_main"]["metadata"]["usage"]["critic"]
    assert usage["calls"] == COUNT
    assert usage["price"] == pytest.approx((usage["prompt_tokens"] + 10 * usage["completion_tokens"]) / 1e6)
