from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from persona_metrics import prompts
from persona_metrics.errors import PersonaError
from persona_metrics.personas import ATTRIBUTES
from persona_metrics.prompts import MODES, environment, render, template_hash, templates_folder
from tests.conftest import full_attributes


def prompt(mode: str, question: str = "What to cook?", **changes: str) -> str:
    return render(f"answer/{mode}.jinja", persona=full_attributes(**changes), question=question)


def test_every_mode_has_a_template_and_there_are_no_others() -> None:
    files = {p.stem for p in (templates_folder() / "answer").glob("*.jinja") if not p.name.startswith("_")}
    assert files == set(MODES)


@pytest.mark.parametrize("mode", [m for m in MODES if m != "baseline"])
def test_persona_is_shown_with_all_its_attributes_and_never_to_be_quoted(mode: str) -> None:
    text = prompt(mode)
    lines = text.splitlines()
    assert all(f"- {name}: {value}" in lines for name, value in full_attributes().items())
    assert len([line for line in lines if line.startswith("- ")]) == len(ATTRIBUTES)
    assert "What to cook?" in lines
    assert "quietly" in text
    assert "repeat" in text


def test_baseline_is_the_question_alone() -> None:
    assert prompt("baseline") == "What to cook?"


def test_two_modes_ask_for_json_with_the_answer_apart() -> None:
    asked = {mode: prompt(mode).splitlines()[-1] for mode in MODES}
    assert asked["chain_of_thought"].startswith('{"reasoning": ')
    assert asked["demographic_summary"].startswith('{"summary": ')
    assert all('"answer": ' in asked[mode] for mode in ("chain_of_thought", "demographic_summary"))
    assert "{" not in prompt("output_only") + prompt("baseline")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "text", ["{{ 7 * 7 }}", "{% include 'critic/debate.jinja' %}", "{# gone #}", "<b>&amp;</b>", "\x00"]
)
def test_values_are_never_rendered_and_never_escaped(mode: str, text: str) -> None:
    assert text in prompt(mode, question=text)
    if mode != "baseline":
        assert f"- lifestyle: {text}\n" in prompt(mode, lifestyle=text)


def test_html_templates_escape_what_is_put_in() -> None:
    assert environment(html=True).from_string("{{ x }}").render(x="<script>") == "&lt;script&gt;"


def test_missing_value_is_an_error_and_no_blank() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("answer/output_only.jinja", question="q")


def test_hash_names_the_template_s_content() -> None:
    hashes = {template_hash(f"answer/{mode}.jinja") for mode in MODES}
    assert len(hashes) == len(MODES)
    assert all(len(h) == 12 for h in hashes)
    with pytest.raises(PersonaError, match="not in the package"):
        template_hash("answer/none.jinja")


def test_hash_covers_what_a_template_includes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(templates_folder(), folder)
    before = {mode: template_hash(f"answer/{mode}.jinja") for mode in MODES}
    shown = folder / "answer" / "_persona.jinja"
    shown.write_text(shown.read_text().replace("- ", "* "))
    monkeypatch.setattr(prompts, "templates_folder", lambda: folder)
    template_hash.cache_clear()
    try:
        changed = {mode for mode in MODES if template_hash(f"answer/{mode}.jinja") != before[mode]}
    finally:
        template_hash.cache_clear()
    assert changed == set(MODES) - {"baseline"}
