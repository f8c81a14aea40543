"""The leaderboard's page in a real browser: sorts, keeps still what a file planted, logs no error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from persona_metrics.cli import main
from tests.fakes.browser import chromium, until
from tests.fakes.runs import Planted, write_run

pytestmark = pytest.mark.slow

EVIL = "</script><script>document.title='pwned'</script><img src=x onerror=document.title='pwned'>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models, one named after an attack, one without samples."""
    tmp_path = tmp_path_factory.mktemp("leaderboard")
    for name, rate in (("b", 0.8), ("c", 0.3)):
        write_run(tmp_path, model=name, planted=Planted(rate=lambda pair, variant, rate=rate: rate), n=60)  # type: ignore[misc] # noqa: ARG005
    for name in ("evil", "bare"):
        path = write_run(tmp_path, model=name, planted=Planted(rate=lambda pair, variant: 0.5), n=60)  # noqa: ARG005
        if name == "bare":
            next(path.parent.glob("samples_*")).unlink()
            continue
        data = json.loads(path.read_text())
        data["configs"]["persona_main"]["metadata"]["model_name"] = EVIL
        path.write_text(json.dumps(data))
    assert main(["leaderboard", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    return tmp_path / "out" / "leaderboard.html"


def test_page_sorts_by_mouse_and_keyboard_and_runs_nothing_else(page: Path) -> None:
    with chromium() as browser:
        browser.get(page.as_uri())
        buttons = {b.text: b for b in browser.find_elements(By.CSS_SELECTOR, "thead button")}

        def column(number: int) -> list[str]:
            return [c.text for c in browser.find_elements(By.CSS_SELECTOR, f"tbody tr > *:nth-child({number})")]

        assert column(2)[0] == "b"
        assert EVIL in column(2)
        buttons["personalised, %"].click()
        best_first = column(1)
        # A rank is a range where models cannot be told apart; the third has none.
        assert [rank[0] for rank in best_first] in (["1", "2", "–", "3"], ["1", "1", "–", "2"]), best_first
        buttons["personalised, %"].click()
        assert column(1) == best_first[::-1]
        buttons["n, pairs"].send_keys(Keys.ENTER)
        assert column(5)[-1] == "–"
        buttons["n, pairs"].click()
        assert column(5)[-1] == "–"
        buttons["model"].click()
        assert column(2) == [EVIL, "b", "bare", "c"]
        assert browser.title == "PERSONA Bench leaderboard"
        assert browser.find_elements(By.TAG_NAME, "img") == []
        assert browser.get_log("browser") == []


def test_table_of_every_evaluation_fits_a_desk(tmp_path: Path) -> None:
    tasks = ("persona_main", "persona_contrast", "persona_loo", "persona_intersection", "persona_pass_at_k")
    for model in ("org/model-a", "org/model-b"):
        write_run(tmp_path / "runs", tasks, model=model, n=40, k=4, attributes="age,income,ancestry", min_support=4)
    assert main(["leaderboard", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 0
    with chromium(width=1280) as browser:
        browser.get((tmp_path / "out" / "leaderboard.html").as_uri())
        script = (
            "const box = document.querySelector('.scroll'); return [box.firstElementChild.scrollWidth, box.clientWidth]"
        )
        table, room = browser.execute_script(script)
        assert len(browser.find_elements(By.CSS_SELECTOR, "thead th")) >= 13
        assert table <= room


@pytest.mark.parametrize(("width", "dark"), [(1400, True), (500, False)])
def test_page_fits_its_screen_and_its_light(page: Path, width: int, dark: bool) -> None:
    with chromium(width=width, dark=dark) as browser:
        browser.get(page.as_uri())
        # The tables scroll inside their frames; the page itself does not scroll sideways.
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") is not dark
        assert browser.get_log("browser") == []


def test_phone_shows_the_score_first_and_whole(page: Path) -> None:
    with chromium(width=390) as browser:
        browser.get(page.as_uri())
        script = """const first = document.querySelector('tbody tr').cells[0], box = first.getBoundingClientRect();
            return [first.textContent.trim(), box.left >= 0 && box.right <= innerWidth,
                document.querySelector('thead th').textContent]"""
        text, whole, heading = browser.execute_script(script)
        assert text.count(".") == 3
        assert whole
        assert heading == "personalised, %"


def test_search_leaves_the_models_that_were_meant(page: Path) -> None:
    with chromium() as browser:
        browser.get(page.as_uri())
        browser.find_element(By.ID, "find").send_keys("BAR")
        shown = [
            r.find_element(By.TAG_NAME, "th").text
            for r in browser.find_elements(By.CSS_SELECTOR, "tbody tr")
            if r.is_displayed()
        ]
        assert shown == ["bare"]
        assert browser.find_element(By.ID, "found").text == "1 of 4"


def test_heading_stays_in_view_and_print_fits_a4_landscape(page: Path) -> None:
    with chromium(dark=True) as browser:
        browser.get(page.as_uri())
        assert (
            browser.execute_script("return getComputedStyle(document.querySelector('thead th')).position") == "sticky"
        )
        # 297 mm less two margins of 10 mm, at 96 px an inch.
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 1047, "height": 700, "deviceScaleFactor": 1, "mobile": False},
        )
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]},
        )
        assert browser.execute_script("return document.querySelector('table').scrollWidth <= 1047")
        assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_model_leads_to_its_report(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", model="org/m", n=20)
    assert main(["report", str(run), "--no_figures", "--out", str(tmp_path / "runs" / "its report")]) == 0
    assert main(["leaderboard", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 0
    with chromium() as browser:
        browser.get((tmp_path / "out" / "leaderboard.html").as_uri())
        browser.find_element(By.LINK_TEXT, "org/m").click()
        until(lambda: browser.execute_script("return document.querySelector('h1')?.textContent") == "org/m")
