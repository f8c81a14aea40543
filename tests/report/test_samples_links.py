"""Links into the report's page, answers to a pair side by side, and labels given in it, in a headless Chromium."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.labels.items import key_of
from persona_metrics.labels.read import read_labels
from tests.fakes.browser import found, saved, until
from tests.report.samples_page import choose, load_page, open_sample, results_of, samples_of, status

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed"),
]


# -- links --------------------------------------------------------------------------------------------------------------


def test_link_opens_the_same_sample_under_the_same_filters(folder: Path, driver: Any) -> None:
    choose(driver, "f-task", "persona_loo · model-b")
    choose(driver, "f-attribute", "sex")
    choose(driver, "f-value", "Female")
    driver.execute_script("byId('f-text').value = 'the'; orderBy('flips'); open(1)")
    until(lambda: driver.execute_script("return byId('sample').open"))
    driver.execute_script(
        "[...document.querySelectorAll('#d-main .chips button')].find((b) => b.dataset.name === 'without sex').click()"
    )
    place = driver.execute_script("return location.hash")
    before = driver.execute_script("return [found, shownAt]")
    load_page(driver, folder, place)
    until(lambda: driver.execute_script("return byId('sample').open"))
    assert driver.execute_script("return [found, shownAt]") == before
    assert (
        driver.execute_script("return document.querySelector('.chips [aria-pressed=true]').dataset.name")
        == "without sex"
    )


def test_back_closes_a_sample_and_leaves_the_filters(driver: Any) -> None:
    choose(driver, "f-task", "persona_main · model-a")
    driver.execute_script("open(0)")
    until(lambda: driver.execute_script("return byId('sample').open"))
    driver.execute_script("step(1)")
    until(lambda: "document=1" in driver.execute_script("return location.hash"))
    driver.execute_script("history.back()")
    until(lambda: not driver.execute_script("return byId('sample').open"))
    assert status(driver) == 30
    # And the sample's own button leaves no step behind.
    length = driver.execute_script("return history.length")
    driver.execute_script("open(2)")
    until(lambda: driver.execute_script("return byId('sample').open"))
    driver.execute_script("byId('d-close').click()")
    until(lambda: "document" not in driver.execute_script("return location.hash"))
    assert driver.execute_script("return history.length") <= length + 1


@pytest.mark.parametrize(
    "place",
    [
        "#samples?a=[%22__proto__%22,%22x%22]&order=constructor&page=-9&between=1-999&document=1e9&in=persona_main",
        "#samples?task=%3Cscript%3E&a=%5B&a=null&why=x&outcome=NaN&q=%3Cimg%20src=x%20onerror=window.hacked=1%3E",
        "#samples?%E0%A4%A",
        "#x%22><script>window.hacked=1</script>",
    ],
)
def test_hash_of_a_stranger_does_nothing(folder: Path, driver: Any, place: str) -> None:
    load_page(driver, folder, place)
    assert driver.execute_script("return window.hacked === undefined && index.rows.task.length === 180")
    assert driver.execute_script("return byId('status').textContent").endswith("of 180 samples")


# -- the same pair ------------------------------------------------------------------------------------------------------


def test_any_two_answers_to_a_pair_stand_side_by_side_word_for_word(folder: Path, driver: Any) -> None:
    open_sample(driver, "persona_main", 9)
    # The question and the persona are the same in all tasks: the draw has the same seed.
    driver.execute_script("document.querySelector('.same').open = true")
    chips = "return [...document.querySelectorAll('.same .chips button')].length"
    # Two models: main 1, leave-one-out 5 (whole, three attributes, none of them), three attempts.
    until(lambda: driver.execute_script(chips) == 2 * (1 + 5 + 3))
    texts = "return [...document.querySelectorAll('.compared .side p')].map((p) => p.textContent)"
    kept = """return ['del', 'ins'].map((tag) =>
        [...document.querySelectorAll(`.compared ${tag}`)].map((n) => n.textContent).join(''))"""
    left, right = driver.execute_script(texts)
    assert left == results_of(samples_of(folder, "persona_main")[9])[0]["answer"]
    assert left != right
    gone, new = driver.execute_script(kept)
    assert gone
    assert new
    # What only one side has, taken away, leaves the same words on both.
    script = """return [...document.querySelectorAll('.compared .side p')].map((p) => {
        const copy = p.cloneNode(true); copy.querySelectorAll('del, ins').forEach((n) => n.remove());
        return copy.textContent.split(/\\s+/).filter(Boolean).join(' '); })"""
    one, other = driver.execute_script(script)
    assert one == other


def test_count_of_a_comparison_leads_to_its_samples(folder: Path, driver: Any) -> None:
    said = "return [...document.querySelectorAll('.counts a')].map((a) => [a.textContent, a.getAttribute('href')])"
    links = driver.execute_script(said)
    text, place = next((t, p) for t, p in links if "only model-a, not model-b" in t)
    fits = {}
    for model in ("model-a", "model-b"):
        for sample in samples_of(folder, "persona_main", model):
            (result,) = results_of(sample)
            fits[model, sample["doc_id"]] = False if result["answer_failure"] else result["verdict"]["personalized"]
    wanted = {d for (m, d), fit in fits.items() if m == "model-a" and fit and fits["model-b", d] is False}
    assert wanted
    assert text.startswith(f"{len(wanted)} only")
    driver.execute_script("document.querySelector(`a[href='${arguments[0]}']`).click()", place)
    until(lambda: status(driver) == 2 * len(wanted))
    assert set(driver.execute_script("return found.map((p) => index.rows.doc[p])")) == wanted
    driver.execute_script("byId('between-clear').click()")
    assert status(driver) == 180


# -- labels -------------------------------------------------------------------------------------------------------------


def test_labels_are_given_blind_and_saved_for_agree(folder: Path, driver: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    def press(key: str) -> None:
        ActionChains(driver).send_keys(key).perform()

    seen = open_sample(driver, "persona_main", 10)
    assert "Conclusion" in seen
    driver.execute_script("byId('sample').close(); byId('l-rater').value = 'RB'; byId('l-on').click()")
    choose(driver, "f-task", "persona_main · model-a")
    assert set(
        driver.execute_script("return [...document.querySelectorAll('#rows .outcome')].map((o) => o.textContent)")
    ) <= {
        "hidden",
        "no answer",
    }
    assert driver.execute_script("return byId('f-outcome').disabled")
    known = samples_of(folder, "persona_main")
    fresh = next(
        s["doc_id"]
        for s in known[12:]
        if results_of(s)[0]["answer"] and results_of(s)[0]["verdict"]["personalized"] is not None
    )
    text = open_sample(driver, "persona_main", fresh)
    assert "Conclusion" not in text
    assert "personalised" not in text
    press("2")
    until(lambda: "Conclusion" in driver.execute_script("return byId('d-main').textContent"))
    assert driver.execute_script("return labelCode(shownAt)") == int(
        not results_of(known[fresh])[0]["verdict"]["personalized"]
    )
    driver.execute_script("byId('sample').close()")
    open_sample(driver, "persona_main", 10)
    press("1")
    driver.execute_script("byId('sample').close(); byId('l-save').click()")
    labels, notes = read_labels([saved(folder / "saved" / "labels-RB-report.jsonl")])
    assert not notes
    by_key = {one.key: one for one in labels}
    keys = {
        d: key_of(known[d]["doc"]["persona"], known[d]["doc"]["question"], results_of(known[d])[0]["answer"])
        for d in (10, fresh)
    }
    assert set(by_key) == set(keys.values())
    assert (by_key[keys[fresh]].label, by_key[keys[fresh]].blind) == ("no", True)
    # The debate of this one was open before it was labelled.
    assert (by_key[keys[10]].label, by_key[keys[10]].blind) == ("yes", False)
    assert driver.execute_script("return byId('l-status').textContent") == "2 labels, all saved"
