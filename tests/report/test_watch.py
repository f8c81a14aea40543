"""``report --watch``: the page follows its runs, keeps a reader's filters, and answers this machine alone."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import warm
from tests.fakes.browser import chromium, found
from tests.fakes.runs import Planted, write_run

ROOT = Path(__file__).parents[2]
LATER = "2026-03-02T10-00-00.000001"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a report that watches an empty folder, and the folder."""
    runs = tmp_path / "runs"
    runs.mkdir()
    command = [*warm.python(), "-m", "persona_metrics", "report", str(runs), "--watch", "--no_figures"]
    command += ["--out", str(tmp_path / "out")]
    environment = {**os.environ, "PERSONA_CRITIC_STORE": str(tmp_path / "store.sqlite")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), runs
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def _ask(url: str, path: str = "/", **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port or 0, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), str(answer.headers)


def _until(ready: Any, seconds: float = 90.0) -> Any:
    end = time.monotonic() + seconds
    while not (value := ready()):
        assert time.monotonic() < end, "it did not get there"
        time.sleep(0.1)
    return value


def test_only_pages_of_this_machine_are_answered(watched: tuple[str, Path]) -> None:
    url, _ = watched
    status, page, headers = _ask(url)
    assert status == 200
    assert "No results so far" in page
    assert "Access-Control" not in headers
    host = urlsplit(url).netloc
    for given in (
        {"Host": "evil.example"},
        {"Host": host, "Origin": "http://evil.example"},
        {"Host": host, "Origin": "null"},
    ):
        assert _ask(url, "/state", **given)[0] == 403
    for path in ("/../out/report.json", "/report.json", "//etc/passwd", "/%2e%2e/"):
        assert _ask(url, path)[0] == 404


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed")
def test_page_follows_the_run_and_keeps_filters_and_sample(watched: tuple[str, Path], tmp_path: Path) -> None:
    url, runs = watched
    with chromium(tmp_path / "profile") as driver:
        driver.get(url)
        assert driver.find_element("tag name", "h1").text == "No results so far"
        write_run(runs, ("persona_main",), n=20, planted=Planted(missing=0.2))
        ready = "return document.body && document.body.dataset.searchable"
        _until(lambda: driver.execute_script(ready))
        status = "return document.getElementById('status').textContent"
        assert driver.execute_script(status) == "20 of 20 samples so far"
        choose = """byId('f-text').value = 'the'; const s = byId('f-outcome'); s.value = '0';
            s.dispatchEvent(new Event('change')); open(0)"""
        driver.execute_script(choose)
        _until(lambda: driver.execute_script("return byId('sample').open"))
        before = driver.execute_script("return [found.length, index.rows.doc[shownAt], config.live]")
        write_run(runs, ("persona_loo",), n=10, attributes="age", stamp=LATER)
        more = "return document.body && document.body.dataset.searchable && config.live > arguments[0]"
        _until(lambda: driver.execute_script(more, before[2]))
        _until(lambda: driver.execute_script("return byId('sample').open"))
        assert driver.execute_script("return [byId('f-text').value, byId('f-outcome').value]") == ["the", "0"]
        assert driver.execute_script("return index.rows.doc[shownAt]") == before[1]
        assert driver.execute_script(status).endswith("of 30 samples so far")
        assert "So far" in driver.execute_script("return document.querySelector('.live').textContent")
        assert [line["message"] for line in driver.get_log("browser") if "favicon" not in line["message"]] == []
