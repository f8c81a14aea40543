"""``report --watch``: the page follows its runs, keeps a reader's filters, and answers this machine alone."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import warm
from tests.e2e.command import evaluate
from tests.fakes.browser import chromium, found, until
from tests.fakes.server import Server, default_verdict

ROOT = Path(__file__).parents[2]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a report that watches a folder which is not there yet, and the folder."""
    runs = tmp_path / "out"
    command = [*warm.python(), "-m", "persona_metrics", "report", str(runs), "--watch", "--no_figures"]
    command += ["--out", str(tmp_path / "report")]
    environment = {**os.environ, "PERSONA_CRITIC_STORE": "off"}
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
def test_page_follows_the_run_and_keeps_filters_folds_labels_and_the_sample_that_is_read(
    watched: tuple[str, Path], tmp_path: Path
) -> None:
    url, _ = watched
    judged, held, gates = 0, [8, 14, 10**9], [threading.Event(), threading.Event()]

    def verdict(question: str, persona: dict[str, str], answer: str) -> bool:
        # The critic stops after 8 answers, and after 14, until the page was looked at.
        nonlocal judged
        judged += 1
        for most, gate in zip(held, gates, strict=False):
            if judged > most:
                gate.wait(120)
        return default_verdict(question, persona, answer)

    with (
        chromium() as driver,
        Server(verdict=verdict) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        driver.get(url)
        assert driver.find_element("tag name", "h1").text == "No results so far"

        def shown(*expressions: str, given: object = None) -> list[Any]:
            """Return what a page says that is there to its end: it is drawn anew whenever there is more."""
            script = "return document.body?.dataset.searchable ? [{}] : null"
            return list(until(lambda: driver.execute_script(script.format(", ".join(expressions)), given)))

        def drawn() -> int:
            """Return of how many pairs the page is, none as long as its parts are not of the same."""
            n, said, above, card = shown(
                "index.rows.doc.length", status, banner, "document.querySelector('.card').innerText"
            )
            alike = (
                said == f"{n} of {n} samples so far"
                and f"So far: persona_main of m, {n} of 20 pairs judged." in above
                and f"so far, {n} of 20 pairs" in card
            )
            return int(n) if alike else 0

        status, banner = "byId('status').textContent", "document.querySelector('.live').textContent"
        chosen = {"n": 20, "critic_concurrency": 2}
        run = pool.submit(evaluate, server, "persona_main", cwd=tmp_path, metadata=chosen, PERSONA_CRITIC_STORE="off")
        try:
            first = until(lambda: run.done() or drawn())
            assert not run.done()
            assert 1 <= first <= 8
            # A label that nobody saved: the results' file, which has another name, must not cost it.
            label = "(() => { const key = labelable[0][0][0]; book.label(key, 'no', 'so', 3, 0); return key })()"
            [labelled] = shown(label)
            choose = """(() => { byId('f-text').value = 'the'; const s = byId('f-outcome');
                s.value = String(index.rows.outcome[0]); s.dispatchEvent(new Event('change'));
                return s.value })()"""
            [outcome] = shown(choose)
            until(lambda: shown("byId('sample').open || void open(0)")[0])
            before = shown("index.rows.doc[shownAt]", "config.live")
            shown("document.querySelector('#figures details').open = true")
            gates[0].set()
            # Nothing is drawn anew under somebody who reads.
            until(lambda: "There is more" in shown(banner)[0])
            assert shown("index.rows.doc[shownAt]", "config.live") == before
            shown("byId('sample').close()")
            until(lambda: shown("config.live > arguments[0]", given=before[1])[0])
            assert not run.done()
            text, chosen_outcome, n, unfolded = shown(
                "byId('f-text').value",
                "byId('f-outcome').value",
                "index.rows.doc.length",
                "document.querySelector('#figures details').open",
            )
            assert [text, chosen_outcome, unfolded] == ["the", outcome, True]
            assert n > first
        finally:
            for gate in gates:
                gate.set()
        assert run.result().code == 0
        until(lambda: shown("!config.going")[0])
        assert shown("byId('f-text').value", "byId('f-outcome').value") == ["the", outcome]
        text, said = shown("document.querySelector('main').textContent", status)
        assert "so far" not in text.lower()
        assert said.endswith("of 20 samples")
        kept = ("book.own[arguments[0]]?.label", "labelPlaces.has(arguments[0])", "book.unsaved()")
        assert shown(*kept, given=labelled) == ["no", True, 1]
        until(lambda: shown(banner)[0].startswith("1 file of results. This page follows what comes."))
        assert [line["message"] for line in driver.get_log("browser") if "favicon" not in line["message"]] == []
