"""A task whose scores can change has a new version: what they rest on is held here as a hash."""

from __future__ import annotations

import json

from tools.versions import FILE, current

HELD = json.loads(FILE.read_text(encoding="utf-8"))


def test_what_scores_rest_on_changes_with_the_version_alone() -> None:
    now = current()
    moved = [name for name, one in now.items() if name in HELD and one["hash"] != HELD[name]["hash"]]
    silent = [name for name in moved if now[name]["version"] == HELD[name]["version"]]
    assert not silent, (
        f"the YAML, templates or critic of {', '.join(silent)} changed: raise metadata.version there, say so in"
        " tasks/README.md and CHANGELOG.md, then run: python -m tools.versions"
    )
    assert now == HELD, "run: python -m tools.versions"


def test_every_version_stands_in_the_changelog_of_the_tasks() -> None:
    text = (FILE.parents[2] / "tasks" / "README.md").read_text(encoding="utf-8")
    for version in {one["version"] for one in HELD.values()}:
        assert f"* version {version}" in text
