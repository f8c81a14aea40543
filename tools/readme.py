"""The table of settings in the documentation, from the settings themselves. ``python -m tools.readme`` writes it anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from persona_metrics.settings import Settings, environment_names

README = Path(__file__).parents[1] / "README.md"
PAGE = README.parent / "docs" / "settings.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"


def settings_table() -> str:
    """Return the table: one row a setting, with its variable, default and meaning."""
    rows = ["| setting | environment | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        shown = "" if default is None else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
        meaning = (field.description or "").replace("|", r"\|")
        rows.append(f"| `{name}` | `{environment_names(name)[0]}` | {shown} | {meaning} |")
    return "\n".join(rows) + "\n"


def parts() -> tuple[str, str, str]:
    """Return the page before, within and after the table's marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    within, _, after = rest.partition(END)
    return before, within, after


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    head, _, tail = parts()
    PAGE.write_text(f"{head}{BEGIN}{settings_table()}{END}{tail}", encoding="utf-8")
