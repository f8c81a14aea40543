"""Judgements through batch files and through the Batch API: the same verdicts as live, paid for once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from persona_metrics.cli import main
from persona_metrics.scoring import batchfile
from tests import warm
from tests.fakes.server import Server
from tests.scoring.batches import COUNT, SUBMIT, lines_of, run_elsewhere
from tests.scoring.made import results, verdicts, write

ROOT = Path(__file__).parents[2]


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
    _, said = process.communicate(timeout=60)  # it waits for nothing, least of all for the batch
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
