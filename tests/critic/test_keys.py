"""A key belongs to a host: which one goes where, from which source, and what is said where none goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.critic import check, keys
from persona_metrics.critic.keys import choose, is_openai, origin
from persona_metrics.critic.request import panel
from persona_metrics.errors import PersonaError
from tests.fakes.server import Server

K, L = "sk-first-distinctive-0001", "sk-second-distinctive-0002"
HERE, THERE = "http://here.example:8000/v1", "http://there.example/v1"


def key_of(monkeypatch: pytest.MonkeyPatch, shell: dict[str, str], dotenv: dict[str, str], **given: str) -> str | None:
    """Return the key that the one critic gets, by what the shell, ``.env`` and arguments set."""
    for name, value in shell.items():
        monkeypatch.setenv(name, value)
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in dotenv.items()))
    chosen = settings.load({"critic_model": "m", **given})
    return panel(chosen)[0].secret(chosen)


URL, KEY, KEYS = "PERSONA_CRITIC_BASE_URL", "PERSONA_CRITIC_API_KEY", "PERSONA_CRITIC_API_KEYS"
OPENAI, OPENAI_URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"
EU = "https://eu.api.openai.com/v1"


@pytest.mark.parametrize(
    ("shell", "dotenv", "given", "expected"),
    [
        # OpenAI's key goes to OpenAI, whoever set what.
        ({OPENAI: K}, {}, {}, K),
        ({}, {OPENAI: K}, {}, K),
        ({OPENAI: K}, {URL: EU}, {}, K),
        ({OPENAI: K, URL: "https://API.OpenAI.com.:443/v1/"}, {}, {}, K),
        # To no other host, however it is spelt.
        ({OPENAI: K}, {URL: HERE}, {}, None),
        ({OPENAI: K, URL: HERE}, {}, {}, None),
        ({OPENAI: K}, {}, {"critic_base_url": HERE}, None),
        ({OPENAI: K}, {}, {"critic_base_url": "http://api.openai.com/v1"}, None),
        ({OPENAI: K}, {}, {"critic_base_url": "https://api.openai.com@evil.example/v1"}, None),
        ({OPENAI: K}, {}, {"critic_base_url": "https://api.openai.com:8443/v1"}, None),
        ({OPENAI: K}, {}, {"critic_base_url": "https://api.openai.com.evil.example/v1"}, None),
        ({OPENAI: K}, {}, {"critic_base_url": "https://x.api.openai.com/v1"}, None),
        ({OPENAI: K}, {}, {"critic_base_url": "https://evil.example/?@api.openai.com"}, None),
        ({OPENAI: K}, {}, {"critic_base_url": "https://evil.example#@api.openai.com"}, None),
        ({OPENAI: K}, {}, {"critic_base_url": "https://apı.openai.com/v1"}, None),
        # To OPENAI_BASE_URL's, if the same source set both.
        ({OPENAI: K, OPENAI_URL: HERE}, {URL: HERE}, {}, K),
        ({OPENAI: K}, {OPENAI_URL: HERE, URL: HERE}, {}, None),
        ({OPENAI_URL: HERE}, {OPENAI: K}, {"critic_base_url": HERE}, None),
        ({}, {OPENAI: K, OPENAI_URL: HERE, URL: HERE}, {}, K),
        # One that names the critic goes to the critic's host, from a source at least as trusted.
        ({URL: HERE, KEY: K}, {}, {}, K),
        ({KEY: K}, {URL: HERE}, {}, K),
        ({URL: HERE}, {KEY: K}, {}, None),
        ({}, {URL: HERE, KEY: K}, {}, K),
        ({KEY: K}, {}, {"critic_base_url": HERE}, K),
        ({}, {KEY: K}, {"critic_base_url": HERE}, K),
        ({URL: HERE}, {}, {"critic_api_key": K}, K),
        ({KEY: K, OPENAI: L}, {}, {}, K),
        ({OPENAI: L}, {KEY: K, URL: HERE}, {}, K),
        # And not to another one than its own source names.
        ({URL: THERE}, {URL: HERE, KEY: K}, {}, None),
        ({URL: HERE, KEY: K}, {}, {"critic_base_url": THERE}, None),
        ({URL: HERE, KEY: K}, {}, {"critic_base_url": HERE + "/"}, K),
        # A key beside a host goes to that host and port.
        ({URL: HERE}, {KEYS: f"here.example:8000={K}"}, {}, K),
        ({URL: HERE, KEYS: f"here.example={K}"}, {}, {}, None),
        ({URL: THERE, KEYS: f"HERE.example:8000={L},There.Example:80={K}"}, {}, {}, K),
        ({URL: "http://[0:0::1]:8000/v1", KEYS: f"[::1]:8000={K}"}, {}, {}, K),
        ({URL: "https://münchen.example/v1", KEYS: f"xn--mnchen-3ya.example={K}"}, {}, {}, K),
        # The end of a line is no part of a key.
        ({KEY: f" {K}\r\n"}, {}, {}, K),
    ],
)
def test_a_key_goes_to_the_host_that_it_was_given_for(
    monkeypatch: pytest.MonkeyPatch,
    shell: dict[str, str],
    dotenv: dict[str, str],
    given: dict[str, str],
    expected: str | None,
) -> None:
    assert key_of(monkeypatch, shell, dotenv, **given) == expected


@pytest.mark.parametrize(
    "key", ["sk-abc\rdef", "sk-abc\ndef", "sk-abc…", "“sk-abc”", "sk abc", "sk-abç", '"sk-abc"', "sk-\x1bc", "a\u200bb"]
)
@pytest.mark.parametrize("field", ["critic_api_key", "critic_api_keys"])
def test_a_key_with_a_character_that_no_key_has_is_one_line_before_any_call(key: str, field: str) -> None:
    with Server() as server:
        host = server.base_url.split("/")[2]
        given = {field: key if field == "critic_api_key" else f"{host}={key}"}
        with pytest.raises(PersonaError, match="holds a character that no key has") as caught:
            check(settings.load({"critic_model": "m", "critic_base_url": server.base_url, **given}))
    assert server.log == []
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()
    assert "sk-ab" not in str(caught.value)


def test_a_key_that_should_have_been_filled_in_is_one_line() -> None:
    Path(".env").write_text(f"{KEY}=${{MY_KEY}}\n{URL}={HERE}\n")
    with pytest.raises(PersonaError, match="which is not filled in"):
        check(settings.load({"critic_model": "m"}))


def test_what_is_not_sent_and_the_host_that_dotenv_names_are_said_before_the_first_call(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(OPENAI, K)
    with Server() as server:
        Path(".env").write_text(f"{URL}={server.base_url}\n")
        check(settings.load({"critic_model": "m"}))
        assert "Authorization" not in server.log[0][2]
    said = capfd.readouterr().err.splitlines()
    host = server.base_url.split("/")[2]
    assert said[0] == f"persona-metrics: .env names the critic's host: {host} (m)"
    assert said[1].startswith(
        f"persona-metrics: no key is sent to {host}, which .env names: {OPENAI} (environment) is for"
    )
    assert len(said) == 2


def test_what_the_client_takes_from_the_shell_goes_to_its_own_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ambient = {"OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1", "OPENAI_ADMIN_KEY": L}
    custom = {"OPENAI_CUSTOM_HEADERS": f"X-Gateway: {L}\nAuthorization: Bearer {L}\nOpenAI-Organization: org-2"}
    for name, value in {**ambient, **custom, OPENAI: K}.items():
        monkeypatch.setenv(name, value)
    with Server() as here, Server() as there:
        monkeypatch.setenv(OPENAI_URL, there.base_url)
        check(settings.load({"critic_model": "m", "critic_base_url": here.base_url}))
        check(settings.load({"critic_model": "m", "critic_base_url": here.base_url, "critic_api_key": "sk-mine-0003"}))
        check(settings.load({"critic_model": "m", "critic_base_url": there.base_url}))
    sent = [headers for _, _, headers in here.log]
    assert [headers.get("Authorization") for headers in sent] == [None, "Bearer sk-mine-0003"]
    assert not any(word.lower() in str(sent).lower() for word in (K, L, "org-", "proj-", "X-Gateway"))
    (headers,) = ({name.lower(): value for name, value in headers.items()} for _, _, headers in there.log)
    assert (headers["authorization"], headers["x-gateway"]) == (f"Bearer {K}", L)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"CUSTOM_HEADERS": "X-Gate: a\rX-Evil: b"},
            "the value of X-Gate holds a character that no header has (U+000D)",
        ),
        ({"CUSTOM_HEADERS": "X-Gate: a\x0bb"}, "(U+000B)"),
        ({"CUSTOM_HEADERS": "X-Gate: ключ"}, "(U+043A)"),
        ({"ORG_ID": "org\nX-Evil: 1"}, "OPENAI_ORG_ID: the value of OpenAI-Organization"),
        ({"CUSTOM_HEADERS": "Host: evil.example"}, "the header Host is the connection's own"),
        ({"CUSTOM_HEADERS": "X-Ok: 1\ncontent-length: 5"}, "the header content-length is the connection's own"),
        ({"CUSTOM_HEADERS": "Transfer-Encoding: chunked"}, "is the connection's own"),
        ({"CUSTOM_HEADERS": "X Gate: 1"}, "'X Gate' is no header's name"),
        ({"CUSTOM_HEADERS": ": 1"}, "is no header's name"),
    ],
)
def test_header_of_the_shell_that_is_none_is_one_line_before_any_call(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"OPENAI_{name}", value)
    with Server() as server:
        monkeypatch.setenv(OPENAI_URL, server.base_url)
        chosen = settings.load({"critic_model": "m", "critic_base_url": server.base_url})
        with pytest.raises(PersonaError) as caught:
            check(chosen)
        # Elsewhere they are not sent, so that nothing is wrong with them.
        assert keys.own_headers(THERE, os.environ) == {}
    assert server.log == []
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_names_of_headers_that_differ_in_case_are_one_header(monkeypatch: pytest.MonkeyPatch) -> None:
    custom = f"x-gate: first\r\nX-Gate: second\nuser-agent: mine\nauthorization: Bearer {L}\nopenai-organization: org-2"
    for name, value in {"OPENAI_CUSTOM_HEADERS": custom, "OPENAI_ORG_ID": "org-1", OPENAI: K}.items():
        monkeypatch.setenv(name, value)
    with Server() as here:
        monkeypatch.setenv(OPENAI_URL, here.base_url)
        check(settings.load({"critic_model": "m", "critic_base_url": here.base_url}))
        (sent,) = ([(k.lower(), v) for k, v in headers.items()] for _, _, headers in here.log)
    wanted = {("x-gate", "second"), ("user-agent", "mine"), ("openai-organization", "org-2")}
    assert wanted | {("authorization", f"Bearer {K}")} <= set(sent)
    assert len({name for name, _ in sent}) == len(sent)


def test_a_member_of_a_panel_gets_no_key_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPENAI, K)
    monkeypatch.setenv(KEYS, f"here.example:8000={L}")
    monkeypatch.setenv(KEY, "sk-panel-0004")
    members = f"a,b@{HERE},c@{THERE},d@{EU},e@https://api.openai.com/v1"
    chosen = settings.load({"critic_model": members})
    assert [c.secret(chosen) for c in panel(chosen)] == ["sk-panel-0004", L, None, K, "sk-panel-0004"]


def test_an_error_shows_no_part_of_a_long_key(capfd: pytest.CaptureFixture[str]) -> None:
    from tests.critic.test_client import Scripted, error, vote

    long = "sk-proj-" + "0123456789abcdefghijklmnopqrstuvwxyzABCDEF" * 4
    with Scripted(error(401, f"\x1b[31mIncorrect API key provided: {long}. Find yours at the page")) as server:
        chosen = settings.load({"critic_model": "m", "critic_base_url": server.base_url, "critic_api_key": long})
        cast = vote(chosen)
    assert server.log[0][2]["Authorization"] == f"Bearer {long}"
    assert cast.missing == "HTTP 401: key rejected, \\x1b[31mIncorrect API key provided: ***. Find yours at the page"
    assert long[:10] not in capfd.readouterr().err


def test_a_placeholder_is_no_key_that_needs_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("none", "EMPTY"):
        monkeypatch.setenv(OPENAI, value)
        (critic,) = panel(chosen := settings.load({"critic_model": "m", "critic_base_url": HERE}))
        assert critic.choice(chosen).why_none == ""


@pytest.mark.parametrize("where", ["--metadata", "persona_critic"])
def test_a_key_is_no_argument_of_what_lands_in_results(where: str) -> None:
    with pytest.raises(PersonaError, match="would be written into the results; set PERSONA_CRITIC_API_KEYS") as caught:
        settings.load({"critic_api_keys": f"h={K}"}, where=where)
    assert K not in str(caught.value)


def test_a_redirect_carries_nothing_on() -> None:
    from tests.critic.test_client import Scripted, vote

    with Server() as there, Scripted() as here:
        here.script = [(307, {}, {"Location": f"{there.base_url}/chat/completions"})] * 9
        chosen = settings.load({"critic_model": "m", "critic_base_url": here.base_url, "critic_api_key": K})
        assert (vote(chosen).missing or "").startswith("HTTP 307")
    assert there.log == []


def test_origins_compare_as_the_transport_reads_them() -> None:
    assert is_openai(origin("HTTPS://user:pw@API.openai.com./v1"))
    assert str(origin("http://[0::1]:80/v1")) == "[::1]"
    assert origin("ftp://h") is origin("h:1") is origin("http://") is origin("http://h:port") is origin(None) is None
    assert choose("nowhere", ()).secret is None
