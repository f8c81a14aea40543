"""Work with samples in the report's page: list and filters, the sample, links, pairs and labels, in a headless Chromium."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.labels.items import key_of
from persona_metrics.labels.read import read_labels
from persona_metrics.report import write_report
from persona_metrics.runs.read import read_samples
from tests.fakes.browser import chromium, found
from tests.fakes.runs import Planted, Texts, write_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed"),
]

RTL = "\u202eשלום \u202dمرحبا"
HOSTILE = "\n\n".join(
    (
        "# <script>window.hacked = 1</script>",
        "[click](javascript:window.hacked=2) ![x](x onerror=window.hacked=3) <javascript:window.hacked=4>",
        "> <img src=x onerror=window.hacked=5>",
        "- **<svg onload=window.hacked=6>**\n  - `<b onclick=window.hacked=7>`",
        '| <iframe srcdoc="<script>parent.hacked=8</script>"> | b |\n| --- | --- |\n| a | b |',
        "```html\n<script>window.hacked = 9</script>\n```",
        RTL,
    )
)
DEEP = "> " * 3000 + "- " * 3000 + "*" * 2000 + "[" * 2000 + "`" * 999
LONG_LINE = "=HYPERLINK(1) " + "*a **b `c [d](e " * 6250
PLAIN = "## A plan\n\nHere is **what** I'd *do*:\n\n1. Start small\n   - nested\n2. Go on\n\n"
PLAIN += "| Item | Cost |\n| --- | --: |\n| Rent | 900 |"
TASKS = ("persona_main", "persona_loo", "persona_pass_at_k")


def _answer(pair: Any, variant: Any, text: str) -> str:
    del variant
    return {1: HOSTILE, 2: DEEP, 3: LONG_LINE, 4: PLAIN}.get(int(pair.id), text)


def _planted(salt: str) -> Planted:
    rate = lambda _, variant: 0.7 if not variant.dropped else 0.45  # noqa: E731
    return Planted(rate, missing=0.12, failures=0.1, texts=Texts(answer=_answer), salt=salt)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, three tasks, 30 pairs each, two critics; the report on them in ``out``."""
    place = tmp_path_factory.mktemp("samples")
    given = {"n": 30, "k": 3, "attributes": "age,sex,religion", "critic_model": "critic-x,critic-y"}
    runs = [write_run(place, TASKS, model=m, planted=_planted(m), **given) for m in ("model-a", "model-b")]  # type: ignore[arg-type]
    write_report(runs, place / "out", figures=False)
    return place


@pytest.fixture(scope="module")
def browser(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests of this file; it saves files into ``folder``/saved."""
    assert found(), "CI installs chromium and chromium-driver"
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        saved = folder / "saved"
        saved.mkdir()
        opened.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(saved)})
        yield opened
        assert [line["message"] for line in opened.get_log("browser")] == []


@pytest.fixture
def driver(folder: Path, browser: Any) -> Any:
    """The browser with the page fresh: no hash, no draft."""
    if browser.current_url.startswith("file:"):
        browser.execute_script("localStorage.clear(); book.own = {}; book.saved = {}")
    _load(browser, folder)
    return browser


def _load(driver: Any, folder: Path, place: str = "") -> None:
    # Another query each time: with the same address the browser would only go to the hash.
    _load.count = getattr(_load, "count", 0) + 1  # type: ignore[attr-defined]
    driver.get(f"{(folder / 'out' / 'report.html').as_uri()}?{_load.count}{place}")  # type: ignore[attr-defined]
    _until(lambda: driver.execute_script("return document.body.dataset.searchable"))


def _until(ready: Any, seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (value := ready()):
        assert time.monotonic() < end, "the page did not get there"
        time.sleep(0.05)
    return value


def _choose(driver: Any, name: str, text: str) -> None:
    script = """const s = document.getElementById(arguments[0]);
        s.selectedIndex = [...s.options].findIndex((o) => o.text.startsWith(arguments[1]));
        if (s.selectedIndex < 0) throw new Error(arguments[1]);
        s.dispatchEvent(new Event('change'))"""
    driver.execute_script(script, name, text)


def _open(driver: Any, task: str, document: int, model: str = "model-a") -> str:
    script = """const [task, model, doc] = arguments;
        openPosition(index.rows.task.findIndex((_, i) =>
            taskOf(i).task === task && taskOf(i).model === model && index.rows.doc[i] === doc))"""
    driver.execute_script(script, task, model, document)
    shown = "return byId('sample').open && index.rows.doc[shownAt] === arguments[0]"
    _until(lambda: driver.execute_script(shown, document))
    time.sleep(0.1)
    return str(driver.execute_script("return byId('d-main').textContent"))


def _samples(folder: Path, task: str, model: str = "model-a") -> list[dict[str, Any]]:
    (path,) = (folder / model).glob(f"samples_{task}_2*.jsonl")
    return list(read_samples(path))


def _results(sample: dict[str, Any]) -> list[dict[str, Any]]:
    return list(sample["filtered_resps"][0])


def _status(driver: Any) -> int:
    return int(driver.execute_script("return byId('status').textContent").split()[0])


# -- list ---------------------------------------------------------------------------------------------------------------


def _flips(sample: dict[str, Any]) -> set[str]:
    fits = {}
    for result in _results(sample):
        verdict = False if result["answer_failure"] else result["verdict"]["personalized"]
        fits[result["variant"]] = verdict
    whole = fits.pop("whole")
    return {n.removeprefix("without ") for n, v in fits.items() if None not in (v, whole) and v != whole}


def test_leave_one_out_rows_name_their_flips(folder: Path, driver: Any) -> None:
    _choose(driver, "f-task", "persona_loo · model-a")
    script = "return found.map((p) => [index.rows.doc[p], summaryOf(p)])"
    said = dict(driver.execute_script(script))
    assert len(said) == 30
    for sample in _samples(folder, "persona_loo"):
        flips = _flips(sample)
        words = said[sample["doc_id"]].partition(" · ")[2]
        assert set(words.removeprefix("flips: ").split(", ")) == (flips or {"no flips"})
    wanted = sum("sex" in _flips(s) for s in _samples(folder, "persona_loo"))
    label = "return [...byId('f-flips').options].find((o) => o.text.startsWith('sex')).text"
    assert 0 < wanted < 30
    assert driver.execute_script(label) == f"sex ({wanted})"
    _choose(driver, "f-flips", "sex")
    assert _status(driver) == wanted


def test_attempts_are_summed_and_sort_by_successes(driver: Any) -> None:
    _choose(driver, "f-task", "persona_pass_at_k · model-a")
    driver.execute_script("orderBy('good')")
    good = driver.execute_script("return found.map((p) => index.rows.good[p])")
    assert good == sorted(good, reverse=True)
    assert len(set(good)) > 1
    assert " of 3" in driver.execute_script("return document.querySelector('#rows .summary').textContent")
    driver.execute_script("orderBy('good')")
    assert driver.execute_script("return found.map((p) => index.rows.good[p])") == sorted(good)


def test_filters_combine_and_count_what_the_others_leave(driver: Any) -> None:
    _choose(driver, "f-task", "persona_main · model-a")
    _choose(driver, "f-attribute", "sex")
    _choose(driver, "f-value", "Female")
    women = _status(driver)
    _choose(driver, "f-attribute-2", "age")
    counted = driver.execute_script(
        "return [...byId('f-value-2').options].slice(1).map((o) => Number(/\\((\\d+)\\)$/.exec(o.text)[1]))"
    )
    assert sum(counted) == women
    at = counted.index(max(counted)) + 1
    driver.execute_script(
        "const s = byId('f-value-2'); s.selectedIndex = arguments[0]; s.dispatchEvent(new Event('change'))", at
    )
    assert 0 < _status(driver) == max(counted) < women
    # The value that is chosen counts as if it were not: its own filter does not narrow it.
    assert driver.execute_script("return byId('f-value').options[byId('f-value').selectedIndex].text").startswith(
        "Female"
    )


def test_missing_verdicts_are_found_by_their_reason(folder: Path, driver: Any) -> None:
    lost = sum(bool(r["answer_failure"]) for s in _samples(folder, "persona_main") for r in _results(s))
    late = sum(
        (r["verdict"] or {}).get("missing") == "timeout" for s in _samples(folder, "persona_main") for r in _results(s)
    )
    assert late + lost
    _choose(driver, "f-task", "persona_main · model-a")
    for reason, count in [(r, n) for r, n in (("timeout", late), ("empty reply", lost)) if n]:
        _choose(driver, "f-why", reason)
        assert _status(driver) == count


def test_search_terms_are_marked_in_list_and_sample(driver: Any) -> None:
    driver.execute_script("byId('f-text').value = 'halve IT <script> .*'; apply()")
    assert driver.execute_script("return searched()") == ["halve", "it", "<script>", ".*"]
    driver.execute_script("byId('f-text').value = 'halve it'; apply(); open(0)")
    _until(lambda: driver.execute_script("return document.querySelectorAll('#d-main mark').length"))
    marks = set(
        driver.execute_script(
            "return [...document.querySelectorAll('#d-main mark')].map((m) => m.textContent.toLowerCase())"
        )
    )
    assert marks == {"halve", "it"}


def test_filtered_rows_are_exported_with_nothing_a_spreadsheet_runs(folder: Path, driver: Any) -> None:
    _choose(driver, "f-task", "persona_main · model-a")
    for name in ("csv", "jsonl"):
        driver.execute_script("byId(arguments[0]).click()", f"e-{name}")
    saved = folder / "saved"
    _until(lambda: (saved / "samples.csv").is_file() and (saved / "samples.jsonl").is_file())
    rows = list(csv.DictReader(io.StringIO((saved / "samples.csv").read_bytes().decode("utf-8-sig"))))
    lines = [json.loads(line) for line in (saved / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    known = {s["doc_id"]: s for s in _samples(folder, "persona_main")}
    assert [int(r["document"]) for r in rows] == [line["document"] for line in lines] == sorted(known)
    assert rows[3]["answer"].startswith("'=HYPERLINK")
    for line in lines:
        (variant,) = line["variants"]
        doc = known[line["document"]]
        assert line["persona"] == {k: v for k, v in doc["doc"]["persona"].items() if v is not None}
        assert variant["answer"][:100] == (_results(doc)[0]["answer"] or "")[:100]
    (prompt,) = lines[0]["variants"][0]["prompt"]
    assert prompt == json.loads(known[0]["arguments"]["gen_args_0"]["arg_0"][0])[0]


# -- sample -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("document", [1, 2, 3])
def test_hostile_texts_stay_texts_in_every_view(driver: Any, task: str, document: int) -> None:
    text = _open(driver, task, document)
    driver.execute_script("document.querySelector('.same').open = true")
    _until(lambda: driver.execute_script("return document.querySelector('.compared .side')"))
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

    _open(driver, "persona_main", 4)
    shown = """return ['.md-h2', '.md strong', '.md em', '.md ol > li', '.md ul > li', '.md td'].map(
        (s) => document.querySelector(`.answer ${s}`)?.textContent)"""
    heading, strong, em, item, nested, cell = driver.execute_script(shown)
    assert (heading, strong, em, nested, cell) == ("A plan", "what", "do", "nested", "Rent")
    assert item.startswith("Start small")
    ActionChains(driver).send_keys("m").perform()
    _until(lambda: driver.execute_script("return document.querySelector('.answer .text')?.textContent") == PLAIN)
    ActionChains(driver).send_keys("m").perform()
    _until(lambda: driver.execute_script("return document.querySelector('.answer .md-h2')"))


def test_persona_stands_beside_the_answer_what_bears_on_the_question_first(folder: Path, driver: Any) -> None:
    sample = _samples(folder, "persona_main")[5]
    _open(driver, "persona_main", 5)
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
        sample = _samples(folder, task)[6]
        _open(driver, task, 6)
        script = """return sampleAt(shownAt).then((all) => all[arguments[0]]).then(
            (variant) => [promptOf(variant, shownAt), sentText(variant.sent[1])])"""
        prompt, sampling = driver.execute_script(script, number)
        given = sample["arguments"][f"gen_args_{number}"]
        assert prompt == [[m["role"], m["content"]] for m in json.loads(given["arg_0"][0])]
        assert sampling == given["arg_1"]


def test_votes_are_tallied_with_their_cost(driver: Any) -> None:
    text = _open(driver, "persona_main", 7)
    assert "2 votes: " in text
    assert "900 + 160 tokens · 1.5 s" in text
    assert "critic-x: " in text


def test_flips_come_first_among_the_variants(folder: Path, driver: Any) -> None:
    document = next(s["doc_id"] for s in _samples(folder, "persona_loo") if 0 < len(_flips(s)) < 4)
    _open(driver, "persona_loo", document)
    turned = driver.execute_script(
        "return [...document.querySelectorAll('.chips:not(.same .chips) button')].map((b) => b.classList.contains('flip'))"
    )
    assert turned == sorted(turned, reverse=True)
    assert True in turned
    assert False in turned


def test_strip_of_attempts_leads_to_each(driver: Any) -> None:
    _open(driver, "persona_pass_at_k", 8)
    driver.execute_script("document.querySelectorAll('.strip button')[2].click()")
    assert driver.execute_script("return document.querySelectorAll('.attempts > li > details')[2].open")
    assert "variant=attempt+3" in driver.execute_script("return location.hash")


def test_drawer_holds_the_persona_on_a_phone(folder: Path, tmp_path: Path) -> None:
    with chromium(tmp_path, width=390, height=844) as phone:
        _load(phone, folder)
        _open(phone, "persona_loo", 4)
        shown = "return getComputedStyle(byId('d-persona')).display !== 'none'"
        assert not phone.execute_script(shown)
        phone.execute_script("byId('d-who').click()")
        assert phone.execute_script(shown)
        assert phone.execute_script("return byId('sample').scrollWidth") <= 390
        assert phone.execute_script("return document.documentElement.scrollWidth") <= 390


# -- links --------------------------------------------------------------------------------------------------------------


def test_link_opens_the_same_sample_under_the_same_filters(folder: Path, driver: Any) -> None:
    _choose(driver, "f-task", "persona_loo · model-b")
    _choose(driver, "f-attribute", "sex")
    _choose(driver, "f-value", "Female")
    driver.execute_script("byId('f-text').value = 'the'; orderBy('flips'); open(1)")
    _until(lambda: driver.execute_script("return byId('sample').open"))
    driver.execute_script(
        "[...document.querySelectorAll('#d-main .chips button')].find((b) => b.dataset.name === 'without sex').click()"
    )
    place = driver.execute_script("return location.hash")
    before = driver.execute_script("return [found, shownAt]")
    _load(driver, folder, place)
    _until(lambda: driver.execute_script("return byId('sample').open"))
    assert driver.execute_script("return [found, shownAt]") == before
    assert (
        driver.execute_script("return document.querySelector('.chips [aria-pressed=true]').dataset.name")
        == "without sex"
    )


def test_back_closes_a_sample_and_leaves_the_filters(driver: Any) -> None:
    _choose(driver, "f-task", "persona_main · model-a")
    driver.execute_script("open(0)")
    _until(lambda: driver.execute_script("return byId('sample').open"))
    driver.execute_script("step(1)")
    _until(lambda: "document=1" in driver.execute_script("return location.hash"))
    driver.execute_script("history.back()")
    _until(lambda: not driver.execute_script("return byId('sample').open"))
    assert _status(driver) == 30
    # And the sample's own button leaves no step behind.
    length = driver.execute_script("return history.length")
    driver.execute_script("open(2)")
    _until(lambda: driver.execute_script("return byId('sample').open"))
    driver.execute_script("byId('d-close').click()")
    _until(lambda: "document" not in driver.execute_script("return location.hash"))
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
    _load(driver, folder, place)
    assert driver.execute_script("return window.hacked === undefined && index.rows.task.length === 180")
    assert driver.execute_script("return byId('status').textContent").endswith("of 180 samples")


# -- the same pair ------------------------------------------------------------------------------------------------------


def test_any_two_answers_to_a_pair_stand_side_by_side_word_for_word(folder: Path, driver: Any) -> None:
    _open(driver, "persona_main", 9)
    # The question and the persona are the same in all tasks: the draw has the same seed.
    driver.execute_script("document.querySelector('.same').open = true")
    chips = "return [...document.querySelectorAll('.same .chips button')].length"
    # Two models: main 1, leave-one-out 5 (whole, three attributes, none of them), three attempts.
    _until(lambda: driver.execute_script(chips) == 2 * (1 + 5 + 3))
    texts = "return [...document.querySelectorAll('.compared .side p')].map((p) => p.textContent)"
    kept = """return ['del', 'ins'].map((tag) =>
        [...document.querySelectorAll(`.compared ${tag}`)].map((n) => n.textContent).join(''))"""
    left, right = driver.execute_script(texts)
    assert left == _results(_samples(folder, "persona_main")[9])[0]["answer"]
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
        for sample in _samples(folder, "persona_main", model):
            (result,) = _results(sample)
            fits[model, sample["doc_id"]] = False if result["answer_failure"] else result["verdict"]["personalized"]
    wanted = {d for (m, d), fit in fits.items() if m == "model-a" and fit and fits["model-b", d] is False}
    assert wanted
    assert text.startswith(f"{len(wanted)} only")
    driver.execute_script("document.querySelector(`a[href='${arguments[0]}']`).click()", place)
    _until(lambda: _status(driver) == 2 * len(wanted))
    assert set(driver.execute_script("return found.map((p) => index.rows.doc[p])")) == wanted
    driver.execute_script("byId('between-clear').click()")
    assert _status(driver) == 180


# -- labels -------------------------------------------------------------------------------------------------------------


def test_labels_are_given_blind_and_saved_for_agree(folder: Path, driver: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    def press(key: str) -> None:
        ActionChains(driver).send_keys(key).perform()

    seen = _open(driver, "persona_main", 10)
    assert "Conclusion" in seen
    driver.execute_script("byId('sample').close(); byId('l-rater').value = 'RB'; byId('l-on').click()")
    _choose(driver, "f-task", "persona_main · model-a")
    assert set(
        driver.execute_script("return [...document.querySelectorAll('#rows .outcome')].map((o) => o.textContent)")
    ) <= {
        "hidden",
        "no answer",
    }
    assert driver.execute_script("return byId('f-outcome').disabled")
    known = _samples(folder, "persona_main")
    fresh = next(
        s["doc_id"]
        for s in known[12:]
        if _results(s)[0]["answer"] and _results(s)[0]["verdict"]["personalized"] is not None
    )
    text = _open(driver, "persona_main", fresh)
    assert "Conclusion" not in text
    assert "personalised" not in text
    press("2")
    _until(lambda: "Conclusion" in driver.execute_script("return byId('d-main').textContent"))
    assert driver.execute_script("return labelCode(shownAt)") == int(
        not _results(known[fresh])[0]["verdict"]["personalized"]
    )
    driver.execute_script("byId('sample').close()")
    _open(driver, "persona_main", 10)
    press("1")
    driver.execute_script("byId('sample').close(); byId('l-save').click()")
    path = folder / "saved" / "labels-RB-report.jsonl"
    _until(path.is_file)
    labels, notes = read_labels([path])
    assert not notes
    by_key = {one.key: one for one in labels}
    keys = {
        d: key_of(known[d]["doc"]["persona"], known[d]["doc"]["question"], _results(known[d])[0]["answer"])
        for d in (10, fresh)
    }
    assert set(by_key) == set(keys.values())
    assert (by_key[keys[fresh]].label, by_key[keys[fresh]].blind) == ("no", True)
    # The debate of this one was open before it was labelled.
    assert (by_key[keys[10]].label, by_key[keys[10]].blind) == ("yes", False)
    assert driver.execute_script("return byId('l-status').textContent") == "2 labels, all saved"
