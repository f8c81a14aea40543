"""``persona-metrics tasks``: what there is to run, where it lies, and whether plain ``lm_eval`` finds it."""

from __future__ import annotations

import argparse

import yaml

from ..errors import PersonaError
from ..harness import link
from ..harness.task_files import lm_eval_folder, tasks_folder
from ..harness.yamls import IgnoreFunctions

ANOTHER = (
    "`--tasks persona` is another benchmark: lm-eval has 135 tasks `persona_…` of its own (model-written evals);"
    " name ours as they stand here"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tasks``."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--path", action="store_true", help="print only the folder, for lm_eval --include_path")
    what.add_argument(
        "--link", action="store_true", help="put them beside lm_eval's own, so that plain lm_eval finds them"
    )
    what.add_argument("--unlink", action="store_true", help="take that back, and what an older version left there")


def run(arguments: argparse.Namespace) -> int:
    """List groups, tags and tasks, and the folder that ``--include_path`` wants; or link, or unlink."""
    folder = tasks_folder()
    if arguments.path:
        print(folder)
        return 0
    if arguments.unlink:
        gone = link.unlink()
        print("\n".join(f"removed {path}" for path in gone) or "nothing to remove: there is no link")
        return 0
    if arguments.link:
        made = link.link()
        print(f"{made.describe()} ({len(made.made)} files): lm_eval --tasks persona_main …")
        print("`persona-metrics tasks --unlink` takes it back")
        return 0
    for path in sorted(folder.glob("persona_*.yaml")):
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=IgnoreFunctions)
        if "group" in config:
            print(f"{config['group']:36} group: {', '.join(config['task'])}")
        else:
            summary = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
            tags = f" [tag {', '.join(config['tag'])}]" if config.get("tag") else ""
            print(f"{config['task']:36} {summary}{tags}")
    print(f"\n{ANOTHER}\n")
    print("run them with:  persona-metrics run --tasks persona_main …  (lm_eval's options)")
    print(f"plain lm_eval:  {state()}")
    print(f"folder: {folder}")
    return 0


def state() -> str:
    """Return in one line whether plain ``lm_eval`` finds the tasks, and what to do where it does not."""
    try:
        return link.inspect(lm_eval_folder()).describe()
    except PersonaError as error:
        return str(error)
