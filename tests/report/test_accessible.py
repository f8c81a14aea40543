"""axe-core finds nothing to mend on any page nor in any view of one, on a desk, in the dark and on a phone."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from persona_metrics.report import watch, write_report
from tests.fakes.browser import chromium, found
from tools import planted_pages, views

_AXE = importlib.util.find_spec("axe_core_python")
pytestmark = [
    pytest.mark.browser,
    # One worker plants the pages for all.
    pytest.mark.xdist_group("accessible"),
    pytest.mark.slow,
    pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed"),
    pytest.mark.skipif(_AXE is None and not os.environ.get("CI"), reason="axe-core-python is not installed"),
]
COLOURS = ("color-contrast", "link-in-text-block")
_LOOKED_AT = """const [within, screen, colours, done] = arguments, options = {resultTypes: ['violations']};
    if (screen === 'dark') options.runOnly = colours;
    if (screen === 'phone') options.rules = Object.fromEntries(colours.map((name) => [name, {enabled: false}]));
    const ids = new Map(), part = document.querySelector(within), around = [];
    for (const e of document.querySelectorAll('[id]')) ids.set(e.id, (ids.get(e.id) ?? 0) + 1);
    const twice = [...ids].filter(([, n]) => n > 1).map(([id]) => `id twice: ${id}`);
    for (let e = part; e.parentElement && e !== document.body; e = e.parentElement)
      for (const other of [...e.parentElement.children]) if (other !== e) around.push([other, new Comment()]);
    for (const [other, gap] of around) other.replaceWith(gap);
    axe.run(part, options).then((r) => {
      for (const [other, gap] of around) gap.replaceWith(other);
      done([r.violations, twice]);
    })"""
_UNFOLD = "for (const e of document.querySelectorAll('details')) e.open = true;"
_ALIKE = """for (const b of document.querySelectorAll('tbody')) while (b.rows.length > 2) b.deleteRow(2);
    for (const e of document.querySelectorAll('#rows > li:nth-child(n + 9), .run-boxes > :nth-child(n + 3)')) e.remove()"""
"""Rows of a table are alike, and so are samples in the list and boxes of runs: a few of each stand for hundreds."""
PAGES = ("one", "two", "extremes", "leaderboard", "sheet")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of one model with every evaluation, of two, of one that always fits; a leaderboard, a sheet for labels."""
    folder = tmp_path_factory.mktemp("accessible")
    planted = folder / "runs"
    runs = {"one": planted_pages.one(planted / "one", n=20)}
    # What a mode has of its own stands on the page of one model, which has all four.
    runs["two"] = planted_pages.several(planted / "two", 2, n=20, modes=("", "_baseline"))
    runs["extremes"] = planted_pages.edge(planted / "extremes", 8, 1.0)
    for name, run in runs.items():
        # To axe figures are pictures with a text, on any page: one has them.
        write_report([run], folder / name, figures=name == "one")
    made = {name: folder / name / "report.html" for name in runs}
    made |= {"leaderboard": folder / "leaderboard" / "leaderboard.html", "sheet": folder / "sheet.html"}
    assert main(["leaderboard", str(runs["two"]), "--out", str(folder / "leaderboard")]) == 0
    assert main(["label", str(next(runs["two"].iterdir())), "--n", "5", "--out", str(made["sheet"])]) == 0
    return made


@pytest.fixture(scope="module")
def watched(pages: dict[str, Path]) -> Iterator[watch.Site]:
    """A site that waits for the page of a run that goes on, which lies in the folder ``live``."""
    folder = pages["extremes"].parents[1]
    write_report([folder / "runs" / "extremes"], folder / "live", figures=False, live=1)
    site = watch.Site()
    yield site
    site.close()


@pytest.fixture(scope="module", params=["light", "dark", "phone"])
def screen(request: pytest.FixtureRequest) -> str:
    """Each kind of screen in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def driver(screen: str) -> Iterator[Any]:
    """A window for it."""
    with chromium(width=390 if screen == "phone" else 1280, dark=screen == "dark") as opened:
        opened.set_script_timeout(120)
        yield opened


def violations(driver: Any, screen: str, within: str = "html") -> list[str]:
    """Return what axe-core finds on the page as it stands, or in a part of it, each with the elements it is about.

    In the dark the page is the same but for its colours, and a phone has those of a desk: they take most of the time.
    axe-core looks at all that there is, whatever part it is asked about: what lies around is taken away meanwhile.
    """
    assert _AXE is not None, "CI installs axe-core-python"
    assert _AXE.submodule_search_locations
    if not driver.execute_script("return window.axe !== undefined"):
        source = Path(_AXE.submodule_search_locations[0]) / "axe.min.js"
        driver.execute_script(source.read_text(encoding="utf-8"))
    found_, twice = driver.execute_async_script(_LOOKED_AT, within, screen, COLOURS)
    return [f"{v['id']}: {node['target']} {node['html'][:160]}" for v in found_ for node in v["nodes"]] + twice


@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_violation(driver: Any, screen: str, pages: dict[str, Path], name: str) -> None:
    driver.get(pages[name].as_uri())
    views.ready(driver)
    driver.execute_script(_UNFOLD + _ALIKE)
    assert violations(driver, screen) == []


@pytest.mark.parametrize("view", views.VIEWS)
def test_view_has_no_violation(driver: Any, screen: str, pages: dict[str, Path], view: str) -> None:
    if screen == "phone" and list(views.VIEWS).index(view) % 2:
        pytest.skip("every second view is looked at on a phone")
    if driver.current_url.partition("#")[0] != pages["one"].as_uri():
        driver.get(pages["one"].as_uri())
        views.ready(driver)
    assert views.show(driver, view)
    opened = view not in views.LISTS
    assert driver.execute_script("return byId('sample').open") is opened
    # The page around it was looked at by itself.
    assert violations(driver, screen, "#sample" if opened else "#samples") == []


def test_page_that_follows_a_run_has_no_violation(
    driver: Any, screen: str, pages: dict[str, Path], watched: watch.Site
) -> None:
    watched.page = None
    driver.get(watched.url)
    assert violations(driver, screen) == []
    watched.page, watched.version = pages["extremes"].parents[1] / "live" / "report.html", 1
    driver.get(watched.url)
    views.ready(driver)
    assert driver.execute_script("return document.querySelector('.live') !== null")
    driver.execute_script(_ALIKE)
    assert violations(driver, screen) == []
