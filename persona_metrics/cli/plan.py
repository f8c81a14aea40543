"""``persona-metrics plan``: what a run would ask for, cost and show, before it makes a call."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings as settings_of
from ..errors import PersonaError, shorten
from .metadata import METADATA, parse_metadata

if TYPE_CHECKING:
    from ..critic.store import Store
    from ..planning.calls import Calls
    from ..planning.counting import Count
    from ..planning.plan import Asked
    from ..settings import Settings

OPENAI = "https://api.openai.com/v1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``plan``."""
    parser.add_argument(
        "file", metavar="ANSWERS", type=Path, nargs="?", help="answers that are there, as `score` takes them"
    )
    parser.add_argument(
        "--tasks", "--task", metavar="A,B", help="the tasks of the run, such as persona_main,persona_loo"
    )
    parser.add_argument("--model", metavar="NAME", default="", help="the tested model, for tokens and price")
    parser.add_argument("--model_base_url", metavar="URL", default=OPENAI, help=f"its endpoint (default {OPENAI})")
    parser.add_argument("--critic", metavar="NAME", help="the critic or panel (default: PERSONA_CRITIC_MODEL)")
    parser.add_argument("--limit", type=int, metavar="K", help="only the first K pairs, as lm_eval's --limit")
    parser.add_argument(
        "--num_concurrent", type=int, default=16, metavar="C", help="the model's requests at once (default 16)"
    )
    parser.add_argument("--batch", action="store_true", help="judge through a Batch API: batch prices")
    parser.add_argument(
        "--tokenizer",
        metavar="WHAT",
        help="endpoint: ask the servers' /tokenize (the only calls that a plan makes); or the name or folder of a"
        " tokenizer on this machine (default: the model's, where its files are at hand)",
    )
    parser.add_argument("--halfwidth", type=float, metavar="W", help="plan the n whose rate has ± W (0.03: 3 points)")
    parser.add_argument("--detect", type=float, metavar="D", help="plan the n that tells models D apart in 4 of 5 runs")
    parser.add_argument(
        "--discordance",
        metavar="S",
        help="share of pairs on which two models' verdicts differ, or a folder of runs to take it from (default 0.3)",
    )
    parser.add_argument("--prompts", type=Path, help="with ANSWERS by id: the file of `prompts`")
    parser.add_argument("--baseline", type=Path, metavar="LINES", help="with ANSWERS: those written for nobody")
    parser.add_argument("--partial", action="store_true", help="with ANSWERS: where some are missing")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--metadata", nargs="+", default=[], metavar="KEY=VALUE", help=METADATA)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    from ..planning import words
    from ..planning.plan import row, to_dict

    # Nothing is fetched here; lm-eval would look for its own data sets.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    overrides: dict[str, Any] = parse_metadata(arguments.metadata)
    if arguments.critic is not None:
        overrides["critic_model"] = arguments.critic
    discordance = _discordance(arguments.discordance)
    _check(arguments)
    notes = []
    if (needed := _needed(arguments, discordance)) is not None:
        overrides["n"] = needed
        wanted = (
            f"± {arguments.halfwidth:g}" if arguments.halfwidth is not None else f"a difference of {arguments.detect:g}"
        )
        notes.append(f"n={needed} is the least for {wanted}; it is planned here.")
    chosen = settings_of.load(overrides, where="--metadata")
    store, count = _store(chosen), _count(arguments, chosen)
    try:
        calls, asked, answers = _calls(arguments, overrides, store, count)
        rows = [row(one, asked, store, answers, discordance) for one in calls]
        checks = _checks(chosen, rows, store)
    finally:
        if store is not None:
            store.close()
    notes += [f"{host} offers no /tokenize: its tokens are counted otherwise." for host in _silent(count)]
    notes += _notes(calls, chosen, arguments)
    if arguments.json:
        print(json.dumps(to_dict(rows, checks, notes), indent=1))
        return 0
    for line in (*words.lines(rows, checks, discordance), *notes):
        print(line)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if (arguments.file is None) == (arguments.tasks is None) and not (arguments.file and "," not in arguments.tasks):
        raise PersonaError(
            "plan: give --tasks persona_main,… for a run to come, or a file of ANSWERS that are to be judged"
        )
    if arguments.halfwidth is not None and arguments.detect is not None:
        raise PersonaError("plan: --halfwidth and --detect each ask for an n; give one of them")
    if arguments.file is not None and (arguments.halfwidth is not None or arguments.detect is not None):
        raise PersonaError("plan: ANSWERS are there already; --halfwidth and --detect go with --tasks")
    for option, value, most in (("halfwidth", arguments.halfwidth, 0.5), ("detect", arguments.detect, 1.0)):
        if value is not None and not 0 < value < most:
            raise PersonaError(
                f"--{option} {value:g}: must be a share between 0 and {most:g}, such as 0.05 for five points"
            )
    for option in ("num_concurrent", "limit"):
        if (value := getattr(arguments, option)) is not None and value < 1:
            raise PersonaError(f"--{option} {value}: must be 1 or more")


def _discordance(given: str | None) -> float:
    """Return the share of pairs on which two models differ: as given, as runs in a folder have it, or the usual one."""
    from ..analysis import power

    if given is None:
        return power.DISCORDANCE
    try:
        share = float(given)
    except ValueError:
        from ..planning.past_runs import discordance

        return discordance(Path(given))
    if not 0 < share <= 1:
        raise PersonaError(f"--discordance {given[:20]}: must be a share above 0 and at most 1")
    return share


def _needed(arguments: argparse.Namespace, discordance: float) -> int | None:
    from ..analysis import power

    if arguments.halfwidth is not None:
        return power.n_for_half_width(arguments.halfwidth)
    return None if arguments.detect is None else power.n_for_difference(arguments.detect, discordance)


def _store(chosen: Settings) -> Store | None:
    """Return the verdict store where there is one; a plan makes none."""
    from ..critic.store import OFF, Store, default_path

    path = Path(chosen.critic_store).expanduser() if chosen.critic_store else default_path()
    return None if chosen.critic_store == OFF or not path.is_file() else Store(chosen.critic_store)


def _count(arguments: argparse.Namespace, chosen: Settings) -> Count:
    """Return what counts tokens by a model's own tokenizer; raise ``PersonaError`` for one that is not there."""
    from ..critic.request import panel
    from ..planning import counting

    if arguments.tokenizer is None:
        return counting.by_files
    if arguments.tokenizer != counting.ENDPOINT:
        count = counting.named(arguments.tokenizer)
        if count("", "", ["a text"]) is None:
            raise PersonaError(
                f"--tokenizer {shorten(arguments.tokenizer, 60)!r}: no tokenizer of that name is on this machine, or neither"
                f" tokenizers nor transformers is installed; give its folder, or {counting.ENDPOINT}"
            )
        return count
    critics = panel(chosen) if chosen.critic_model else ()
    secrets = {critic.base_url: critic.secret(chosen) for critic in critics}
    # OpenAI offers none; and nobody is asked whose address nobody gave.
    return counting.ByEndpoint(secrets.get, spared=(OPENAI,))


def _silent(count: Count) -> list[str]:
    from ..masking import shown_url

    return [shown_url(address) for address in getattr(count, "silent", ())]


def _calls(
    arguments: argparse.Namespace, overrides: dict[str, Any], store: Store | None, count: Count
) -> tuple[list[Calls], Asked, Any]:
    from ..critic import keys
    from ..critic.request import Critic
    from ..planning import calls as made
    from ..planning.plan import Asked, answer_tokens, letters
    from ..planning.tokens import NOTHING

    address = arguments.model_base_url.rstrip("/").removesuffix("/chat/completions").removesuffix("/completions")
    if keys.origin(address) is None:
        raise PersonaError("--model_base_url: must begin with http:// or https://, then a host")
    asked = Asked(
        *(arguments.model, address, Critic(arguments.model, address).host),
        *(arguments.num_concurrent, arguments.batch, count),
    )
    known: set[str] = set()
    if arguments.file is not None:
        from .score import read

        arguments.task = arguments.tasks
        arguments.model = arguments.model or None
        given = read(arguments, overrides)
        return [made.of_answers(one, known, store) for one in given], asked, NOTHING
    answers = answer_tokens(asked, store, 1000, None)
    names = list(dict.fromkeys(name.strip() for name in arguments.tasks.split(",") if name.strip()))
    found = (made.of_tasks(name, overrides, known, letters(answers), arguments.limit) for name in names)
    return [one for group in found for one in group], asked, answers


def _checks(chosen: Settings, rows: list[Any], store: Store | None) -> int:
    from ..critic.check import unchecked
    from ..critic.request import panel

    if not chosen.critic_model or not any(one.judgements for one in rows):
        return 0
    return unchecked(chosen, store) if store is not None else sum(c.model != "embedded" for c in panel(chosen))


def _notes(calls: list[Calls], chosen: Settings, arguments: argparse.Namespace) -> list[str]:
    from ..costs import prices
    from ..critic.request import panel

    notes = []
    repeated = next((one for one in calls if min(one.people, one.questions) < one.pairs), None)
    if repeated is not None:
        notes.append(
            f"Persons or questions repeat ({repeated.pairs} pairs of {repeated.people} persons and {repeated.questions}"
            " questions): the widths above take pairs to be independent, and are too small by the square root of the design"
            " effect."
        )
    if not chosen.critic_model and any(one.votes for one in calls):
        notes.append("No critic is set (--critic NAME, or PERSONA_CRITIC_MODEL), so that its price is not known.")
    asked = (
        [(c.model, c.base_url) for c in panel(chosen)] if chosen.critic_model and any(c.votes for c in calls) else []
    )
    if arguments.model and any(one.prompts for one in calls):
        asked.append((arguments.model, arguments.model_base_url))
    unknown = [name for name, url in asked if prices.find(name, url, chosen.prices) is None]
    if unknown:
        notes.append(
            f"{prices.UNKNOWN[0].upper()}{prices.UNKNOWN[1:]} of {', '.join(dict.fromkeys(unknown))}: {prices.HOW}."
        )
    if not arguments.model and any(one.prompts for one in calls):
        notes.append("No model is named (--model NAME), so that its price is not known.")
    return notes
