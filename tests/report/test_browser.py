"""The report's page in a headless Chromium: nothing that a model or a persona wrote runs, and everything can be used."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.report import write_report
from tests.fakes.browser import chromium, found, until
from tests.fakes.runs import Planted, Texts, write_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed"),
]

PAYLOADS = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    '<img src=x onerror="window.hacked = 3">',
    '"><svg onload=window.hacked=4>',
    "javascript:window.hacked=5",
    '<a href="javascript:window.hacked=6">link</a>',
    "{{ 7 * 7 }} {% for x in y %} ${window.hacked = 7} #{1}",
    "<!--<script>",
    "]]>\u2028\u2029\x00\x1b[31m",
    "$\\frac{1}{2}$ and $x",
)
BOMB = " ".join(PAYLOADS)
LONG = "a" * 1_000_000


def _planted() -> Planted:
    def answer(pair: Any, variant: Any, text: str) -> str:
        del variant
        return {1: BOMB, 2: LONG + BOMB}.get(int(pair.id), text)

    def persona(pair: Any, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "religion": BOMB, "lifestyle": LONG} if int(pair.id) == 1 else values

    texts = Texts(
        answer=answer,
        debate=lambda pair, variant, text: BOMB if int(pair.id) == 1 else text,  # noqa: ARG005
        question=lambda pair, text: BOMB if int(pair.id) == 1 else text,
        persona=persona,
    )
    return Planted(lambda _, variant: 0.6 if not variant.dropped else 0.4, missing=0.05, texts=texts)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on one run of three tasks, hostile texts in it; 120 samples of main."""
    folder = tmp_path_factory.mktemp("page")
    tasks = ("persona_main", "persona_loo", "persona_pass_at_k")
    run = write_run(
        folder, tasks, model="org/<b>m</b>", planted=_planted(), n=60, k=3, attributes="age,sex", critic_model="c"
    )
    write_report([run], folder / "out")
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def driver(page: Path) -> Iterator[Any]:
    """One window for all tests of this file."""
    assert found(), "CI installs chromium and chromium-driver"
    with chromium() as opened:
        opened.get(page.as_uri())
        until(lambda: opened.execute_script("return document.body.dataset.searchable"))
        yield opened


def _choose(driver: Any, name: str, text: str) -> None:
    script = """const s = document.getElementById(arguments[0]);
        s.selectedIndex = [...s.options].findIndex((o) => o.text.startsWith(arguments[1]));
        if (s.selectedIndex < 0) throw new Error(arguments[1]);
        s.dispatchEvent(new Event('change'))"""
    driver.execute_script(script, name, text)


def _search(driver: Any, text: str, found: int) -> None:
    script = "const f = document.getElementById('f-text'); f.value = arguments[0]; f.dispatchEvent(new Event('input'))"
    driver.execute_script(script, text)
    until(lambda: _status(driver).startswith(f"{found} of 180 "))


def _status(driver: Any) -> str:
    return str(driver.execute_script("return document.getElementById('status').textContent"))


def _clear(driver: Any) -> None:
    driver.execute_script("document.getElementById('filters').reset()")
    until(lambda: _status(driver) == "180 of 180 samples")


def _open(driver: Any, task: str, document: int) -> str:
    """Open a document of a task and return the dialog's text."""
    _clear(driver)
    _choose(driver, "f-task", task)
    driver.execute_script("open(found.findIndex((p) => index.rows.doc[p] === arguments[0]))", document)
    shown = "return document.getElementById('sample').open && index.rows.doc[shownAt] === arguments[0]"
    until(lambda: driver.execute_script(shown, document))
    text = str(driver.execute_script("return document.getElementById('d-body').textContent"))
    driver.execute_script("document.getElementById('sample').close()")
    return text


def test_policy_lets_only_the_pages_own_script_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = policy[1].replace("&#39;", "'")
    assert rules.startswith("default-src 'none'")
    assert "unsafe" not in rules
    for tag in ("script", "style"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)


def test_hostile_texts_run_nothing(driver: Any) -> None:
    for task in ("persona_main", "persona_loo", "persona_pass_at_k"):
        text = _open(driver, task, 1)
        for payload in PAYLOADS[:7]:
            assert payload in text
    assert driver.execute_script("return window.hacked === undefined")
    assert (
        driver.execute_script(
            "return document.querySelectorAll('dialog a, dialog img, dialog script, dialog svg').length"
        )
        == 0
    )
    assert driver.execute_script("return document.querySelector('h1').textContent") == "org/<b>m</b>"


def test_console_stays_silent(driver: Any) -> None:
    assert [line["message"] for line in driver.get_log("browser")] == []


def test_megabyte_answer_is_cut_and_says_where_the_rest_is(driver: Any) -> None:
    text = _open(driver, "persona_main", 2)
    assert len(text) < 40_000
    assert "Cut after 16,000 of 1,000" in text
    assert "document 2 in samples_persona_main_" in text


def test_filters_count_what_the_samples_file_holds(driver: Any) -> None:
    _clear(driver)
    _choose(driver, "f-task", "persona_main")
    counts = []
    for outcome in ("personalised", "needs revision", "no verdict"):
        _choose(driver, "f-outcome", outcome)
        counts.append(int(_status(driver).split()[0]))
    assert sum(counts) == 60
    assert min(counts[:2]) > 5
    rows = driver.execute_script("return [...document.querySelectorAll('#rows .outcome')].map((e) => e.textContent)")
    assert set(rows) <= {"no verdict"}


def test_attribute_filter_keeps_only_that_group(driver: Any) -> None:
    _clear(driver)
    _choose(driver, "f-attribute", "sex")
    labels = driver.execute_script("return [...document.getElementById('f-value').options].map((o) => o.text)")
    assert {t.split()[0] for t in labels[1:]} == {"Male", "Female"}
    _choose(driver, "f-value", "Female")
    shown = driver.execute_script("return [...document.querySelectorAll('#rows .who')].map((e) => e.textContent)")
    assert shown
    assert all("· Female ·" in who for who in shown)


def test_search_finds_texts_of_answers_and_debates_alone(driver: Any) -> None:
    _clear(driver)
    # Document 1 of each of the three tasks; document 2 says it after its millionth character, where the page is cut.
    _search(driver, "WINDOW.hacked", found=3)
    _search(driver, "zzqxj", found=0)


def test_table_sorts_by_number_both_ways_and_tells_assistive_technology(driver: Any) -> None:
    script = """const tables = [...document.querySelectorAll('table.sortable')];
        const table = tables.find((t) => t.tHead.textContent.includes('attribute'));
        const heads = [...table.tHead.rows[0].cells];
        const n = heads.findIndex((c) => c.textContent.trim() === 'n');
        heads[n].querySelector('button').click();
        const numbers = [...table.tBodies[0].rows].map((r) => Number(r.cells[n].textContent.replaceAll(',', '')));
        return [heads[n].getAttribute('aria-sort'), numbers]"""
    for direction, reverse in (("descending", True), ("ascending", False)):
        said, numbers = driver.execute_script(script)
        assert said == direction
        assert numbers == sorted(numbers, reverse=reverse)


def test_leave_one_out_marks_the_dropped_attribute(driver: Any) -> None:
    _clear(driver)
    _choose(driver, "f-task", "persona_loo")
    driver.execute_script("open(0)")
    until(lambda: driver.execute_script("return document.querySelectorAll('.chips button').length"))
    script = """[...document.querySelectorAll('.chips button')].find((b) => b.dataset.name === 'without age').click();
        return [...document.querySelectorAll('.persona .out dt')].map((e) => e.textContent)"""
    assert driver.execute_script(script) == ["age"]
    assert driver.execute_script("return document.querySelectorAll('.pair .answer').length") == 2
    driver.execute_script("document.getElementById('sample').close()")


def test_list_and_sample_say_what_bears_on_the_question(driver: Any) -> None:
    _clear(driver)
    _choose(driver, "f-task", "persona_main")
    listed = driver.execute_script("return [...document.querySelectorAll('#rows .bears')].map((e) => e.textContent)")
    assert len(listed) == 50
    assert all(text.startswith(("bears: decides ", "bears: colours ")) for text in listed)
    assert "Bears on the question: " in _open(driver, "persona_main", 3)


def test_attempts_stand_in_order(driver: Any) -> None:
    _clear(driver)
    _choose(driver, "f-task", "persona_pass_at_k")
    driver.execute_script("open(0)")
    script = "return [...document.querySelectorAll('.attempts summary span:first-child')].map((e) => e.textContent)"
    names = until(lambda: driver.execute_script(script))
    assert names == ["Attempt 1", "Attempt 2", "Attempt 3"]
    driver.execute_script("document.getElementById('sample').close()")


def test_keyboard_alone_opens_a_sample_turns_to_the_next_and_comes_back(driver: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    _clear(driver)
    driver.execute_script("[...document.querySelectorAll('#orders button')].pop().focus()")
    press = lambda key: ActionChains(driver).send_keys(key).perform()  # noqa: E731
    press(Keys.TAB)
    assert driver.execute_script("return document.activeElement.parentElement.parentElement.id") == "rows"
    press(Keys.ENTER)
    until(lambda: driver.execute_script("return document.getElementById('sample').open"))
    press(Keys.ARROW_RIGHT)
    until(lambda: driver.execute_script("return document.getElementById('d-where').textContent") == "2 of 180")
    press(Keys.ESCAPE)
    until(lambda: not driver.execute_script("return document.getElementById('sample').open"))
    until(lambda: driver.execute_script("return document.activeElement.dataset.position == found[1]"))


def test_phone_needs_no_sideways_scrolling(page: Path) -> None:
    with chromium(width=390, height=844) as phone:
        phone.get(page.as_uri())
        until(lambda: phone.execute_script("return document.body.dataset.ready"))
        assert phone.execute_script("return document.documentElement.scrollWidth") <= 390


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on two models in two modes, its sections folded."""
    folder = tmp_path_factory.mktemp("compared")
    for model in ("org/model-a", "org/model-b"):
        for mode in ("", "_baseline"):
            stamp = f"2026-03-01T10-00-00.{len(mode):06d}"
            write_run(folder / "runs", (f"persona_main{mode}",), model=model, n=40, by="sex,age", stamp=stamp)
    write_report([folder / "runs"], folder / "out")
    return folder / "out" / "report.html"


def test_cell_of_the_overview_unfolds_its_section(compared: Path) -> None:
    with chromium() as driver:
        driver.get(compared.as_uri())
        script = """const cell = document.querySelector('.overview td a');
            return document.querySelector(cell.getAttribute('href')).closest('details').open"""
        assert not driver.execute_script(script)
        driver.execute_script("document.querySelector('.overview td a').click()")
        until(lambda: driver.execute_script(script))


def test_phone_gets_its_own_form_of_each_figure(compared: Path) -> None:
    own = "return [...document.querySelectorAll('figure img')].map((i) => i.currentSrc !== i.src && i.naturalWidth > 0)"
    for width, form in ((390, True), (1280, False)):
        with chromium(width=width) as driver:
            driver.get(compared.as_uri())
            driver.execute_script("for (const e of document.querySelectorAll('details.fold')) e.open = true")
            until(lambda driver=driver, form=form: set(driver.execute_script(own)) == {form})


def test_print_is_light_whole_and_without_frames(compared: Path) -> None:
    with chromium(dark=True) as driver:
        driver.get(compared.as_uri())
        driver.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert driver.execute_script("return [...document.querySelectorAll('details.fold')].every((d) => d.open)")
        dark = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        script = """const of = (s) => getComputedStyle(document.querySelector(s));
            return [of('body').backgroundColor, of('figure img').filter, of('.scroll').maxHeight, of('#samples').display]"""
        assert driver.execute_script(script) == ["rgb(255, 255, 255)", "none", "none", "none"]
        # 250 mm at 96 px an inch: no picture is higher than a page.
        heights = driver.execute_script(
            "return [...document.querySelectorAll('figure img')].map((i) => i.offsetHeight)"
        )
        assert max(heights) <= 945
        driver.execute_script("dispatchEvent(new Event('afterprint'))")
        assert not driver.execute_script("return [...document.querySelectorAll('details.fold')].every((d) => d.open)")


def test_print_from_a_dark_screen_has_the_light_heat_map(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", ("persona_intersection",), cross="sex,age", min_support=2, n=60)
    write_report([run], tmp_path / "out")
    shown = """return [...document.querySelectorAll('picture[class]')]
        .filter((p) => p.querySelector('img').offsetHeight).map((p) => p.className)"""
    with chromium(dark=True) as driver:
        driver.get((tmp_path / "out" / "report.html").as_uri())
        assert driver.execute_script(shown) == ["on-dark"]
        dark = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        assert driver.execute_script(shown) == ["on-light"]


def test_paper_has_no_heading_of_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", ("persona_main",), n=20, planted=Planted(missing=1.0))
    write_report([run], tmp_path / "out")
    shown = "return [...document.querySelectorAll('#figures h2, #figures h3')].filter((h) => h.offsetHeight).length"
    with chromium() as driver:
        driver.get((tmp_path / "out" / "report.html").as_uri())
        assert driver.execute_script(shown) == 2
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        assert driver.execute_script(shown) == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_tables_fit_a_desk_and_break_no_word_on_a_phone(page: Path, width: int) -> None:
    with chromium(width=width) as driver:
        driver.get(page.as_uri())
        driver.execute_script("for (const e of document.querySelectorAll('details')) e.open = true")
        wide = """return [...document.querySelectorAll('.scroll')]
            .filter((s) => s.firstElementChild.scrollWidth > s.clientWidth).map((s) => s.ariaLabel)"""
        if width == 1280:
            assert driver.execute_script(wide) == []
        # A word on one line is one rectangle.
        broken = """const found = [];
            for (const cell of document.querySelectorAll('table td, table th')) {
              const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
              while (walk.nextNode()) for (const m of walk.currentNode.data.matchAll(/[A-Za-z]{2,20}/g)) {
                const range = document.createRange();
                range.setStart(walk.currentNode, m.index); range.setEnd(walk.currentNode, m.index + m[0].length);
                if (new Set([...range.getClientRects()].map((r) => r.top)).size > 1) found.push(m[0]);
              }
            }
            return found"""
        assert driver.execute_script(broken) == []


def test_texts_have_their_own_direction_and_nothing_scrolls_smoothly(driver: Any) -> None:
    assert driver.execute_script("return document.querySelector('h1').dir") == "auto"
    assert driver.execute_script("return getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    _clear(driver)
    driver.execute_script("openPosition(0)")
    until(lambda: driver.execute_script("return document.querySelector('#d-body .md p')"))
    script = "const s = getComputedStyle(document.querySelector('#d-body .md p')); return [s.unicodeBidi, s.textAlign]"
    assert driver.execute_script(script) == ["plaintext", "start"]
    driver.execute_script("document.getElementById('sample').close()")
