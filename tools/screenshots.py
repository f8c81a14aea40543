"""Pictures of every page to look at: ``python -m tools.screenshots FOLDER [REPORT.html …]`` (needs chromium).

Without pages it plants runs (three models in four modes, contrast, leave-one-out, intersectionality, pass@k) and writes their
report and leaderboard. Each page is taken at three widths, light and dark, and printed; each figure in grey and as a
deuteranope sees it. Knows nothing of what the pages hold.
"""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from persona_metrics.cli import main as command
from persona_metrics.dataset.sources import Pair
from persona_metrics.evaluations import Variant
from persona_metrics.report import write_report
from tests.fakes.browser import chromium
from tests.fakes.runs import Planted, write_run

WIDTHS = (1280, 768, 390)
MODES = {"": 0.62, "_baseline": 0.35, "_chain_of_thought": 0.68, "_demographic_summary": 0.6}
WORTH = {"income": 0.24, "age": 0.19, "religion": 0.05}
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
"""Machado, Oliveira and Fernandes 2009 (IEEE TVCG 15), severity 1, on linear RGB."""
TALLEST = 15_000
"""Chromium takes no picture higher than this many pixels."""


def plant(folder: Path, models: int = 3, n: int = 120) -> Path:
    """Write ``models`` runs of every evaluation that a critic judges below ``folder`` and return it."""
    for number in range(models):
        model = f"org/model-{'abcdefghij'[number]}"
        better = 0.12 * number
        for mode, rate in MODES.items():

            def main(pair: Pair, variant: Variant, rate: float = rate + better) -> float:
                del variant
                income = pair.persona.attributes.get("sex") == "Female"
                return min(0.97, rate + (0.0 if income else -0.18))

            write_run(
                folder,
                (f"persona_main{mode}",),
                model=model,
                n=n,
                by="sex,age",
                stamp=_stamp(mode),
                planted=_with(main),
            )
        others: tuple[tuple[str, dict[str, Any], Any], ...] = (
            ("persona_contrast", {}, lambda _, v, better=better: 0.55 + better if v.name == "whole" else 0.3),
            (
                "persona_loo",
                {"attributes": "all"},
                lambda _, v, b=better: 0.6 + b - sum(WORTH.get(i, 0) for i in v.dropped),
            ),
            (
                "persona_intersection",
                {"cross": "sex,age,education", "min_support": 4},
                lambda p, _, b=better: _group(p) + b,
            ),
            ("persona_pass_at_k", {"k": 8}, lambda p, _, b=better: (int(p.id) % 5) / 6 + b),
        )
        for task, given, rate_of in others:
            write_run(folder, (task,), model=model, n=n, stamp=_stamp(task), planted=_with(rate_of), **given)
    return folder


def _with(rate: Any) -> Planted:
    return Planted(rate, missing=0.02, failures=0.01)


def _group(pair: Pair) -> float:
    return 0.35 if pair.persona.attributes.get("sex") == "Male" else 0.65


def _stamp(name: str) -> str:
    return f"2026-03-01T10-00-00.{sum(map(ord, name)):06d}"


def take(page: Path, out: Path, widths: Sequence[int] = WIDTHS) -> None:
    """Write the page's pictures, light and dark, and as it prints on A4, into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    for dark in (False, True):
        for width in widths:
            name = f"{page.stem}-{width}-{'dark' if dark else 'light'}"
            with chromium(out / ".profile", width=width, height=900, dark=dark) as driver:
                driver.get(page.as_uri())
                driver.execute_script("for (const e of document.querySelectorAll('img')) e.loading = 'eager'")
                time.sleep(2)
                _whole(driver, out / f"{name}.png", width)
                if width == widths[0]:
                    _print(driver, out / f"{page.stem}-{'dark' if dark else 'light'}.pdf")


def _whole(driver: Any, path: Path, width: int) -> None:
    """Write the whole page; one that is higher than Chromium's pictures in parts."""
    height = int(driver.execute_script("return document.documentElement.scrollHeight"))
    for part, top in enumerate(range(0, height, TALLEST)):
        clip = {"x": 0, "y": top, "width": width, "height": min(TALLEST, height - top), "scale": 1}
        taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        name = path if height <= TALLEST else path.with_stem(f"{path.stem}-{part + 1}")
        name.write_bytes(base64.b64decode(taken["data"]))


def _print(driver: Any, path: Path) -> None:
    printed = driver.execute_cdp_cmd(
        "Page.printToPDF",
        {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True, "preferCSSPageSize": True},
    )
    path.write_bytes(base64.b64decode(printed["data"]))


def seen(picture: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """Yield the picture in grey and as a deuteranope sees it, each with its name."""
    plain = picture.convert("RGB")
    yield "grey", plain.convert("L")
    shares = np.asarray(plain, float) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    turned = np.clip(linear @ DEUTERANOPIA.T, 0, 1)
    back = np.where(turned <= 0.0031308, 12.92 * turned, 1.055 * turned ** (1 / 2.4) - 0.055)
    yield "deuteranopia", Image.fromarray((255 * back).round().astype(np.uint8))


def simulate(figures: Path, out: Path) -> None:
    """Write every PNG below ``figures`` in grey and as a deuteranope sees it into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(figures.glob("*.png")):
        with Image.open(path) as picture:
            picture.thumbnail((1400, 1400))
            for name, turned in seen(picture):
                turned.save(out / f"{path.stem}-{name}.png")


def main() -> None:
    """Take the pages named, or those of planted runs."""
    out = Path(sys.argv[1]).resolve()
    pages = [Path(name).resolve() for name in sys.argv[2:]]
    if not pages:
        runs = out / "runs"
        if not runs.exists():
            plant(runs)
        write_report([runs], out / "report")
        command(["leaderboard", str(runs), "--out", str(out / "leaderboard")])
        pages = [out / "report" / "report.html", out / "leaderboard" / "leaderboard.html"]
        simulate(out / "report" / "figures", out / "figures")
    for page in pages:
        take(page, out / "pages")
        print(f"{page}: {page.stat().st_size / 1e6:.2f} MB, pictures in {out / 'pages'}")


if __name__ == "__main__":
    main()
