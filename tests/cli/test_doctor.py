from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from persona_metrics.cli import main
from persona_metrics.personas import ATTRIBUTE_GROUPS, ATTRIBUTES
from persona_metrics.settings import Settings
from tests.fakes.server import Server

KEY = "sk-doctor-distinctive-77"


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server(key=KEY)
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
    monkeypatch.setenv("PERSONA_N", "12")
    return server


def test_every_setting_is_shown_with_its_source_and_no_secret(
    set_up: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".env").write_text("PERSONA_SEED=4\nPERSONA_CRITIC_MODLE=x\n")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PERSONA_CRITIC_TMEOUT", "5")
    with set_up as server:
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        code = main(["doctor", "--model_base_url", server.chat_url])
    shown = capsys.readouterr().out
    lines = {line.split()[0]: line for line in shown.splitlines() if line.startswith("  ")}
    assert set(Settings.model_fields) <= set(lines)
    assert lines["n"].split()[1:] == ["12", "environment", "PERSONA_N"]
    assert lines["seed"].split()[1:] == ["4", ".env", "PERSONA_SEED"]
    assert lines["k"].split()[1:] == ["16", "default"]
    assert lines["critic_api_key"].split()[1:] == ["set", "environment", "OPENAI_API_KEY"]
    assert "PERSONA_CRITIC_TMEOUT sets nothing (did you mean 'PERSONA_CRITIC_TIMEOUT'?)" in shown
    assert KEY not in shown
    assert [line.split(":")[0] for line in shown.splitlines() if line.startswith("  ok")] == [
        "  ok    lm-eval",
        "  ok    data",
        "  ok    critic",
        "  ok    model endpoint",
    ]
    assert code == 0


def test_check_that_fails_says_what_to_change_and_sets_the_exit_code(
    set_up: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with set_up as server:
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        code = main(["doctor", "--model_base_url", server.chat_url])
    shown = capsys.readouterr().out
    assert code == 1
    assert "  FAIL  critic: " in shown
    assert "set PERSONA_CRITIC_API_KEY" in shown
    assert "answers 401; set OPENAI_API_KEY" in shown
    assert "  ok    data: " in shown


def test_nothing_set_up_is_no_crash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "FAIL  critic: no critic is configured" in shown
    assert shown.count("no critic is configured") == 1
    # Each setting's source stands in one column.
    assert len({line.rindex(" default") for line in shown.splitlines() if line.endswith(" default")}) == 1


def test_attributes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--attributes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert tuple(lines[: len(ATTRIBUTES)]) == ATTRIBUTES
    assert len(lines) == len(ATTRIBUTES) + len(ATTRIBUTE_GROUPS)


def test_a_file_of_ones_own_shows_its_attributes_and_what_looks_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.csv").write_text("uuid,Age,Home_Region\na1,12,N\na2,430,S\na3,40,N\n")
    monkeypatch.setenv("PERSONA_PERSONAS", "mine.csv")
    monkeypatch.setenv("PERSONA_N", "3")
    assert main(["doctor", "--attributes"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["age", "home region"]
    main(["doctor"])
    shown = capsys.readouterr().out
    assert "3 personas" in shown
    assert "  ! personas=mine.csv: not shown: uuid (id); columns=… chooses" in shown
    assert "minors (1); ages outside 0 to 120, taken as not stated (1)" in shown


class Ending(Server):
    """Lists its models with the day on which each ends, as some endpoints do."""

    async def _models(self, request: web.Request) -> web.Response:  # noqa: ARG002
        ends = {"c": "2199-03-01", "other": "2020-01-31T00:00:00Z", "at": 4102444800, "odd": ["soon"], "none": None}
        models = [{"id": name, "shutdown_date": day} for name, day in ends.items()]
        return web.json_response({"object": "list", "data": [*models, {"id": "plain"}, "no model"]})


def test_a_model_that_ends_is_named_with_its_day(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
    monkeypatch.setenv("PERSONA_N", "12")
    with Ending() as server:
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        assert main(["doctor", "--model_base_url", server.chat_url]) == 0
    shown = {line.split(":")[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ok")}
    assert "! c will be shut down on 2199-03-01" in shown["  ok    critic"]
    assert "! other" not in shown["  ok    critic"]
    model = shown["  ok    model endpoint"]
    assert "! other was shut down on 2020-01-31" in model
    assert "! at will be shut down on 2100-01-01" in model
    assert "odd will" not in model
    assert "none will" not in model
