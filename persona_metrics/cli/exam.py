"""``persona-metrics exam``: puts a critic through cases of known outcome and writes its card."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings as settings_of
from ..consoles import say
from ..errors import PersonaError
from .metadata import METADATA, parse_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..costs.prices import Price
    from ..critic.store import Store
    from ..exam.kinds import Kind
    from ..scoring.batchfile import Wanted
    from ..settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``exam``."""
    parser.add_argument("--critic", metavar="NAME", help="the critic or panel (default: PERSONA_CRITIC_MODEL)")
    parser.add_argument("--repeats", type=int, default=3, metavar="R", help="times each case is asked (default 3)")
    parser.add_argument("--limit", type=int, metavar="K", help="only K bases: cheaper, and too short to pass below 21")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for card.json, card.md and the figure")
    parser.add_argument("--price", metavar="IN,OUT", help="US dollars for a million tokens in and out, for the card")
    parser.add_argument("--metadata", nargs="+", default=[], metavar="KEY=VALUE", help=METADATA)
    parser.add_argument("--batch-out", type=Path, metavar="REQUESTS", help="write what the store lacks as batch files")
    parser.add_argument("--batch-in", type=Path, nargs="+", metavar="RESULTS", help="read a batch's results, then mark")
    parser.add_argument("--compare", type=Path, nargs="+", metavar="CARD", help="cards (or their folders) side by side")
    parser.add_argument("--card-schema", "--schema", action="store_true", help="print the JSON Schema of card.json")


def run(arguments: argparse.Namespace) -> int:
    """Print the schema, compare cards, or examine a critic."""
    if arguments.card_schema:
        from ..cards.any_card import json_schema

        print(json.dumps(json_schema(), indent=1))
        return 0
    if arguments.compare:
        return _compare(arguments.compare)
    return _examine(arguments)


def _compare(paths: list[Path]) -> int:
    from ..cards import any_card
    from ..exam.compare import compare

    if len(paths) < 2:
        raise PersonaError("--compare: give at least two cards")
    print(compare([any_card.read(path / "card.json" if path.is_dir() else path) for path in paths]), end="")
    return 0


def _examine(arguments: argparse.Namespace) -> int:
    from ..costs import prices
    from ..critic import check
    from ..critic.check import ties
    from ..critic.request import panel
    from ..critic.store import Store
    from ..exam.kinds import kind_of

    overrides: dict[str, Any] = parse_metadata(arguments.metadata)
    if arguments.critic is not None:
        overrides["critic_model"] = arguments.critic
    chosen = settings_of.load(overrides, where="--metadata")
    priced = prices.read(arguments.price) if arguments.price is not None else None
    sitting = kind_of(chosen.protocol)
    exam = sitting.plan(arguments.repeats, arguments.limit)
    critics = panel(chosen)
    batch = bool(arguments.batch_in or arguments.batch_out)
    if batch and any(critic.model == "embedded" for critic in critics):
        raise PersonaError("the embedded critic lives in this process and takes no batch files; leave --batch-… out")
    if priced is None and len(critics) == 1:
        priced = prices.find(critics[0].model, critics[0].base_url, chosen.prices, batch=batch)
    _may_write(arguments.out)
    for line in ties(chosen):
        say(f"warning: {line}")
    votes = sitting.wanted(exam, chosen)
    with Store(chosen.critic_store) as store:
        if batch:
            return _by_batch(arguments, sitting, exam, chosen, votes, store, priced)
        lacking = _announce(exam, len(critics), votes, store, priced)
    if lacking:
        check(chosen, remembered=True)
    return _write(sitting.mark(sitting.sit(exam, chosen, None), chosen, priced), sitting, chosen, arguments.out)


def _may_write(out: Path | None) -> None:
    """Raise before anything is paid for where the folder cannot be."""
    if out is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PersonaError(f"--out {out}: cannot be made: {error.strerror}") from None


def _announce(exam: Any, critics: int, votes: Mapping[str, Wanted], store: Store, priced: Price | None) -> int:
    from ..costs.prices import dollars
    from ..costs.usage import LETTERS_A_TOKEN, VERDICT_TOKENS
    from ..scoring import batchfile

    todo = batchfile.lacking(votes, store)
    money = ""
    if priced is not None and todo:
        letters = sum(len(m["content"]) for vote in todo.values() for m in vote.judgement.messages())
        spent = priced.of(letters / LETTERS_A_TOKEN, VERDICT_TOKENS * len(todo))
        money = f", about {dollars(spent)} ({priced.source})"
    say(
        f"exam: {exam.said} ="
        f" {exam.judgements} judgements by {critics} critic{'s' if critics > 1 else ''}; {len(todo)} calls{money}"
        f" ({len(votes) - len(todo)} of {len(votes)} votes are in the store)"
    )
    return len(todo)


def _by_batch(
    arguments: argparse.Namespace,
    sitting: Kind,
    exam: Any,
    chosen: Settings,
    votes: Mapping[str, Wanted],
    store: Store,
    priced: Price | None,
) -> int:
    from ..critic.missing import Reason
    from ..scoring import batchfile

    dialects, found = batchfile.Dialects(chosen, store), batchfile.Collected()
    if arguments.batch_in:
        found = batchfile.collect(arguments.batch_in, votes, chosen, store, dialects)
        for note in (f"{found.stored} votes read into the store", *found.notes()):
            say(note)
    if arguments.batch_out:
        todo = batchfile.lacking(votes, store)
        if not todo:
            print("nothing to write: the store has all votes; run exam without --batch-out")
            return 0
        for path in batchfile.write(arguments.batch_out, todo, chosen, dialects, found.cut):
            print(path)
        say(f"{len(todo)} of {len(votes)} votes, for a Batch API or `vllm run-batch`; then --batch-in its results")
        return 0
    if absent := sum(why.reason is Reason.NOT_IN_BATCH for why in found.reasons.values()):
        raise PersonaError(
            f"{absent} of {len(votes)} votes are not in the results; ask for these alone with --batch-in … --batch-out FILE,"
            " or run exam without --batch-…"
        )
    answered = sitting.sit(exam, chosen, lambda js, how: batchfile.offline(how, store, found.reasons)(js))
    return _write(sitting.mark(answered, chosen, priced), sitting, chosen, arguments.out)


def _write(card: Any, sitting: Kind, chosen: Settings, out: Path | None) -> int:
    from ..cards import found
    from ..files import write_text

    print(sitting.markdown(card, figure=False), end="")
    if out is not None:
        write_text(out / "card.json", card.to_json())
        write_text(out / "card.md", sitting.markdown(card, figure=True))
        try:
            drawn = sitting.draw(card, out)
        except OSError as error:
            raise PersonaError(f"--out {out}: cannot be written: {error.strerror or error}") from None
        for path in (out / "card.json", out / "card.md", *drawn):
            print(path)
    print(found.keep(card, chosen))
    return 0
