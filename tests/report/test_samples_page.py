"""Work with samples in the report's page: the list with its filters, and the sample, in a headless Chromium."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.browser import chromium, found, saved, until
from tests.report.samples_page import (
    PLAIN,
    TASKS,
    choose,
    flips,
    load_page,
    open_sample,
    results_of,
    samples_of,
    status,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed"),
]


def test_language_is_named_where_the_script_tells_it(driver: Any) -> None:
    texts = {"こんにちは、世界": "ja", "你好，世界": "zh", "안녕하세요": "ko", "שלום": "he", "Γεια σου": "el"}
    texts |= {"Hello": None, "Привет": None, "مرحبا": None, "Say こんにちは to them, please": None, "": None}  # type: ignore[dict-item]
    assert driver.execute_script("return arguments[0].map(languageOf)", list(texts)) == list(texts.values())
    script = "return named(el('p', {}, arguments[0])).lang"
    assert [driver.execute_script(script, text) for text in ("你好", "Hello")] == ["zh", ""]


def test_search_finds_parts_of_words_wherever_each_stands(driver: Any) -> None:
    find = "byId('f-text').value = arguments[0]; apply(); return [...found]"
    texts = driver.execute_script(
        "return index.rows.task.map((_, i) => i)"
        ".map((i) => [...Array(wordsRead.ends[i + 1] - wordsRead.ends[i])]"
        ".map((_, k) => wordsRead.texts[wordsRead.held[wordsRead.ends[i] + k]]).join(' '))"
    )
    assert len(texts) == 180
    for search in ("small", "CHEAP rout", "evise female", "zzqxj", "e"):
        wanted = [i for i, text in enumerate(texts) if all(word in text for word in search.lower().split())]
        assert driver.execute_script(find, search) == wanted


# -- list ---------------------------------------------------------------------------------------------------------------


def test_leave_one_out_rows_name_their_flips(folder: Path, driver: Any) -> None:
    choose(driver, "f-task", "persona_loo · model-a")
    script = "return found.map((p) => [index.rows.doc[p], summaryOf(p)])"
    said = dict(driver.execute_script(script))
    assert len(said) == 30
    for sample in samples_of(folder, "persona_loo"):
        turned = flips(sample)
        words = said[sample["doc_id"]].partition(" · ")[2]
        assert set(words.removeprefix("flips: ").split(", ")) == (turned or {"no flips"})
    wanted = sum("sex" in flips(s) for s in samples_of(folder, "persona_loo"))
    label = "return [...byId('f-flips').options].find((o) => o.text.startsWith('sex')).text"
    assert 0 < wanted < 30
    assert driver.execute_script(label) == f"sex ({wanted})"
    choose(driver, "f-flips", "sex")
    assert status(driver) == wanted


def test_attempts_are_summed_and_sort_by_successes(driver: Any) -> None:
    choose(driver, "f-task", "persona_pass_at_k · model-a")
    driver.execute_script("orderBy('good')")
    good = driver.execute_script("return found.map((p) => index.rows.good[p])")
    assert good == sorted(good, reverse=True)
    assert len(set(good)) > 1
    assert " of 3" in driver.execute_script("return document.querySelector('#rows .summary').textContent")
    driver.execute_script("orderBy('good')")
    assert driver.execute_script("return found.map((p) => index.rows.good[p])") == sorted(good)


def test_filters_combine_and_count_what_the_others_leave(driver: Any) -> None:
    choose(driver, "f-task", "persona_main · model-a")
    choose(driver, "f-attribute", "sex")
    choose(driver, "f-value", "Female")
    women = status(driver)
    choose(driver, "f-attribute-2", "age")
    counted = driver.execute_script(
        "return [...byId('f-value-2').options].slice(1).map((o) => Number(/\\((\\d+)\\)$/.exec(o.text)[1]))"
    )
    assert sum(counted) == women
    at = counted.index(max(counted)) + 1
    driver.execute_script(
        "const s = byId('f-value-2'); s.selectedIndex = arguments[0]; s.dispatchEvent(new Event('change'))", at
    )
    assert 0 < status(driver) == max(counted) < women
    # The value that is chosen counts as if it were not: its own filter does not narrow it.
    assert driver.execute_script("return byId('f-value').options[byId('f-value').selectedIndex].text").startswith(
        "Female"
    )


def test_missing_verdicts_are_found_by_their_reason(folder: Path, driver: Any) -> None:
    lost = sum(bool(r["answer_failure"]) for s in samples_of(folder, "persona_main") for r in results_of(s))
    late = sum(
        (r["verdict"] or {}).get("missing") == "timeout"
        for s in samples_of(folder, "persona_main")
        for r in results_of(s)
    )
    assert late + lost
    choose(driver, "f-task", "persona_main · model-a")
    for reason, count in [(r, n) for r, n in (("timeout", late), ("empty reply", lost)) if n]:
        choose(driver, "f-why", reason)
        assert status(driver) == count


def test_search_terms_are_marked_in_list_and_sample(driver: Any) -> None:
    driver.execute_script("byId('f-text').value = 'halve IT <script> .*'; apply()")
    assert driver.execute_script("return searched()") == ["halve", "it", "<script>", ".*"]
    driver.execute_script("byId('f-text').value = 'halve it'; apply(); open(0)")
    until(lambda: driver.execute_script("return document.querySelectorAll('#d-main mark').length"))
    marks = set(
        driver.execute_script(
            "return [...document.querySelectorAll('#d-main mark')].map((m) => m.textContent.toLowerCase())"
        )
    )
    assert marks == {"halve", "it"}


def test_filtered_rows_are_exported_with_nothing_a_spreadsheet_runs(folder: Path, driver: Any) -> None:
    choose(driver, "f-task", "persona_main · model-a")
    for name in ("csv", "jsonl"):
        driver.execute_script("byId(arguments[0]).click()", f"e-{name}")
    table, texts = (saved(folder / "saved" / f"samples.{name}") for name in ("csv", "jsonl"))
    rows = list(csv.DictReader(io.StringIO(table.read_bytes().decode("utf-8-sig"))))
    lines = [json.loads(line) for line in texts.read_text(encoding="utf-8").splitlines()]
    known = {s["doc_id"]: s for s in samples_of(folder, "persona_main")}
    assert [int(r["document"]) for r in rows] == [line["document"] for line in lines] == sorted(known)
    assert rows[3]["answer"].startswith("'=HYPERLINK")
    for line in lines:
        (variant,) = line["variants"]
        doc = known[line["document"]]
        assert line["persona"] == {k: v for k, v in doc["doc"]["persona"].items() if v is not None}
        assert variant["answer"][:100] == (results_of(doc)[0]["answer"] or "")[:100]
    (prompt,) = lines[0]["variants"][0]["prompt"]
    assert prompt == json.loads(known[0]["arguments"]["gen_args_0"]["arg_0"][0])[0]


# -- sample -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("document", [1, 2, 3])
def test_hostile_texts_stay_texts_in_every_view(driver: Any, task: str, document: int) -> None:
    text = open_sample(driver, task, document)
    driver.execute_script("document.querySelector('.same').open = true")
    until(lambda: driver.execute_script("return document.querySelector('.compared .side')"))
    assert driver.execute_script("return window.hacked === undefined")
    inside = (
        "dialog a, dialog img, dialog script, dialog svg, dialog iframe, dialog [onclick], dialog [href], dialog [src]"
    )
    assert driver.execute_script("return document.querySelectorAll(arguments[0]).length", inside) == 0
    if document == 1:
        assert "<script>window.hacked = 1</script>" in text
        assert "click (javascript:window.hacked=2)" in text
        # A text that turns the direction does so for its own line alone.
        assert driver.execute_script("return getComputedStyle(byId('d-main')).direction") == "ltr"
    assert driver.execute_script("return byId('sample').scrollWidth <= byId('sample').clientWidth")


def test_markdown_is_drawn_and_m_shows_it_as_written(driver: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    open_sample(driver, "persona_main", 4)
    shown = """return ['.md-h2', '.md strong', '.md em', '.md ol > li', '.md ul > li', '.md td'].map(
        (s) => document.querySelector(`.answer ${s}`)?.textContent)"""
    heading, strong, em, item, nested, cell = driver.execute_script(shown)
    assert (heading, strong, em, nested, cell) == ("A plan", "what", "do", "nested", "Rent")
    assert item.startswith("Start small")
    ActionChains(driver).send_keys("m").perform()
    until(lambda: driver.execute_script("return document.querySelector('.answer .text')?.textContent") == PLAIN)
    ActionChains(driver).send_keys("m").perform()
    until(lambda: driver.execute_script("return document.querySelector('.answer .md-h2')"))


def test_persona_stands_beside_the_answer_what_bears_on_the_question_first(folder: Path, driver: Any) -> None:
    sample = samples_of(folder, "persona_main")[5]
    open_sample(driver, "persona_main", 5)
    names = driver.execute_script("return [...document.querySelectorAll('#d-persona dt')].map((d) => d.textContent)")
    stated = [k for k, v in sample["doc"]["persona"].items() if v is not None]
    bears = [n for grade in ("decides", "colours") for n in sample["doc"]["bears"][grade] if n in stated]
    assert names[: len(bears)] == bears
    assert sorted(names) == sorted(stated)
    driver.execute_script("byId('d-body').scrollTop = 1e6")
    top, bottom = driver.execute_script("const r = byId('d-persona').getBoundingClientRect(); return [r.top, r.bottom]")
    assert top >= 0
    assert bottom > 200


def test_prompt_is_shown_as_it_was_sent(folder: Path, driver: Any) -> None:
    for task, number in (("persona_main", 0), ("persona_loo", 1), ("persona_pass_at_k", 2)):
        sample = samples_of(folder, task)[6]
        open_sample(driver, task, 6)
        script = """return sampleAt(shownAt).then((all) => all[arguments[0]]).then(
            (variant) => [promptOf(variant, shownAt), sentText(variant.sent[1])])"""
        prompt, sampling = driver.execute_script(script, number)
        given = sample["arguments"][f"gen_args_{number}"]
        assert prompt == [[m["role"], m["content"]] for m in json.loads(given["arg_0"][0])]
        assert sampling == given["arg_1"]


def test_votes_are_tallied_with_their_cost(driver: Any) -> None:
    text = open_sample(driver, "persona_main", 7)
    assert "2 votes: " in text
    assert "900 + 160 tokens · 1.5 s" in text
    assert "critic-x: " in text


def test_flips_come_first_among_the_variants(folder: Path, driver: Any) -> None:
    document = next(s["doc_id"] for s in samples_of(folder, "persona_loo") if 0 < len(flips(s)) < 4)
    open_sample(driver, "persona_loo", document)
    turned = driver.execute_script(
        "return [...document.querySelectorAll('.chips:not(.same .chips) button')].map((b) => b.classList.contains('flip'))"
    )
    assert turned == sorted(turned, reverse=True)
    assert True in turned
    assert False in turned


def test_strip_of_attempts_leads_to_each(driver: Any) -> None:
    open_sample(driver, "persona_pass_at_k", 8)
    driver.execute_script("document.querySelectorAll('.strip button')[2].click()")
    assert driver.execute_script("return document.querySelectorAll('.attempts > li > details')[2].open")
    assert "variant=attempt+3" in driver.execute_script("return location.hash")


def test_drawer_holds_the_persona_on_a_phone(folder: Path) -> None:
    with chromium(width=390, height=844) as phone:
        load_page(phone, folder)
        open_sample(phone, "persona_loo", 4)
        shown = "return getComputedStyle(byId('d-persona')).display !== 'none'"
        assert not phone.execute_script(shown)
        phone.execute_script("byId('d-who').click()")
        assert phone.execute_script(shown)
        assert phone.execute_script("return byId('sample').scrollWidth") <= 390
        assert phone.execute_script("return document.documentElement.scrollWidth") <= 390
