"""A headless Chromium for the tests of the pages and for their pictures: its users share it and see nothing of each other."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Literal

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_ARRIVED = "return !window.isLeft && document.readyState === 'complete'"


def found() -> bool:
    """Whether Chromium and its driver are installed."""
    return all(any(map(shutil.which, names)) for names in (("chromium", "chromium-browser"), ("chromedriver",)))


@contextmanager
def chromium(
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    downloads: Path | None = None,
    waits: Literal["normal", "none"] = "normal",
) -> Iterator[Any]:
    """Yield a driver of a window with storage and a log of its own, which talks to nobody and saves into ``downloads``.

    ``waits``: how its commands wait for pages that come by themselves. What ``get`` opens is always there to its end.
    """
    address = _started()
    with _browser(address) as tell:
        context = tell("Target.createBrowserContext", disposeOnDetach=True)["browserContextId"]
        opened = {
            "url": "about:blank",
            "browserContextId": context,
            "newWindow": True,
            "width": width,
            "height": height,
        }
        target = tell("Target.createTarget", **opened)["targetId"]
        if downloads is not None:
            kept = {"behavior": "allow", "downloadPath": str(downloads), "browserContextId": context}
            tell("Browser.setDownloadBehavior", **kept)
        driver = _driver(debugger_address=address, waits=waits)
        try:
            driver.switch_to.window(target)
            seen_on(driver, width=width, height=height, dark=dark)
            yield driver
        finally:
            driver.quit()


def until(ready: Callable[[], Any], seconds: float = 90) -> Any:
    """Return what ``ready`` says as soon as it is true; AssertionError if it is not in time."""
    end = time.monotonic() + seconds
    while not (value := ready()):
        assert time.monotonic() < end, "the page did not get there"
        time.sleep(0.05)
    return value


def saved(path: Path) -> Path:
    """Return the file as soon as the browser has saved all of it: it holds the name with an empty one before."""
    until(lambda: path.is_file() and path.stat().st_size)
    return path


def seen_on(driver: Any, *, width: int, height: int = 900, dark: bool = False) -> None:
    """Let the window be a screen of this size, in the dark or not; a narrow one is a phone's."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}] if dark else []}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


@cache
def _started() -> str:
    """Start the browser for as long as this process lasts, and return where it is told what to do."""
    profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    driver = _driver(*_FLAGS, f"--user-data-dir={profile.name}")
    atexit.register(profile.cleanup)
    atexit.register(driver.quit)
    return str(driver.capabilities["goog:chromeOptions"]["debuggerAddress"])


def _driver(*flags: str, debugger_address: str | None = None, waits: str = "normal") -> Any:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    class Window(webdriver.Chrome):
        def get(self, url: str) -> None:
            # The driver's own waiting can take the end of the blank page, with which a window begins, for this one's.
            self.execute_script("window.isLeft = true")
            super().get(url)
            until(lambda: self.execute_script(_ARRIVED))

    options = webdriver.ChromeOptions()
    options.page_load_strategy = waits
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    for flag in flags:
        options.add_argument(flag)
    if debugger_address is not None:
        options.debugger_address = debugger_address
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Window(options=options, service=Service(shutil.which("chromedriver") or ""))


@contextmanager
def _browser(address: str) -> Iterator[Callable[..., Any]]:
    """Yield what tells the whole browser something: a driver speaks to its window alone. What it made goes with it."""
    import websocket

    with closing(HTTPConnection(address, timeout=60)) as connection:
        connection.request("GET", "/json/version")
        url = json.load(connection.getresponse())["webSocketDebuggerUrl"]
    with closing(websocket.create_connection(url, timeout=60, suppress_origin=True)) as whole:

        def tell(method: str, **given: Any) -> Any:
            whole.send(json.dumps({"id": 1, "method": method, "params": given}))
            while (told := json.loads(whole.recv())).get("id") != 1:
                pass
            if "error" in told:
                raise RuntimeError(f"{method}: {told['error']}")
            return told["result"]

        yield tell
