"""The report's page with samples that try everything, opened in a browser: what its tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from persona_metrics.runs.read import read_samples
from tests.fakes.browser import until
from tests.fakes.runs import Planted, Texts

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


def answer(pair: Any, variant: Any, text: str) -> str:
    del variant
    return {1: HOSTILE, 2: DEEP, 3: LONG_LINE, 4: PLAIN}.get(int(pair.id), text)


def planted(salt: str) -> Planted:
    rate = lambda _, variant: 0.7 if not variant.dropped else 0.45  # noqa: E731
    return Planted(rate, missing=0.12, failures=0.1, texts=Texts(answer=answer), salt=salt)


def load_page(driver: Any, folder: Path, place: str = "") -> None:
    # Another query each time: with the same address the browser would only go to the hash.
    load_page.count = getattr(load_page, "count", 0) + 1  # type: ignore[attr-defined]
    driver.get(f"{(folder / 'out' / 'report.html').as_uri()}?{load_page.count}{place}")  # type: ignore[attr-defined]
    until(lambda: driver.execute_script("return document.body.dataset.searchable"))


def choose(driver: Any, name: str, text: str) -> None:
    script = """const s = document.getElementById(arguments[0]);
        s.selectedIndex = [...s.options].findIndex((o) => o.text.startsWith(arguments[1]));
        if (s.selectedIndex < 0) throw new Error(arguments[1]);
        s.dispatchEvent(new Event('change'))"""
    driver.execute_script(script, name, text)


def open_sample(driver: Any, task: str, document: int, model: str = "model-a") -> str:
    script = """const [task, model, doc] = arguments;
        const position = index.rows.task.findIndex((_, i) =>
            taskOf(i).task === task && taskOf(i).model === model && index.rows.doc[i] === doc);
        openPosition(position);
        return position"""
    position = driver.execute_script(script, task, model, document)
    until(lambda: driver.execute_script("return byId('sample').open && shownAt === arguments[0]", position))
    return str(driver.execute_script("return byId('d-main').textContent"))


def samples_of(folder: Path, task: str, model: str = "model-a") -> list[dict[str, Any]]:
    (path,) = (folder / model).glob(f"samples_{task}_2*.jsonl")
    return list(read_samples(path))


def results_of(sample: dict[str, Any]) -> list[dict[str, Any]]:
    return list(sample["filtered_resps"][0])


def status(driver: Any) -> int:
    return int(driver.execute_script("return byId('status').textContent").split()[0])


def flips(sample: dict[str, Any]) -> set[str]:
    fits = {}
    for result in results_of(sample):
        verdict = False if result["answer_failure"] else result["verdict"]["personalized"]
        fits[result["variant"]] = verdict
    whole = fits.pop("whole")
    return {n.removeprefix("without ") for n, v in fits.items() if None not in (v, whole) and v != whole}
