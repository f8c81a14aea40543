"""axe-core finds nothing to mend in any view: the page, each kind of sample in the dialog, and the leaderboard."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from persona_metrics.report import write_report
from tests.fakes.browser import chromium, found
from tests.fakes.runs import Planted, write_run

_AXE = importlib.util.find_spec("axe_core_python")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed"),
    pytest.mark.skipif(_AXE is None and not os.environ.get("CI"), reason="axe-core-python is not installed"),
]
TASKS = ("persona_main", "persona_contrast", "persona_loo", "persona_pass_at_k")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of one model, one of two, and a leaderboard."""
    folder = tmp_path_factory.mktemp("accessible")
    for model in ("a", "b"):
        planted = Planted(lambda _, variant: 0.6 if not variant.dropped else 0.4, missing=0.05, failures=0.02)
        write_run(
            folder / "runs" / model, TASKS, model=model, n=20, k=3, attributes="age,sex", by="sex", planted=planted
        )
    write_report([folder / "runs" / "a"], folder / "one")
    write_report([folder / "runs"], folder / "two")
    assert main(["leaderboard", str(folder / "runs"), "--out", str(folder / "board")]) == 0
    return {
        "one": folder / "one" / "report.html",
        "two": folder / "two" / "report.html",
        "board": folder / "board" / "leaderboard.html",
    }


@pytest.fixture(scope="module", params=[(1280, False), (1280, True), (390, False)], ids=["light", "dark", "phone"])
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser for each kind of screen."""
    width, dark = request.param
    with chromium(tmp_path_factory.mktemp("profile"), width=width, dark=dark) as opened:
        yield opened


def violations(driver: Any) -> list[str]:
    """Return what axe-core finds on the page as it stands, each with the elements it is about."""
    assert _AXE is not None, "CI installs axe-core-python"
    assert _AXE.submodule_search_locations
    source = Path(_AXE.submodule_search_locations[0]) / "axe.min.js"
    driver.execute_script(source.read_text(encoding="utf-8"))
    script = (
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations))"
    )
    found_ = driver.execute_async_script(script)
    return [f"{v['id']}: {node['target']} {node['html'][:160]}" for v in found_ for node in v["nodes"]]


def _ready(driver: Any) -> None:
    end = time.monotonic() + 20
    while not driver.execute_script("return document.body.dataset.ready"):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["one", "two"])
def test_report_has_no_violation(driver: Any, pages: dict[str, Path], name: str) -> None:
    driver.get(pages[name].as_uri())
    _ready(driver)
    driver.execute_script("for (const e of document.querySelectorAll('details')) e.open = true")
    assert violations(driver) == []


@pytest.mark.parametrize("task", TASKS)
def test_sample_has_no_violation(driver: Any, pages: dict[str, Path], task: str) -> None:
    driver.get(pages["one"].as_uri())
    _ready(driver)
    driver.execute_script(
        """const s = document.getElementById('f-task');
        s.selectedIndex = [...s.options].findIndex((o) => o.text.startsWith(arguments[0]));
        s.dispatchEvent(new Event('change'));
        document.querySelector('#rows button').click()""",
        task,
    )
    end = time.monotonic() + 20
    while not driver.execute_script("return document.getElementById('sample').open"):
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.2)
    assert violations(driver) == []


def test_leaderboard_has_no_violation(driver: Any, pages: dict[str, Path]) -> None:
    driver.get(pages["board"].as_uri())
    assert violations(driver) == []
