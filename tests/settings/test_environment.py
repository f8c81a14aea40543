"""A ``.env`` is read as it stands, in whatever encoding, or refused in one line; and nothing is put into it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics import settings as pack
from persona_metrics.cli import main
from persona_metrics.errors import PersonaError
from persona_metrics.settings.environment import LARGEST, read_dotenv

LINES = "PERSONA_SEED=4\r\nexport PERSONA_N=10 # ten\r\nPERSONA_PERSONAS='münchen.csv'\r\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_every_encoding_and_line_end_is_read_from_the_first_key_on(encoding: str, end: str) -> None:
    Path(".env").write_bytes(LINES.replace("\r\n", end).encode(encoding))
    loaded = pack.load()
    assert (loaded.seed, loaded.n, loaded.personas) == (4, 10, "münchen.csv")
    assert pack.source_of("seed") == ".env PERSONA_SEED"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PERSONA_N=1\0\0\0", "NUL"),
        (b"\xff\xfeP\0E\0\x00", "broken UTF-16"),
        (b"\xff\xfe\x00\x00P\0", "broken UTF-32"),
        (bytes(range(7, 7 + 64)).replace(b"\0", b"") + b"\0" * 3, "NUL"),
        (b"A=" + b"x" * LARGEST, "no file of settings"),
    ],
)
def test_what_is_no_text_is_one_line(content: bytes, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(".env").write_bytes(content)
    with pytest.raises(PersonaError, match=message):
        pack.load()
    assert main(["doctor"]) == 2
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1
    assert "Traceback" not in shown.err


def test_a_folder_of_that_name_counts_as_none_and_a_pipe_does_not_hang() -> None:
    Path(".env").mkdir()
    assert pack.load().n == 300
    Path(".env").rmdir()
    os.mkfifo(".env")
    with pytest.raises(PersonaError, match="not a file"):
        pack.load()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_one_that_may_not_be_read_is_one_line() -> None:
    Path(".env").write_text("PERSONA_N=1")
    Path(".env").chmod(0)
    with pytest.raises(PersonaError, match="cannot be read"):
        pack.load()


def test_a_line_that_sets_nothing_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".env").write_text("PERSONA_SEED=7\n\nthis is: no setting\nPERSONA_N=8\nPERSONA_K\n")
    for _ in range(3):
        assert (pack.load().seed, pack.load().n, pack.load().k) == (7, 8, 16)
    assert capsys.readouterr().err == "persona-metrics: .env, line 3: not NAME=value, and left out\n"


def test_nothing_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-distinctive-123")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-distinctive-123")
    Path(".env").write_text(
        "PERSONA_CRITIC_BASE_URL=http://h/${AWS_SECRET_ACCESS_KEY}\n"
        "PERSONA_CRITIC_API_KEYS=h=${OPENAI_API_KEY}\n"
        'PERSONA_QUESTIONS="${PERSONA_CRITIC_API_KEYS:-$HOME}"\n'
    )
    loaded = pack.load()
    assert loaded.critic_base_url == "http://h/${AWS_SECRET_ACCESS_KEY}"
    assert loaded.questions == "${PERSONA_CRITIC_API_KEYS:-$HOME}"
    assert loaded.critic_api_keys is not None
    assert loaded.critic_api_keys.get_secret_value() == "h=${OPENAI_API_KEY}"


@settings(max_examples=60)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda t: t.encode("utf-16", "surrogatepass"))))
def test_no_bytes_end_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / ".env"
    path.write_bytes(content)
    with contextlib.suppress(PersonaError):
        found = read_dotenv(path)
        assert all(isinstance(value, str) for value in found.values())
