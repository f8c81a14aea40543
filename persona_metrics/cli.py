"""The ``persona-metrics`` command: argument parsing only. Each subcommand lives in a module of its own."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

from . import __version__
from .errors import PersonaError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("commands_run", "run persona_main on the embedded data and model; no key, no hub"),
    "tasks": ("commands_run", "list the tasks and where they lie"),
    "doctor": ("doctor", "show every setting with its source; check data, critic and model endpoint"),
    "serve": ("commands_serve", "serve the embedded model as an OpenAI-compatible endpoint on loopback"),
    "personas": ("commands_personas", "generate personas, or check a file of them against the population"),
    "prompts": ("commands_critic", "write a task's rendered prompts, to be answered elsewhere"),
    "score": ("commands_critic", "judge answers that were made elsewhere"),
    "store": ("commands_store", "look into, prune or export the verdict store"),
    "report": ("commands_report", "tables, figures and one page from a run, or from several"),
    "leaderboard": ("commands_leaderboard", "compare models over any number of runs"),
    "export": ("commands_export", "hand a run on to other tools"),
}


def available() -> list[str]:
    """Return the subcommands whose module is in this package."""
    return [
        name
        for name, (module, _) in COMMANDS.items()
        if importlib.util.find_spec(f"persona_metrics.{module}") is not None
    ]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = argparse.ArgumentParser(
        prog="persona-metrics",
        description="PERSONA Bench for lm-evaluation-harness. Run the evaluations with `lm_eval --tasks persona_main`.",
    )
    top.add_argument("--version", action="version", version=f"persona-metrics {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in available():
        module, summary = COMMANDS[name]
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        loaded = importlib.import_module(f"persona_metrics.{module}")
        getattr(loaded, f"add_{name}_arguments", getattr(loaded, "add_arguments", None))(sub)  # type: ignore[misc]
        sub.set_defaults(run=getattr(loaded, f"run_{name}", getattr(loaded, "run", None)))
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code (0, 1 where a check failed, 2 for an error of the user's)."""
    arguments = parser().parse_args(argv)
    try:
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
