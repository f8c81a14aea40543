"""What the endpoint did not give is missing when it is scored later, too, and no answer that is judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from persona_metrics.cli import main
from tests.fakes.runs import write_run
from tests.fakes.server import Server
from tests.scoring.made import results, verdicts


@pytest.mark.parametrize("task", ["persona_main", "persona_loo"])
def test_reply_that_was_not_given_is_missing_and_a_model_s_own_words_are_judged(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_run(tmp_path / "run", (task,), n=20, attributes="age")
    (samples,) = path.parent.glob("samples_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    for number, said in enumerate(("[no reply: HTTP 500: busy]", " [no reply: a model may write so]")):
        resps = lines[number]["resps"]
        resps[0] = [said] if isinstance(resps[0], list) else said
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Server() as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        assert main(["score", str(tmp_path / "run"), "--out", str(tmp_path / "out")]) == 0
        asked = [str(body["messages"]) for _, body, _ in server.log]
    assert not any("HTTP 500: busy" in text for text in asked)
    assert any("a model may write so" in text for text in asked)
    found = verdicts(tmp_path / "out")
    lost = [one for one in found if one[2] is None]
    assert [(pair, said[0]) for pair, _, _, said in lost] == [(lines[0]["doc"]["pair_id"], None)]
    rows = results(tmp_path / "out")["results"][task]
    assert rows["answer_failures,critic"] == 0
    assert rows["critic_failures,critic"] == pytest.approx(1 / len(found))
