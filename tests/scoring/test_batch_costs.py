"""What verdicts from batch files and from the Batch API cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from persona_metrics.cli import main
from persona_metrics.critic.budget import ledger
from tests.fakes.server import Server
from tests.scoring.batches import COUNT, SUBMIT, lines_of, run_elsewhere
from tests.scoring.made import results, write


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
