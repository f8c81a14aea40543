"""The ``persona-metrics`` command: one file a subcommand, imported when it is called and not before."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .._version import __version__
from ..errors import PersonaError

COMMANDS: dict[str, str] = {
    "demo": "run persona_main on the embedded data and model; no key, no hub",
    "tasks": "list the tasks and where they lie",
    "doctor": "show every setting with its source; check data, critic and model endpoint",
    "serve": "serve the embedded model as an OpenAI-compatible endpoint on loopback",
    "personas": "generate personas, or check a file of them against the population",
    "prompts": "write a task's rendered prompts, to be answered elsewhere",
    "score": "judge answers that were made elsewhere",
    "exam": "put a critic through cases of known outcome, and write its card",
    "store": "look into, prune or export the verdict store",
    "report": "tables, figures and one page from a run, or from several",
    "leaderboard": "compare models over any number of runs",
    "export": "hand a run on to other tools",
}
"""Each is the module of that name here, with ``add_arguments(parser)`` and ``run(arguments) -> int``."""


def parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command; only ``chosen`` (None: every subcommand) gets its arguments.

    A subcommand's module may import what takes seconds; ``--help`` and ``--version`` should not wait for it.
    """
    top = argparse.ArgumentParser(
        prog="persona-metrics",
        description="PERSONA Bench for lm-evaluation-harness. Run the evaluations with `lm_eval --tasks persona_main`.",
    )
    top.add_argument("--version", action="version", version=f"persona-metrics {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if chosen in (None, name):
            module = importlib.import_module(f".{name}", __package__)
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code (0, 1 where a check failed, 2 for an error of the user's)."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        # What stands before the subcommand takes no value, so the first word without a dash is its name.
        arguments = parser(next((word for word in given if not word.startswith("-")), "")).parse_args(given)
        return int(arguments.run(arguments) or 0)
    except PersonaError as error:
        print(f"persona-metrics: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("persona-metrics: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `persona-metrics tasks | head`: the reader has had enough, which is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
