"""Where keys end up in whole runs: ``evaluate_model``, ``score --batch-submit`` and ``doctor`` against two servers."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics import evaluate_model
from persona_metrics.cli import main
from persona_metrics.errors import PersonaError
from tests.fakes.server import Server
from tests.scoring.made import line, write

K, L = "sk-model-distinctive-0001", "sk-critic-distinctive-0002"


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    with Server() as model, Server() as critic:
        yield model, critic


def keys_at(server: Server) -> set[str | None]:
    return {headers.get("Authorization") for _, _, headers in server.log}


def run(model: Server, critic: Server, **more: Any) -> Any:
    given = {"base_url": model.base_url, "critic_model": "c", "critic_base_url": critic.base_url, "n": 2, "by": ""}
    return evaluate_model("m", **{**given, **more})


def test_the_models_key_goes_to_the_model_alone(servers: tuple[Server, Server]) -> None:
    model, critic = servers
    run(model, critic, api_key=K)
    assert (keys_at(model), keys_at(critic)) == ({f"Bearer {K}"}, {None})
    run(model, critic, api_key=K, critic_api_key=L, n=3)
    assert keys_at(critic) == {None, f"Bearer {L}"}
    assert keys_at(model) == {f"Bearer {K}"}
    assert not {"OPENAI_API_KEY", "PERSONA_CRITIC_API_KEY"} & set(os.environ)


def test_the_models_key_goes_to_no_critic_with_model_args_either(servers: tuple[Server, Server]) -> None:
    model, critic = servers
    arguments = f"model=m,base_url={model.chat_url}"
    evaluate_model(
        "local-chat-completions",
        model_args=arguments,
        api_key=K,
        n=2,
        critic_model="c",
        critic_base_url=critic.base_url,
    )
    assert (keys_at(model), keys_at(critic)) == ({f"Bearer {K}"}, {None})


def test_the_shells_key_for_openai_goes_to_neither(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    model, critic = servers
    monkeypatch.setenv("OPENAI_API_KEY", K)
    Path(".env").write_text(f"PERSONA_CRITIC_BASE_URL={critic.base_url}\n")
    run(model, critic, critic_base_url=None)
    assert (keys_at(model), keys_at(critic)) == ({"Bearer none"}, {None})
    said = capfd.readouterr().err
    for server in servers:
        assert said.count(f"no key is sent to {server.base_url.split('/')[2]}") == 1
    assert said.count(".env names the critic's host") == 1
    assert os.environ["OPENAI_API_KEY"] == K


def test_keys_of_a_panel_may_be_given_in_python(servers: tuple[Server, Server]) -> None:
    model, critic = servers
    host = critic.base_url.split("/")[2]
    run(model, model, critic_model=f"a,b@{critic.base_url}", critic_api_keys=f"{host}={L}")
    assert keys_at(critic) == {f"Bearer {L}"}
    assert f"Bearer {L}" not in keys_at(model)


def test_a_second_call_with_another_key_is_checked(servers: tuple[Server, Server]) -> None:
    model, _ = servers
    with Server(key=L) as critic:
        run(model, critic, critic_api_key=L)
        with pytest.raises(PersonaError, match="HTTP 401"):
            run(model, critic, critic_api_key="sk-wrong-distinctive-3")
    assert model.counts["model"] == 2


@pytest.mark.parametrize("key", ["sk-“curly”-0001", "sk-cut…", "sk-two words", "sk-car\rriage"])
def test_a_models_key_that_cannot_be_one_is_one_line_before_any_call(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    model, critic = servers
    with pytest.raises(PersonaError, match="api_key=: the key holds a character that no key has"):
        run(model, critic, api_key=key)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(PersonaError, match="the key of the model under test: the key holds a character"):
        evaluate_model(
            "local-chat-completions",
            model_args={"model": "m", "base_url": model.chat_url},
            n=1,
            critic_model="c",
            critic_base_url=critic.base_url,
        )
    assert model.log == critic.log == []


def test_the_embedded_model_under_test_is_the_one_that_the_keyword_names(tmp_path: Path) -> None:
    with Server() as critic, pytest.raises(PersonaError, match=r"nowhere\.gguf"):
        evaluate_model(
            "embedded",
            n=1,
            critic_model="c",
            critic_base_url=critic.base_url,
            local_model=str(tmp_path / "nowhere.gguf"),
        )


def test_nothing_of_a_key_stands_in_what_a_run_returns_or_writes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Echo(Server):
        def debate(self, fenced: Any) -> str:
            said = json.loads(super().debate(fenced))
            return json.dumps({**said, "conclusion": f"You sent {self.log[-1][2]['Authorization']}."})

    with Server() as model, Echo(key=L) as critic:
        result = run(model, critic, critic_api_key=L, api_key=K, output_path=tmp_path / "out")
    store = Path(os.environ["PERSONA_CRITIC_STORE"])
    written = [path.read_bytes() for folder in (tmp_path, store.parent) for path in folder.rglob("*") if path.is_file()]
    assert written
    shown = capfd.readouterr()
    everything = b"".join(written).decode("utf-8", "replace") + repr(result.raw) + shown.out + shown.err
    assert "You sent Bearer ***" in everything
    assert K not in everything
    assert L not in everything


def test_batches_are_sent_under_the_critics_key_and_leave_none_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = write(tmp_path / "answers.jsonl", [line(i) for i in range(3)])
    monkeypatch.setenv("OPENAI_API_KEY", K)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-distinctive")
    with Server(key=L) as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        command = ["score", str(answers), "--batch-submit", "--batch-poll", "0.05", "--out"]
        assert main([*command, str(tmp_path / "refused")]) == 2
        assert "HTTP 401" in capfd.readouterr().err
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", L)
        assert main([*command, str(tmp_path / "out")]) == 0
    assert keys_at(server) == {None, f"Bearer {L}"}
    assert "org-distinctive" not in str(server.log)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or L.encode() not in path.read_bytes()


def test_a_results_file_that_lies_elsewhere_is_fetched_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = write(tmp_path / "answers.jsonl", [line(i) for i in range(3)])
    fetched: list[dict[str, str]] = []

    class Bucket(_Onward):
        def do_GET(self) -> None:
            fetched.append(dict(self.headers))
            content = server.files[self.path.rpartition("/")[2]]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with Server(key=L) as server, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as bucket:
        threading.Thread(target=bucket.serve_forever, daemon=True).start()
        server.content_at = f"http://127.0.0.1:{bucket.server_address[1]}"
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        monkeypatch.setenv("PERSONA_CRITIC_API_KEY", L)
        command = ["score", str(answers), "--batch-submit", "--batch-poll", "0.05", "--out", str(tmp_path / "out")]
        assert main(command) == 0
        bucket.shutdown()
    assert len(fetched) == 1
    assert L not in str(fetched)
    assert "authorization" not in str(fetched).lower()


class _Onward(http.server.BaseHTTPRequestHandler):
    seen: list[dict[str, str]]
    onward = ""

    def do_GET(self) -> None:
        type(self).seen.append(dict(self.headers))
        self.send_response(307)
        self.send_header("Location", self.onward)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def onward() -> Iterator[tuple[type[_Onward], str]]:
    handler = type("Handler", (_Onward,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler, f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def test_doctor_follows_no_redirect(
    onward: tuple[type[_Onward], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler, address = onward
    monkeypatch.setenv("OPENAI_API_KEY", K)
    catcher = type("Catcher", (_Onward,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), catcher) as there:
        threading.Thread(target=there.serve_forever, daemon=True).start()
        handler.onward = f"http://user:pw@localhost:{there.server_address[1]}/v1/models?token=abc"
        assert main(["doctor", "--model_base_url", address]) == 1
        there.shutdown()
    shown = capsys.readouterr().out
    assert len(handler.seen) == 1
    assert catcher.seen == []
    assert f"answers 307 and points to http://localhost:{there.server_address[1]}/v1/models: give that address" in shown


def test_doctor_shows_the_source_of_host_and_key_side_by_side(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", K)
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "a,b@https://api.openai.com/v1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing goes out
    with Server() as server:
        Path(".env").write_text(f"PERSONA_CRITIC_BASE_URL={server.base_url}\nPERSONA_CRITIC_API_KEY={L}\n")
        main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    host = server.base_url.split("/")[2]
    assert f"  critic a: host {host} (.env PERSONA_CRITIC_BASE_URL), key PERSONA_CRITIC_API_KEY (.env)" in lines, lines
    assert (
        "  critic b: host api.openai.com (environment PERSONA_CRITIC_MODEL), key OPENAI_API_KEY (environment)" in lines
    )
    assert not any(K in text or L in text for text in lines)
