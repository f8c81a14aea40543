"""Shared fixtures: no test sees the developer's settings, verdict store or hub login."""

from __future__ import annotations

import gc
import importlib.util
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Before numpy is imported. Its threads spin for one another: on cores that several workers share, an optimisation over two
# parameters takes thirty times as long with them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What a shell starts in the background ignores an interrupt, and so would every process that a test means to interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import hypothesis
import pytest

from persona_metrics import masking
from persona_metrics.personas import ATTRIBUTES, Persona
from tests import warm

# What is imported is half a million objects, and Python looks through them for garbage whenever a quarter more are there: a
# tenth of the time that the tests take.
gc.set_threshold(50_000, 10, 10)
# A busy machine is no failure, and a run of tests no lottery: `--hypothesis-profile=default` tries other examples.
hypothesis.settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")
VENVS = {"installed", "from_source", "wheel"}


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep on one worker what shares a fixture: of a module, of one that runs lm_eval, and all that stands on one install.

    The one Ray is started last: it is never quite idle.
    """
    items.sort(key=lambda item: "one_ray" in getattr(item, "fixturenames", ()))
    for item in items:
        known = getattr(item, "_fixtureinfo", None)
        shares = known is not None and any(f[-1].scope == "module" for f in known.name2fixturedefs.values() if f)
        if "e2e" not in item.path.parts and not shares:
            continue
        chosen = getattr(item, "callspec", None)
        install = chosen.params.get("install") if chosen is not None else None
        # A venv each for two versions of lm-eval and one for its source folder, of one wheel.
        made = install != "checkout" if install else not VENVS.isdisjoint(getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group("installs" if made else str(item.path)))


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """Drop what a test's lm_eval hung on the loggers: its stream is closed when the test ends."""
    loggers = (logging.getLogger(), logging.getLogger("lm_eval"))
    before = [(list(logger.handlers), logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, logger.propagate) in zip(loggers, before, strict=True):
        logger.handlers[:] = [h for h in logger.handlers if h in handlers or not isinstance(h, logging.StreamHandler)]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Leave no setting in the environment, and keep verdicts out of the user's cache."""
    for name in list(os.environ):
        if name.startswith(("PERSONA_", "OPENAI_")) or name in ("GENERATE_MODE", "LOO_JSON", "INTERSECTION_JSON"):
            monkeypatch.delenv(name)
    # A secret of another test ("password") would be masked in this one's messages.
    monkeypatch.setattr(masking, "_forms", {})
    monkeypatch.setattr(masking, "_short", {})
    # Not by mktemp, which looks through all the folders there are for the next number: a test's every folder a bit longer.
    all_own = tmp_path_factory.getbasetemp() / "own"
    all_own.mkdir(exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=all_own))
    for name in ("cards", "cwd"):
        (own / name).mkdir()
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(own / "verdicts.sqlite"))
    monkeypatch.setenv("PERSONA_CARD", str(own / "cards"))
    monkeypatch.chdir(own / "cwd")


@pytest.fixture(scope="session")
def one_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray of two cores on this machine, for all that do not kill it: to start and stop it takes six seconds.

    What runs there has the environment of its start: the checkout's code, and neither store nor endpoint.
    """
    pytest.importorskip("ray", reason="needs Ray: pip install 'persona-metrics[ray]'")
    from persona_metrics.cluster import engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", warm.path())
        patch.setenv("HF_HUB_OFFLINE", "1")
        for name in [name for name in os.environ if name.startswith(("PERSONA_", "OPENAI_"))]:
            patch.delenv(name)
        patch.setenv("PERSONA_CRITIC_STORE", "off")
        patch.setattr(sys, "executable", str(warm.ray(tmp_path_factory.mktemp("bin") / "python")))
        with engine.started(num_cpus=2):
            patch.undo()
            if importlib.util.find_spec("torch") is not None:
                from torch.utils import collect_env

                # It has pip list what is installed, for each results file anew.
                patch.setattr(collect_env, "get_pretty_env_info", cache(collect_env.get_pretty_env_info))
            yield


def full_attributes(**changes: str) -> dict[str, str]:
    """Return all 33 attributes with plain values, some of them changed (underscores stand for spaces)."""
    values = {name: f"{name} value" for name in ATTRIBUTES}
    values.update(age="40", sex="Female", income="52000", race="White alone")
    values.update({name.replace("_", " "): value for name, value in changes.items()})
    return values


@pytest.fixture
def personas() -> list[Persona]:
    """Eight personas: two sexes × four ages."""
    return [
        Persona(f"p{i}", full_attributes(sex="Male" if i % 2 else "Female", age=str(20 + 15 * (i // 2))))
        for i in range(8)
    ]


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """An empty folder's path for a data file of a test."""
    return tmp_path / "data.jsonl"
