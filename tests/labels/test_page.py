"""The sheet in a headless Chromium: labelled by keyboard, saved, opened, merged, and read by the commands."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from tests.fakes.browser import chromium, found, saved, until
from tests.labels.planted import data_of, items, right, run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed"),
]

HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 60 pairs and a sheet of 24 of them; one answer holds markup."""
    folder = tmp_path_factory.mktemp("sheet")
    run(folder / "run", n=60)
    samples = next((folder / "run").rglob("samples_*.jsonl"))
    lines = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    for line in lines[:30]:
        result = json.loads(line["filtered_resps"][0][0])
        line["filtered_resps"] = [[json.dumps({**result, "answer": HOSTILE + result["answer"]})]]
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert main(["label", str(folder / "run"), "--n", "24", "--by", "sex", "--out", str(folder / "label.html")]) == 0
    return folder


@pytest.fixture
def driver(place: Path, tmp_path: Path) -> Iterator[Any]:
    """A window with storage of its own, so that no draft is left from another test."""
    with chromium(downloads=tmp_path) as opened:
        _load(opened, place)
        yield opened
        opened.execute_script(
            "book.saved = Object.fromEntries(Object.entries(book.own).map(([k, o]) => [k, Book.stamp(o)]))"
        )


def _load(driver: Any, place: Path) -> None:
    driver.get((place / "label.html").as_uri())
    until(lambda: driver.execute_script("return document.body && document.body.dataset.ready"))


def _press(driver: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def _text(driver: Any, name: str) -> str:
    return str(driver.execute_script("return document.getElementById(arguments[0]).textContent", name))


def _rater(driver: Any, name: str) -> None:
    script = """const r = document.getElementById('rater');
        r.value = arguments[0]; r.dispatchEvent(new Event('input')); r.blur()"""
    driver.execute_script(script, name)


def _save(driver: Any, folder: Path) -> Path:
    before = set(folder.glob("labels-*.jsonl"))
    driver.execute_script("document.getElementById('save').click()")
    (path,) = until(lambda: set(folder.glob("labels-*.jsonl")) - before)
    return saved(Path(path))


def _open(driver: Any, *files: Path) -> None:
    driver.find_element("id", "open").send_keys("\n".join(map(str, files)))
    until(lambda: "Opened" in _text(driver, "message"))


def test_sheet_labelled_by_keys_is_saved_agrees_and_is_reported(
    driver: Any, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, truth = items(place / "run"), right(0.9)
    for _ in range(24):
        key = driver.execute_script("return items[at].key")
        _press(driver, "2" if truth(known[key]) else "1")
    assert _text(driver, "count") == "24 of 24 labelled"
    assert _text(driver, "saved") == "24 labels not saved"
    _rater(driver, "Anna B")
    path = _save(driver, tmp_path)
    assert _text(driver, "saved") == "all saved"
    assert "Anna_B" in path.name
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {line["rater"] for line in lines} == {"Anna B"}
    assert all(line["blind"] is True and line["seconds"] >= 0 and line["time"] for line in lines)
    assert [line["label"] for line in lines] == ["no" if truth(known[line["key"]]) else "yes" for line in lines]
    capsys.readouterr()
    weights = ["--weights", str(place / "label.weights.json")]
    assert main(["agree", str(place / "run"), str(path), *weights, "--json"]) == 0
    (agreed,) = json.loads(capsys.readouterr().out)["tasks"]
    assert agreed["labels"] == 24
    right_ones = sum(truth(known[line["key"]]) == known[line["key"]].fits for line in lines)
    assert agreed["cells"]["both say revision"] + agreed["cells"]["both say none"] == right_ones
    command = ["report", str(place / "run"), "--labels", str(path), "--out", str(tmp_path / "r"), "--no_figures"]
    assert main(command) == 0
    assert "The critic agrees with people on" in (tmp_path / "r/report.html").read_text(encoding="utf-8")


def test_texts_of_models_run_nothing_and_the_console_stays_silent(driver: Any) -> None:
    seen = set()
    for _ in range(24):
        seen.add(_text(driver, "answer")[: len(HOSTILE)] == HOSTILE)
        driver.execute_script("document.getElementById('on').click()")
    assert seen == {True, False}
    assert driver.execute_script("return window.hacked === undefined")
    assert driver.execute_script("return document.querySelectorAll('article img, article script').length") == 0
    assert [line["message"] for line in driver.get_log("browser")] == []


def test_arrows_turn_and_u_takes_the_last_label_back(driver: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    _press(driver, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert _text(driver, "where") == "2 of 24"
    _press(driver, "3")
    assert _text(driver, "where") == "3 of 24"
    assert _text(driver, "count") == "1 of 24 labelled"
    _press(driver, "u")
    assert _text(driver, "where") == "2 of 24"
    assert _text(driver, "count") == "0 of 24 labelled"
    assert _text(driver, "saved") == ""


def test_n_writes_a_note_whose_digits_are_no_labels(driver: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    _press(driver, "n", "1 or 2?", Keys.ENTER)
    assert _text(driver, "count") == "0 of 24 labelled"
    _press(driver, "1")
    _rater(driver, "a")
    (line,) = [json.loads(text) for text in _save(driver, tmp_path).read_text(encoding="utf-8").splitlines()]
    assert (line["label"], line["note"]) == ("yes", "1 or 2?")


def test_saving_asks_for_a_name_first(driver: Any, tmp_path: Path) -> None:
    _press(driver, "1")
    driver.execute_script("document.getElementById('save').click()")
    assert "give your name" in _text(driver, "message")
    assert not list(tmp_path.glob("labels-*"))


def test_draft_outlives_the_page(driver: Any, place: Path) -> None:
    _rater(driver, "a")
    _press(driver, "1", "2")
    driver.execute_script("window.addEventListener('beforeunload', (e) => e.stopImmediatePropagation(), true)")
    driver.get("about:blank")
    _load(driver, place)
    assert _text(driver, "count") == "2 of 24 labelled"
    assert _text(driver, "saved") == "2 labels not saved"
    assert _text(driver, "where") == "3 of 24"
    assert driver.execute_script("return document.getElementById('rater').value") == "a"


def test_saved_file_is_opened_to_go_on_and_others_are_merged(driver: Any, place: Path, tmp_path: Path) -> None:
    data = data_of(place / "label.html")

    def line(number: int, rater: str, label: str) -> str:
        key = data["items"][number]["key"]
        made = {"format": data["format"], "key": key, "label": label, "note": "", "rater": rater, "blind": True}
        return json.dumps({**made, "seconds": 1, "time": "2026-01-01T00:00:00Z", "sheet": data["sheet"]}) + "\n"

    mine, other = tmp_path / "mine.jsonl", tmp_path / "other.jsonl"
    mine.write_text(line(0, "a", "yes") + line(1, "a", "no") + "{cut")
    other.write_text(line(0, "b", "no"))
    _rater(driver, "a")
    _open(driver, mine, other)
    assert _text(driver, "message").startswith("Opened 2 labels of yours, 1 of others")
    assert "1 line could not be read" in _text(driver, "message")
    assert _text(driver, "count") == "2 of 24 labelled"
    assert _text(driver, "saved") == "all saved"
    assert _text(driver, "where") == "3 of 24"
    _press(driver, "3")
    assert _text(driver, "saved") == "1 label not saved"
    saved = [json.loads(text) for text in _save(driver, tmp_path).read_text(encoding="utf-8").splitlines()]
    assert [(one["rater"], one["label"]) for one in saved] == [
        ("a", "yes"),
        ("a", "no"),
        ("a", "cannot tell"),
        ("b", "no"),
    ]


def test_phone_needs_no_sideways_scrolling(place: Path, tmp_path: Path) -> None:
    with chromium(width=390, height=844) as phone:
        _load(phone, place)
        assert phone.execute_script("return document.documentElement.scrollWidth") <= 390
        phone.save_screenshot(str(tmp_path / "phone.png"))
