"""``lm_eval`` in a folder whose ``.env`` is somebody else's: no key of the shell goes where it points."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.command import HERE
from tests.e2e.command import run as lm_eval
from tests.fakes.server import Server

SHELL, OTHER = "sk-shell-distinctive-0001", "aws-distinctive-0002"


def test_a_folders_dotenv_gets_no_key_of_the_shell(tmp_path: Path) -> None:
    with Server() as model, Server() as critic:
        (tmp_path / ".env").write_bytes(
            (
                "PERSONA_N=2\r\nPERSONA_CRITIC_MODEL=c\r\n"
                f"PERSONA_CRITIC_BASE_URL={critic.base_url}/#${{AWS_SECRET_ACCESS_KEY}}\r\n"
                "PERSONA_CRITIC_API_KEYS=h=${OPENAI_API_KEY}\r\n"
            ).encode("utf-16")
        )
        ran = lm_eval(
            [
                *("run", "--model", "local-chat-completions", "--apply_chat_template"),
                *("--model_args", f"model=m,base_url={model.chat_url},num_concurrent=4,max_retries=1"),
                *("--tasks", "persona_main", "--output_path", "out", "--log_samples", *HERE.flags),
            ],
            cwd=tmp_path,
            OPENAI_API_KEY=SHELL,
            OPENAI_ORG_ID="org-distinctive",
            AWS_SECRET_ACCESS_KEY=OTHER,
        )
    assert ran.code == 0, ran.stderr
    host = critic.base_url.split("/")[2]
    assert {headers["Authorization"] for _, _, headers in model.log} == {f"Bearer {SHELL}"}
    assert critic.counts["critic"] > 0
    sent = str(critic.log)
    assert not any(secret in sent for secret in (SHELL, OTHER, "org-distinctive"))
    assert ran.stderr.count(f".env names the critic's host: {host} (c)") == 1
    assert (
        ran.stderr.count(f"no key is sent to {host}, which .env names: OPENAI_API_KEY (environment) is for OpenAI") == 1
    )
    assert not any(secret in ran.everything() for secret in (SHELL, OTHER))


@pytest.mark.slow
@pytest.mark.parametrize("spelling", ["key=value", "JSON", "environment"])
def test_a_fleet_of_critics_is_named_on_lm_evals_own_command_line(spelling: str, tmp_path: Path) -> None:
    with Server() as model, Server(key="sk-one-distinctive-0001") as one, Server() as two:
        metadata = ["n=12", "critic_model=c", "critic_concurrency=2"]
        more = {"PERSONA_CRITIC_API_KEYS": f"{one.base_url.split('/')[2]}=sk-one-distinctive-0001"}
        if spelling == "environment":
            more["PERSONA_CRITIC_BASE_URL"] = f"{one.base_url},{two.base_url}"
        elif spelling == "JSON":
            both = f"{one.base_url},{two.base_url}"
            metadata = [json.dumps({"n": 12, "critic_model": "c", "critic_concurrency": 2, "critic_base_url": both})]
        else:
            metadata.append(f"critic_base_url={one.base_url}+{two.base_url}")
        ran = lm_eval(
            [
                *("run", "--model", "local-chat-completions", "--apply_chat_template"),
                *("--model_args", f"model=m,base_url={model.chat_url},num_concurrent=4,max_retries=1"),
                *("--tasks", "persona_main", "--output_path", "out", *HERE.flags, "--metadata", *metadata),
            ],
            cwd=tmp_path,
            **more,
        )
    assert ran.code == 0, ran.stderr
    assert min(one.counts["critic"], two.counts["critic"]) > 1
    assert one.counts["critic"] + two.counts["critic"] == 12 + 1
    assert "sk-one-distinctive-0001" not in f"{two.log}{ran.everything()}"
    assert ran.results()["configs"]["persona_main"]["metadata"]["usage"]["critic"]["calls"] == 12
