"""The ``persona-metrics`` command: one file a subcommand, imported when it is called and not before."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from .. import consoles
from .._version import __version__
from ..consoles import say
from ..errors import PersonaError, shorten

COMMANDS: dict[str, str] = {
    "demo": "run persona_main on the embedded data and model; no key, no hub",
    "run": "run lm_eval, with all of its options, so that it finds the pack's tasks",
    "tasks": "list the tasks and where they lie; let plain lm_eval find them (--link, --unlink)",
    "doctor": "show every setting with its source; check data, critic and model endpoint",
    "plan": "what a run would ask for, cost and show, before it makes a call",
    "serve": "serve the embedded model as an OpenAI-compatible endpoint on loopback",
    "personas": "generate personas, or check a file of them against the population",
    "prompts": "write a task's rendered prompts, to be answered elsewhere",
    "generate": "have a file of prompts answered by a fleet of endpoints",
    "score": "judge answers that were made elsewhere",
    "revise": "have the answers that need it rewritten, and judge them again",
    "exam": "put a critic through cases of known outcome, and write its card",
    "store": "look into, prune or export the verdict store",
    "label": "write a blind sheet of a run's answers for people to judge",
    "agree": "hold the critic against people's labels, and correct its rates by them",
    "report": "tables, figures and one page from a run, or from several",
    "compare": "is a run worse than another, over the pairs that both have",
    "leaderboard": "compare models over any number of runs",
    "export": "hand a run on to other tools",
    "samples": "a run's samples as one tidy table",
}
"""Each is the module of that name here, with ``add_arguments(parser)`` and ``run(arguments) -> int``."""


def parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command; only ``chosen`` (None: every subcommand) gets its arguments.

    A subcommand's module may import what takes seconds; ``--help`` and ``--version`` should not wait for it.
    """
    top = argparse.ArgumentParser(
        prog="persona-metrics",
        description="PERSONA Bench for lm-evaluation-harness: `persona-metrics run --tasks persona_main …`.",
    )
    top.add_argument("--version", action="version", version=f"persona-metrics {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        # All that follows `run` is lm_eval's, its help as well.
        about = summary[0].upper() + summary[1:] + "."
        sub = commands.add_parser(name, help=summary, description=about, add_help=name != "run")
        if chosen in (None, name):
            module = importlib.import_module(f".{name}", __package__)
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return top


def both_spellings(given: Sequence[str], known: set[str]) -> list[str]:
    """Return the words with every option spelled as it is known: ``--model-base-url`` for ``--model_base_url``."""
    words = []
    for word in given:
        name, equals, value = word.partition("=")
        if name.startswith("--") and name not in known:
            other = next((o for o in known if o.replace("_", "-") == name.replace("_", "-").lower()), name)
            word = f"{other}{equals}{value}"
        words.append(word)
    return words


def _options(top: argparse.ArgumentParser) -> set[str]:
    found: set[str] = set()
    for action in top._actions:
        found.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                found |= _options(sub)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code (0, 1 where a check failed, 2 for an error of the user's)."""
    given = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # Called from Python, the streams are the caller's.
        consoles.prepare()
    try:
        # What stands before the subcommand takes no value, so the first word without a dash is its name.
        at = next((i for i, word in enumerate(given) if not word.startswith("-")), len(given))
        command = given[at] if at < len(given) else ""
        if command == "run" and not at:
            # argparse would take lm_eval's options for its own.
            return int(importlib.import_module(".run", __package__).lm_eval(given[1:]))
        made = parser(command)
        arguments = made.parse_args(both_spellings(given, _options(made)))
        code = int(arguments.run(arguments) or 0)
        sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:
        return _ended(error)


def _ended(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt) or consoles.interrupted():
        # Libraries turn an interrupt in the middle of an import into errors of their own.
        from ..harness.exits import say_interrupted

        say_interrupted()
        return 130
    if isinstance(error, PersonaError):
        return _failed(str(error))
    if isinstance(error, BrokenPipeError):
        # `persona-metrics tasks | head`: the reader has had enough, which is no error.
        consoles.nowhere(1)
        return 0
    if isinstance(error, OSError):
        # Whatever the disk or the console refused, and nobody further down put into words.
        place = f"{shorten(error.filename)}: " if error.filename else ""
        return _failed(f"{place}{error.strerror or shorten(error)}")
    raise error


def _failed(line: str) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        consoles.nowhere(1)
    say(f"error: {line}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
