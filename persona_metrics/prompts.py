"""Renders the pack's own templates. Personas, questions and answers are values here, never templates."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

import jinja2
from jinja2 import meta

from .errors import PersonaError

MODES: tuple[str, ...] = ("baseline", "output_only", "chain_of_thought", "demographic_summary")
"""The four prompt modes of PERSONA Bench; each is ``templates/answer/<mode>.jinja``."""


def templates_folder() -> Path:
    """Return the folder of the templates: inside the installed package, or beside it in a checkout."""
    installed = Path(str(files("persona_metrics"))) / "templates"
    return installed if installed.is_dir() else installed.parents[1] / "templates"


@cache
def environment(html: bool = False) -> jinja2.Environment:
    """Return the Jinja environment of the pack; ``html`` escapes everything that is put in."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
    )


def render(template_name: str, **values: object) -> str:
    """Render ``templates/<template_name>``; the values go in as they are and are never rendered themselves."""
    return environment().get_template(template_name).render(**values)


@cache
def template_hash(template_name: str) -> str:
    """Return the first 12 hex digits of the SHA-256 of the template and what it includes.

    Two runs compare only where these agree. Raises ``PersonaError`` where the package lacks one of the files.
    """
    digest = hashlib.sha256()
    waiting = [template_name]
    while waiting:
        name = waiting.pop(0)
        path = templates_folder() / name
        if not path.is_file():
            raise PersonaError(f"template {name!r} is not in the package; reinstall persona-metrics")
        source = path.read_text(encoding="utf-8")
        digest.update(source.encode())
        waiting += sorted(set(filter(None, meta.find_referenced_templates(environment().parse(source)))))
    return digest.hexdigest()[:12]
