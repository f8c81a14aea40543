from __future__ import annotations

import json

from persona_metrics import __version__, evaluations, settings
from persona_metrics.critic.debate import prompt_hash
from persona_metrics.dataset import sources
from persona_metrics.harness import record
from persona_metrics.personas import ATTRIBUTES
from persona_metrics.prompts import template_hash


def recorded(given: dict[str, object], **chosen: object) -> dict[str, object]:
    loaded = settings.load({"n": 5, **chosen})
    pool = sources.load_pool(loaded)
    evaluation = evaluations.build("main", loaded, pool.personas)
    pairs = sources.draw(pool, loaded.n, loaded.seed)
    return record.metadata(given, loaded, evaluation, pool, pairs)


def test_what_the_number_depends_on_is_recorded() -> None:
    metadata = recorded({"version": 1.0}, critic_model="c", critic_base_url="http://host:1/v1", mode="baseline")
    assert metadata["version"] == 1.0
    assert metadata["mode"] == "baseline"
    assert metadata["source"] == "embedded"
    assert metadata["answer_template"] == template_hash("answer/baseline.jinja")
    assert metadata["critic_template"] == prompt_hash()
    assert (metadata["critic_model"], metadata["critic_endpoint"]) == ("c", "host:1")
    assert metadata["pack_version"] == __version__
    json.dumps(metadata)


def test_hashes_change_with_what_they_name_and_with_nothing_else() -> None:
    first, other = recorded({}), recorded({}, seed=1)
    assert first["data_hash"] == other["data_hash"]
    assert first["pairs_hash"] != other["pairs_hash"]
    assert recorded({}, critic_model="c")["pairs_hash"] == first["pairs_hash"]


def test_no_secret_is_recorded_whatever_the_model_is_given() -> None:
    given = {
        "api_key": "sk-secret-1",
        "openai_api_key": "sk-secret-2",
        "auth_token": "sk-secret-3",
        "header": {"Authorization": "Bearer sk-secret-4"},
        "password": "sk-secret-5",
        "base_url": "https://user:sk-secret-6@host/v1?key=sk-secret-7",
        "endpoints": ["https://host/sk-secret-0123456789abcdef/v1"],
        "extra": {"body": {"api_key": "sk-secret-10"}},
        "tokenizer": "gpt2",
        "max_gen_toks": 5,
    }
    metadata = recorded(given, critic_model="c", critic_base_url="https://u:sk-secret-8@host/v1?key=sk-secret-9")
    assert "sk-secret" not in json.dumps(metadata)
    assert metadata["tokenizer"] == "gpt2"
    assert metadata["max_gen_toks"] == 5
    assert metadata["base_url"] == "https://host/v1"
    assert metadata["critic_endpoint"] == "host"


def test_document_has_all_33_attributes_in_their_order() -> None:
    loaded = settings.load({"n": 1})
    (pair,) = sources.draw(sources.load_pool(loaded), 1, 0)
    document = record.document(pair)
    assert tuple(document["persona"]) == ATTRIBUTES
    assert document["question"] == pair.question.text


def test_warnings_say_what_makes_a_number_mean_less() -> None:
    def warned(model: str | None = "m", **chosen: object) -> str:
        return "\n".join(record.warnings(settings.load(chosen), model))

    assert (
        warned(critic_model="c")
        == "The critic c has no card: nobody knows its error. `persona-metrics exam` makes one."
    )
    assert warned() == ""
    assert "mean nothing" in warned(critic_model="embedded")
    assert "the critic m is the model under test" in warned(critic_model="c,m@http://h/v1")
    assert "mode=baseline" in warned(critic_model="c", mode="baseline")
    assert "yardstick=reduced" in warned(critic_model="c", yardstick="reduced")
