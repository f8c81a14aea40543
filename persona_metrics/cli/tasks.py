"""``persona-metrics tasks``: what there is to run, and where it lies."""

from __future__ import annotations

import argparse

import yaml

from ..harness.task_files import found_without_flag, tasks_folder
from ..harness.yamls import IgnoreFunctions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tasks``."""
    parser.add_argument("--path", action="store_true", help="print only the folder, for lm_eval --include_path")


def run(arguments: argparse.Namespace) -> int:
    """List groups, tags and tasks, and the folder that ``--include_path`` wants."""
    folder = tasks_folder()
    if arguments.path:
        print(folder)
        return 0
    for path in sorted(folder.glob("persona_*.yaml")):
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=IgnoreFunctions)
        if "group" in config:
            print(f"{config['group']:36} group: {', '.join(config['task'])}")
        else:
            summary = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
            tags = f" [tag {', '.join(config['tag'])}]" if config.get("tag") else ""
            print(f"{config['task']:36} {summary}{tags}")
    print()
    if found_without_flag():
        print("lm_eval finds them as they are:  lm_eval --tasks persona_main …")
    else:
        print(f"lm_eval finds them with:  --include_path {folder}")
    print(f"folder: {folder}")
    return 0
