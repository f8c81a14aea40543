"""Tokens by a model's own tokenizer: its server's, asked where that is wanted, and its files, where they are at hand."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from persona_metrics.cli import main
from persona_metrics.planning import counting
from persona_metrics.planning.counting import by_files
from tests.e2e.command import CHECKOUT
from tests.e2e.tools import tool_python
from tests.fakes.server import Server

WORDS = ("--tasks", "persona_main", "--critic", "c", "--model", "m", "--json")


class Tokenizing(Server):
    """Counts a token for every three letters, and five for a chat's template, in the form of ``kind``."""

    kind = "vllm"
    keys: list[str | None]

    def routes(self, app: web.Application) -> None:
        self.keys = []
        app.router.add_post("/tokenize", self._tokenize)

    async def _tokenize(self, request: web.Request) -> web.Response:
        self.counts["tokenize"] += 1
        self.keys.append(request.headers.get("Authorization"))
        body: dict[str, Any] = await request.json()
        if self.kind == "vllm" and "messages" in body:
            return web.json_response(
                {"count": 5 + len(body["messages"][0]["content"]) // 3, "tokens": [1], "max_model_len": 9}
            )
        if self.kind == "sglang" and "prompt" in body:
            return web.json_response({"tokens": [0] * (len(body["prompt"]) // 3)})
        if self.kind == "llama.cpp":  # says nothing of what it does not know
            return web.json_response({"tokens": [0] * (len(body.get("content", "")) // 3)})
        if self.kind == "tgi" and "inputs" in body:
            return web.json_response([{"id": 7, "text": "x"}] * (len(body["inputs"]) // 3))
        if self.kind == "garbage":
            return web.Response(text=json.dumps({"count": True, "tokens": "many"}))
        return web.json_response({"error": "no"}, status=422)


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan without past calls, in a folder of one's own."""
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(tmp_path / "none.sqlite"))
    monkeypatch.chdir(tmp_path)


def plan(capsys: pytest.CaptureFixture[str], *words: str, **metadata: Any) -> dict[str, Any]:
    assert main(["plan", *WORDS, *words, "--metadata", "n=30", *(f"{k}={v}" for k, v in metadata.items())]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("kind", ["vllm", "sglang", "llama.cpp", "tgi"])
def test_a_server_counts_by_its_own_tokenizer_in_whichever_form_it_has(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Tokenizing() as server:
        server.kind = kind
        words = ("--model_base_url", server.base_url, "--tokenizer", "endpoint")
        told = plan(capsys, *words, critic_base_url=server.base_url)["total"]
        assert server.counts["model"] == server.counts["critic"] == 0
        assert server.counts["tokenize"] <= 2 * (4 + counting._ASKED)
    for side in ("model", "critic"):
        assert told[side]["tokens_by"] == "the endpoint's tokenizer"
    low, mid, high = told["model"]["tokens_in"].values()
    assert high / low < (1.05 if kind == "vllm" else 1.11)
    # A token for three letters: a sample's mean, for all of them.
    by_letters = plan(capsys, critic_base_url="http://127.0.0.1:1/v1")["total"]["model"]["tokens_in"]["mid"] * 4.2
    assert mid == pytest.approx(by_letters / 3, rel=0.03)


@pytest.mark.parametrize("kind", ["garbage", "none"])
def test_a_server_that_counts_nothing_is_asked_once_and_said(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Tokenizing() as server:
        server.kind = kind
        told = plan(
            capsys, "--tokenizer", "endpoint", "--tasks", "persona_main,persona_loo", critic_base_url=server.base_url
        )
        assert server.counts["tokenize"] == 4  # each form once
    assert told["total"]["critic"]["tokens_by"] == "letters"
    assert sum("offers no /tokenize" in note for note in told["notes"]) == 1


def test_a_plan_that_is_not_told_to_asks_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    with Tokenizing() as server:
        told = plan(capsys, "--model_base_url", server.base_url, critic_base_url=server.base_url)
        assert server.counts["tokenize"] == 0
    assert told["total"]["model"]["tokens_by"] == "letters"


def test_the_critics_key_goes_to_the_critics_server_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Tokenizing() as model, Tokenizing() as critic:
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", "sk-critic-secret")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", critic.base_url)
        plan(capsys, "--model_base_url", model.base_url, "--tokenizer", "endpoint")
        assert set(critic.keys) == {"Bearer sk-critic-secret"}
        assert set(model.keys) == {None}


COUNT = """
import json, sys
from pathlib import Path
from tokenizers import Tokenizer, models, pre_tokenizers
made = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
made.pre_tokenizer = pre_tokenizers.Whitespace()
folder = Path(sys.argv[1])
folder.mkdir()
made.save(str(folder / "tokenizer.json"))
cached = Path(sys.argv[2]) / "hub" / "models--acme--words" / "snapshots" / "0"
cached.mkdir(parents=True)
(cached.parents[1] / "refs").mkdir()
(cached.parents[1] / "refs" / "main").write_text("0")
made.save(str(cached / "tokenizer.json"))
from persona_metrics.planning.counting import by_files
for name in (sys.argv[1], "acme/words", "acme/none", "../../x", ""):
    found = by_files(name, "", ["one two three", "four"])
    print(json.dumps(found and [found.each, found.by]))
"""


@pytest.mark.slow
def test_a_tokenizers_files_count_from_a_folder_and_from_the_hubs_cache(tmp_path: Path) -> None:
    python = tool_python("tokenizers>=0.20,<1", with_ours=True)
    done = subprocess.run(
        [str(python), "-c", COUNT, str(tmp_path / "folder"), str(tmp_path / "home")],
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert said == [[pytest.approx(4 / 17), "the tokenizer's files"]] * 2 + [None] * 3


@pytest.mark.parametrize("content", [None, "{}", "no JSON"])
def test_files_that_are_no_tokenizer_count_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    assert by_files(str(tmp_path), "", ["a text"]) is None


def test_a_tokenizer_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *WORDS, "--tokenizer", "acme/nowhere"]) == 2
    assert "'acme/nowhere': no tokenizer of that name is on this machine" in capsys.readouterr().err
