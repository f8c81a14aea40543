"""Pictures of every page to look at: ``python -m tools.screenshots FOLDER [REPORT.html …]`` (needs chromium).

Without pages it plants runs (three models in four modes; one model with every evaluation; everything at 0%, at 100%, one
pair, nothing judged), and writes their reports, a leaderboard and a sheet for labels. Each page and each of its views is
taken at three widths, light and dark, and the page as it prints; each figure in grey and as a deuteranope sees it.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
from PIL import Image

from persona_metrics.cli import main as command
from persona_metrics.report import write_report
from persona_metrics.report.watch import Site
from tests.fakes.browser import chromium
from tools import planted_pages, views

WIDTHS = (1280, 768, 390)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
"""Machado, Oliveira and Fernandes 2009 (IEEE TVCG 15), severity 1, on linear RGB."""
TALLEST = 15_000
"""Chromium takes no picture higher than this many pixels."""


def take(
    page: Path, out: Path, widths: Sequence[int] = WIDTHS, *, within: bool = False, address: str | None = None
) -> None:
    """Write the page's pictures, light and dark, and as it prints on A4, into ``out``; ``within``: its views, too.

    ``address`` is where the page is served, if it is.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = f"{page.parent.parent.name}-{page.stem}"
    for dark in (False, True):
        light = "dark" if dark else "light"
        for width in widths:
            with chromium(width=width, height=844 if width < 600 else 900, dark=dark) as driver:
                driver.get(address or page.as_uri())
                samples = views.ready(driver)
                time.sleep(1)
                _whole(driver, out / f"{name}-{width}-{light}.png", width)
                if width == widths[0]:
                    _print(driver, out / f"{name}-{light}.pdf")
                for view in (*views.VIEWS, *views.PICTURED) if within and samples else ():
                    if views.show(driver, view):
                        driver.save_screenshot(str(out / f"{name}-{view}-{width}-{light}.png"))


def _whole(driver: Any, path: Path, width: int) -> None:
    """Write the whole page; one that is higher than Chromium's pictures in parts."""
    # Rows that are out of sight are not drawn otherwise.
    driver.execute_script(
        "for (const row of document.querySelectorAll('.rows li')) row.style.contentVisibility = 'visible'"
    )
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
    if which("pdftoppm"):
        subprocess.run(["pdftoppm", "-r", "60", "-png", str(path), str(path.with_suffix(""))], check=True)


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


EDGES = {"none": (60, 0.0, 0.0), "every": (60, 1.0, 0.0), "single": (1, 1.0, 0.0), "unjudged": (30, 0.5, 1.0)}
"""Pairs, rate and share of missing verdicts of what a sentence must hold for."""


def pages(out: Path) -> list[Path]:
    """Plant the runs where they are not there yet, write their pages and return them."""
    for name, write in (("several", planted_pages.several), ("one", planted_pages.one)):
        if not (out / name / "runs").exists():
            write(out / name / "runs")
    for name, (n, rate, missing) in EDGES.items():
        if not (out / name / "runs").exists():
            planted_pages.edge(out / name / "runs", n, rate, missing)
    for name in ("several", "one", *EDGES):
        write_report([out / name / "runs"], out / name / "report")
        simulate(out / name / "report" / "figures", out / "figures" / name)
    command(["leaderboard", str(out / "several" / "runs"), "--out", str(out / "several" / "leaderboard")])
    sheet = out / "several" / "sheet" / "label.html"
    sheet.parent.mkdir(exist_ok=True)
    command(["label", str(next((out / "several" / "runs").iterdir())), "--n", "12", "--out", str(sheet)])
    reports = [out / name / "report" / "report.html" for name in ("several", "one", *EDGES)]
    return [*reports, out / "several" / "leaderboard" / "leaderboard.html", sheet]


def live(out: Path) -> None:
    """Take the page of a run that goes on, and the one that waits for its first verdicts."""
    runs = out / "live" / "runs"
    shutil.rmtree(out / "live", ignore_errors=True)
    finished = next((out / "one" / "runs" / "judged").rglob("results_*.json"))
    going = planted_pages.going(runs, finished.parent)
    site = Site()
    try:
        site.said = "Waiting for the first verdicts: persona_main of m, 0 of 120 pairs judged."
        take(out / "live" / "waiting" / "waiting.html", out / "pages", address=site.url)
        write_report([runs], out / "live" / "report", live=1)
        site.said, site.version = "So far: persona_main of m, 40 of 120 pairs judged.", 1
        site.page = out / "live" / "report" / "report.html"
        take(site.page, out / "pages", within=True, address=site.url)
    finally:
        site.close()
        going.close()


def main() -> None:
    """Take the pages named, or those of planted runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", type=Path, help="where runs, pages and pictures go; runs that are there are used again"
    )
    parser.add_argument("pages", type=Path, nargs="*", metavar="REPORT.html", help="pages that are there already")
    given = parser.parse_args()
    out = given.folder.resolve()
    named = [path.resolve() for path in given.pages]
    for page in named or pages(out):
        take(page, out / "pages", within=bool(named) or page.parent.parent.name in ("several", "one"))
        print(f"{page}: {page.stat().st_size / 1e6:.2f} MB, pictures in {out / 'pages'}", flush=True)
    if not named:
        live(out)


if __name__ == "__main__":
    main()
