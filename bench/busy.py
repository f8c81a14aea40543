"""How much longer the embedded model takes when every core is busy: ratio of busy to idle, in one run.

``python -m bench.busy`` asks for the same tokens twice; ``--demo`` runs the whole demo twice. The number of
llama.cpp's threads, and whether they spin while they wait, decide the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from persona_metrics.embedded_model import cores
from persona_metrics.embedded_model.model import LocalServer, model_path


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many cores busy with something else."""
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def tokens(server: LocalServer, requests: int = 4, length: int = 60) -> float:
    """Return the seconds that some requests take, one after the other."""
    began = time.monotonic()
    for number in range(requests):
        body = {"prompt": f"{number}. " + "A story of a person and a question. " * 20, "max_tokens": length}
        body |= {"ignore_eos": True, "cache_prompt": False}
        request = urllib.request.Request(
            f"{server.base_url}/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=1200).read()
    return time.monotonic() - began


def demo() -> float:
    """Return the seconds that the demo takes."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        command = [sys.executable, "-m", "persona_metrics", "demo"]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH")))),
        }
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return time.monotonic() - began


def main() -> None:
    """Measure idle, then busy, and print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", action="store_true", help="the whole demo instead of a few requests")
    arguments = parser.parse_args()
    measure: Callable[[], float] = demo
    if not arguments.demo:
        server = LocalServer(model_path())
        tokens(server, requests=1)
        measure = lambda: tokens(server)  # noqa: E731
    idle = measure()
    with busy(cores.usable()):
        loaded = measure()
    print(f"{cores.usable()} cores, {cores.threads()} threads")
    print(f"idle {idle:.1f} s, busy {loaded:.1f} s, ratio {loaded / idle:.2f}")


if __name__ == "__main__":
    main()
