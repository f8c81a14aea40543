"""A report on two models with hostile samples, and a browser that has it open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.report import write_report
from tests.fakes.browser import chromium, found
from tests.fakes.runs import write_run
from tests.report.samples_page import TASKS, load_page, planted


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, three tasks, 30 pairs each, two critics; the report on them in ``out``."""
    place = tmp_path_factory.mktemp("samples")
    given = {"n": 30, "k": 3, "attributes": "age,sex,religion", "critic_model": "critic-x,critic-y"}
    runs = [write_run(place, TASKS, model=m, planted=planted(m), **given) for m in ("model-a", "model-b")]  # type: ignore[arg-type]
    write_report(runs, place / "out", figures=False)
    return place


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Any]:
    """One window for all tests of this file; it saves files into ``folder``/saved."""
    assert found(), "CI installs chromium and chromium-driver"
    saved = folder / "saved"
    saved.mkdir()
    with chromium(downloads=saved) as opened:
        yield opened
        assert [line["message"] for line in opened.get_log("browser")] == []


@pytest.fixture
def driver(folder: Path, browser: Any) -> Any:
    """The browser with the page fresh: no hash, no draft."""
    if browser.current_url.startswith("file:"):
        browser.execute_script("localStorage.clear(); book.own = {}; book.saved = {}")
    load_page(browser, folder)
    return browser
