"""Revise: who is asked what, what is left alone, what the table says, and that nothing is paid twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from persona_metrics.revise.loop import LONGER, RECITES, marks
from persona_metrics.revise.writer import under_test, writer_settings
from persona_metrics.runs.read import read_samples, results_of
from persona_metrics.runs.table import samples
from persona_metrics.settings import load
from tests import warm
from tests.export.choices import write_choices
from tests.fakes.runs import Planted, Texts, write_run
from tests.fakes.server import Server, draw
from tests.revise import planted
from tests.scoring import made


def answered(folder: Path, n: int = 60, task: str = "persona_main", **more: Any) -> Path:
    """Write a run whose verdicts are the planted critic's."""

    def text(pair: Any, variant: Any, usual: str) -> str:
        del usual
        return f"{pair.id} {variant.name} " + " ".join(f"{draw(i, pair.id, variant.name):.6f}" for i in range(12))

    def rate(pair: Any, variant: Any) -> float:
        return float(planted.fits(pair.question.text, text(pair, variant, "")))

    return write_run(folder, (task,), n=n, planted=Planted(rate=rate, texts=Texts(answer=text), **more))


@pytest.fixture
def critic(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server that plays writer and critic, set as the critic."""
    with planted.server() as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic-x")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        yield server


def revised(run: Path, out: Path, *more: str) -> int:
    return main(["revise", str(run), "--out", str(out), "--model", "w", *more])


def test_each_round_raises_the_rate_as_planted_and_the_table_says_so(
    tmp_path: Path, critic: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    answered(tmp_path / "run")
    assert revised(tmp_path / "run", tmp_path / "out") == 0
    said = capsys.readouterr().out
    before, after = samples(tmp_path / "run"), samples(tmp_path / "out")
    assert list(before["pair_id"]) == list(after["pair_id"])
    rounds = [0, 0, 0]
    for first, last in zip(before.itertuples(), after.itertuples(), strict=True):
        texts = [first.answer, *(f"Revised {i} times, {first.answer}" for i in (1, 2))]
        values = [planted.fits(first.question, text) for text in texts]
        stop = next((i for i, value in enumerate(values) if value), 2)
        assert (last.answer, last.personalized) == (texts[stop], float(values[stop]))
        for i in range(3):
            rounds[i] += values[min(i, stop)]
    assert rounds[0] < rounds[1] < rounds[2]
    for name, count in zip(("before", "round 1", "round 2"), rounds, strict=True):
        line = next(line for line in said.splitlines() if line.strip().startswith(name))
        assert f"{100 * count / 60:.0f}%" in line
    assert f"+{100 * (rounds[2] - rounds[0]) / 60:.1f} points" in said
    assert f"({rounds[2] - rounds[0]} better, 0 worse" in said
    assert f"left alone {rounds[0]} answers that needed no revision" in said
    asked = [data for _, body, _ in critic.log if (data := planted.asked(body["messages"][-1]["content"])) is not None]
    assert len(asked) - 1 == (60 - rounds[0]) + (60 - rounds[1])  # and one dry call
    assert all(one["objections"][0]["conclusion"] == "Revise it." for one in asked)


def test_what_was_written_and_judged_is_never_paid_again(tmp_path: Path, critic: Server) -> None:
    answered(tmp_path / "run", n=30)
    assert revised(tmp_path / "run", tmp_path / "one") == 0
    counts = dict(critic.counts)
    assert revised(tmp_path / "run", tmp_path / "two") == 0
    assert dict(critic.counts) == counts
    assert list(samples(tmp_path / "one")["answer"]) == list(samples(tmp_path / "two")["answer"])


def test_revised_run_is_a_run_of_its_own_beside_the_first(tmp_path: Path, critic: Server) -> None:
    del critic
    answered(tmp_path / "run", n=30)
    assert revised(tmp_path / "run", tmp_path / "run" / "revised", "--rounds", "1") == 0
    (path,) = (tmp_path / "run" / "revised").rglob("results_*.json")
    recorded = json.loads(path.read_text())["configs"]["persona_main"]["metadata"]
    assert (recorded["revised_by"], recorded["revised_rounds"], recorded["model_name"]) == (
        "w",
        1,
        "model-a revised by w",
    )
    assert main(["leaderboard", str(tmp_path / "run"), "--out", str(tmp_path / "board")]) == 0
    board = (tmp_path / "board" / "leaderboard.md").read_text()
    assert "model-a revised by w" in board
    assert main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "report")]) == 0


def test_export_sets_the_revision_over_the_original_where_the_verdict_turned(tmp_path: Path, critic: Server) -> None:
    del critic
    answered(tmp_path / "run", n=40)
    assert revised(tmp_path / "run", tmp_path / "out") == 0
    assert main(["export", str(tmp_path / "out"), "--to", "trl-preference", "--out", str(tmp_path / "rows")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "rows" / "train.jsonl").read_text().splitlines()]
    before = {r.content: r for r in samples(tmp_path / "run").itertuples()}
    after = {r.content: r for r in samples(tmp_path / "out").itertuples()}
    turned = {c for c, r in after.items() if r.personalized == 1.0 and before[c].personalized == 0.0}
    assert {row["pair"] for row in rows} <= turned
    assert rows
    for row in rows:
        assert row["rejected"][0]["content"] == before[row["pair"]].answer
        assert row["chosen"][0]["content"] == after[row["pair"]].answer


def test_attempts_are_revised_each_for_itself(tmp_path: Path, critic: Server) -> None:
    del critic
    write_run(tmp_path / "run", ("persona_pass_at_k",), n=8, k=2, planted=Planted(rate=lambda pair, variant: 0.0))  # noqa: ARG005
    assert revised(tmp_path / "run", tmp_path / "out", "--rounds", "1") == 0
    after = samples(tmp_path / "out")
    assert len(after) == 16
    assert all(text.startswith("Revised 1 times, ") for text in after["answer"])


def test_answer_of_a_contrast_is_judged_anew_for_the_other_person_too(tmp_path: Path, critic: Server) -> None:
    lines = [
        made.line(i, pair_id=f"pair {i}", variant=variant, answer=f"Answer {i} to {variant}.")
        for i in range(12)
        for variant in ("whole", "no persona")
    ]
    path = made.write(tmp_path / "answers.jsonl", lines)
    command = ["score", str(path), "--task", "persona_contrast", "--out", str(tmp_path / "run")]
    assert main(command) == 0
    asked = critic.counts["critic"]
    assert revised(tmp_path / "run", tmp_path / "out", "--rounds", "1") == 0
    (file,) = (tmp_path / "out").rglob("samples_*.jsonl")
    for sample in read_samples(file):
        own, other, nobody = results_of(sample)
        assert nobody["answer"].endswith("to no persona.")
        assert own["answer"] == other["answer"]
        assert own["verdict"]["personalized"] == planted.fits(sample["doc"]["question"], own["answer"])
        assert other["verdict"]["personalized"] == own["verdict"]["personalized"]
    changed = sum(planted.times(a) for a in samples(tmp_path / "out")["answer"]) // 2
    assert changed
    assert critic.counts["critic"] - asked == 2 * changed


def test_writer_that_says_nothing_of_use_leaves_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def reply(prompt: str, seed: int) -> str:
        data = planted.asked(prompt)
        silent = data is not None and draw("silent", data["answer"]) < 0.5
        return "I would rather not." if silent else planted.write(prompt, seed)

    answered(tmp_path / "run", n=40)
    with Server(reply=reply, verdict=planted.verdict) as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic-x")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        monkeypatch.setenv("PERSONA_CRITIC_ATTEMPTS", "1")
        assert revised(tmp_path / "run", tmp_path / "out", "--rounds", "1") == 0
    said = capsys.readouterr().out
    before, after = samples(tmp_path / "run"), samples(tmp_path / "out")
    kept = sum(
        b.personalized == 0 and a.answer == b.answer
        for b, a in zip(before.itertuples(), after.itertuples(), strict=True)
    )
    assert kept
    assert f"unwritten  {kept} answer" in said


def test_missing_verdict_on_a_revision_is_missing_and_never_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost_of(answer: str) -> bool:
        return "Revised" in answer and draw("lost", answer) < 0.3

    answered(tmp_path / "run", n=40)
    with planted.server() as server:
        real = server.debate
        monkeypatch.setattr(
            server,
            "debate",
            lambda f: "no debate" if draw("lost", f["answer"]) < 0.1 and "Revised" in f["answer"] else real(f),
        )
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic-x")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        monkeypatch.setenv("PERSONA_CRITIC_ATTEMPTS", "1")
        monkeypatch.setenv("PERSONA_CRITIC_MAX_FAILURES", "1")
        assert revised(tmp_path / "run", tmp_path / "out", "--rounds", "1") == 0
    after = samples(tmp_path / "out")
    lost = int(after["personalized"].isna().sum())
    assert lost
    assert f"{lost} pair{'s' if lost > 1 else ''} without a verdict" in capsys.readouterr().out


@pytest.mark.usefixtures("critic")
def test_export_of_marked_revisions_alone_says_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def text(pair: Any, variant: Any, usual: str) -> str:
        del variant, usual
        return f"No {pair.id}."

    def rate(pair: Any, variant: Any) -> float:
        return float(planted.fits(pair.question.text, text(pair, variant, "")))

    write_run(tmp_path / "run", n=20, planted=Planted(rate=rate, texts=Texts(answer=text)))
    assert revised(tmp_path / "run", tmp_path / "out") == 0
    capsys.readouterr()
    assert main(["export", str(tmp_path / "out"), "--to", "trl-preference", "--out", str(tmp_path / "rows")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no row: no pair has an answer that fits and one that does not" in line
    assert re.search(r"\(\d+ marked revisions \(longer than 1.5 times the original", line)


def test_longer_and_reciting_revisions_are_marked() -> None:
    persona = {"age": "43", "detailed job description": "Drives a forklift on the night shift", "sex": "Female"}
    assert marks("word " * 16, "word " * 10, persona, "") == (LONGER,)
    assert marks("word " * 15, "word " * 10, persona, "") == ()
    for text in (
        "Since you drives a forklift on the night shift, rest.",
        "At 43 one rests.",
        "Your age: 43",
        "A 43-year-old rests.",
    ):
        assert marks(text, text, persona, "What now?") == (RECITES,), text
    quirk = {"defining quirks": "Stands in the middle of the room until somebody notices"}
    assert marks("Put it in the middle of the table.", "x" * 40, quirk, "Where?") == ()
    assert marks("Wait in the room until somebody notices.", "x" * 40, quirk, "Where?") == (RECITES,)
    assert marks("After a night of driving, sleep before noon.", "x" * 90, persona, "What now?") == ()
    assert marks("At 43 one rests.", "At 43 one rests.", persona, "What should one do at 43?") == ()


RUN = """
import sys
from persona_metrics.cli import main
from persona_metrics.critic import leases
leases.SECONDS = 2.0  # a killed process is waited for so long
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_pays_for_little_twice(tmp_path: Path) -> None:
    answered(tmp_path / "run", n=40)
    with planted.server(latency=0.1) as server:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PERSONA_")}
        environment = {
            **inherited,
            "PYTHONPATH": warm.path(),
            "PERSONA_CRITIC_MODEL": "critic-x",
            "PERSONA_CRITIC_BASE_URL": server.base_url,
            "PERSONA_CRITIC_STORE": str(tmp_path / "s.sqlite"),
            "PERSONA_CRITIC_CONCURRENCY": "2",
        }
        command = [*warm.python(), "-c", RUN, "revise", str(tmp_path / "run"), "--model", "w"]
        command += ["--out", str(tmp_path / "out")]
        first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while sum(server.counts.values()) < 20 and first.poll() is None:
            time.sleep(0.05)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("results_*"))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        asked = Counter(json.dumps(body["messages"]) for _, body, _ in server.log if body.get("messages"))
    # What was in flight, and the dry calls of the first start.
    assert sum(count - 1 for count in asked.values()) <= 2 + 2
    assert len(samples(tmp_path / "out")) == 40


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["revise", *words]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    return error[-1]


def test_no_writer_and_impossible_runs_are_one_line_and_write_nothing(
    tmp_path: Path, critic: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = answered(tmp_path / "run", n=5), tmp_path / "out"
    assert "no writer: give --model NAME" in refused(capsys, str(run), "--out", str(out))
    words = (str(run), "--out", str(out), "--model")
    assert "--rounds 0: must be between" in refused(capsys, *words, "w", "--rounds", "0")
    assert "does not say at which endpoint" in refused(capsys, *words, "under-test")
    assert "one writer, not several" in refused(capsys, *words, "a,b")
    assert "no run of persona_loo there" in refused(capsys, str(run.parent), *words[1:], "w", "--task", "persona_loo")
    assert critic.counts == {}
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "another")
    assert "judged by another critic than is set (critic critic-x there, another here)" in refused(capsys, *words, "w")
    monkeypatch.delenv("PERSONA_CRITIC_MODEL")
    assert "PERSONA_CRITIC_MODEL=critic-x" in refused(capsys, *words, "w")
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic-x")
    next((tmp_path / "run").rglob("samples_*")).unlink()
    assert "--log_samples" in refused(capsys, *words, "w")
    assert not out.exists()


def test_writer_that_does_not_answer_is_named_before_anything_is_judged(
    tmp_path: Path, critic: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_ATTEMPTS", "1")
    run = answered(tmp_path / "run", n=5)
    said = refused(capsys, str(run), "--out", str(tmp_path / "out"), "--model", "w@http://127.0.0.1:9/v1")
    assert "the writer w at 127.0.0.1:9 does not work" in said
    assert critic.counts["critic"] <= 1
    assert not (tmp_path / "out").exists()


def test_embedded_writer_is_asked_in_this_process_wherever_the_critic_is(critic: Server) -> None:
    chosen = load({"critic_model": "critic-x", "critic_base_url": critic.base_url})
    assert writer_settings("embedded", chosen, {"critic_base_url": critic.base_url}).critic_base_url is None
    assert writer_settings("w", chosen, {}).critic_base_url == critic.base_url


def test_model_under_test_is_asked_where_the_run_says() -> None:
    asked = {
        "model": "local-chat-completions",
        "model_args": {"model": "m", "base_url": "http://h/v1/chat/completions"},
    }
    assert under_test(asked, "m") == "m@http://h/v1/chat/completions"
    assert (
        under_test({"model": "openai-chat-completions", "model_args": "model=gpt"}, "gpt")
        == "gpt@https://api.openai.com/v1"
    )


def test_run_of_another_kind_has_nothing_to_revise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_choices(tmp_path / "run")
    said = refused(capsys, str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--model", "w")
    assert "persona_choice has no verdicts, so nothing says what to revise" in said
    assert not (tmp_path / "out").exists()


def test_run_that_was_never_judged_is_sent_to_score(
    tmp_path: Path, critic: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    run = answered(tmp_path / "run", n=4)
    (file,) = run.parent.glob("samples_*")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({**line, "filtered_resps": line["resps"]}) + "\n" for line in lines))
    said = refused(capsys, str(run), "--out", str(tmp_path / "out"), "--model", "w")
    assert "00000/whole was never judged (--predict_only?)" in said
    lines[1]["filtered_resps"] = [[json.dumps({"variant": "whole", "judged_for": 3})]]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "judged_for names no person" in refused(capsys, str(run), "--out", str(tmp_path / "out"), "--model", "w")
    lines[1]["filtered_resps"] = [[json.dumps({"variant": "whole", "answer": "a", "verdict": {"votes": [{"x": 1}]}})]]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "not a verdict of this pack" in refused(capsys, str(run), "--out", str(tmp_path / "out"), "--model", "w")
    assert critic.counts == {}
    assert not (tmp_path / "out").exists()


def test_critics_key_goes_to_the_critic_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(tmp_path / "run", n=10)
    with planted.server(key="critic-key-123456") as judge, planted.server() as writer:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "critic-x")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", judge.base_url)
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", "critic-key-123456")
        command = ["revise", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--model", f"w@{writer.base_url}"]
        assert main(command) == 0
        assert writer.counts["model"]
        assert not any("critic-key" in json.dumps([body, headers]) for _, body, headers in writer.log)
        assert not any(body["model"] == "w" for _, body, _ in judge.log)
