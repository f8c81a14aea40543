"""``persona-metrics store``: what the verdict store holds, what can go or come in, and everything in it as JSONL."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import settings
from ..costs import prices
from ..critic.past import MODEL
from ..critic.store import Store
from ..errors import PersonaError, shorten
from ..files import write_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of ``store``."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--store", metavar="PATH", help="the store (default: PERSONA_CRITIC_STORE, or the cache folder)"
    )
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    stats = commands.add_parser("stats", parents=[shared], help="one line a critic and month: verdicts, tokens, price")
    stats.add_argument("--prices", metavar="FILE", help="your prices (default: PERSONA_PRICES, or the extra `prices`)")
    prune = commands.add_parser("prune", parents=[shared], help="delete verdicts; they would be paid for again")
    prune.add_argument("--older-than", type=float, metavar="DAYS", help="those older than so many days")
    prune.add_argument("--critic", metavar="NAME", help="those of this critic")
    prune.add_argument("--all", action="store_true", help="all of them")
    merge = commands.add_parser(
        "merge", parents=[shared], help="take in what other stores hold (shards of --engine ray)"
    )
    merge.add_argument("shards", nargs="+", metavar="SHARD", help="a store, or a folder of them; may be merged again")
    export = commands.add_parser("export", parents=[shared], help="write every verdict as JSONL, with its raw reply")
    export.add_argument("--out", metavar="FILE", help="the file to write (default: standard output)")


def run(arguments: argparse.Namespace) -> int:
    """Run one subcommand."""
    path = arguments.store or settings.load().critic_store
    if path == "off":
        raise PersonaError("the verdict store is off (PERSONA_CRITIC_STORE); give a file with --store")
    with Store(path, create=arguments.action == "merge") as store:
        {"stats": _stats, "prune": _prune, "merge": _merge, "export": _export}[arguments.action](store, arguments)
    return 0


def _merge(store: Store, arguments: argparse.Namespace) -> None:
    shards: list[Path] = []
    for name in arguments.shards:
        found = sorted(Path(name).glob("*.sqlite")) if Path(name).is_dir() else [Path(name)]
        if not found:
            raise PersonaError(f"store merge: {shorten(name)}: no *.sqlite there")
        shards += found
    for shard in shards:
        if store.path is not None and shard.exists() and shard.samefile(store.path):
            raise PersonaError(f"store merge: {shorten(shard)} is the store itself")
        print(f"{shard}: {store.take(shard)} verdicts taken in")


def _stats(store: Store, arguments: argparse.Namespace) -> None:
    rows, models = store.stats(), store.past.by_month(MODEL)
    assert store.path is not None
    print(f"{store.path}: {sum(row['verdicts'] for row in rows)} verdicts, {store.path.stat().st_size / 1e6:.1f} MB")
    file = arguments.prices or settings.load().prices
    if rows:
        head = ("critic", "endpoint", "month", "verdicts", "tokens in", "tokens out", "price", "first", "last")
        _print([head, *(_verdicts(row, file) for row in rows)])
    if models:
        print("\ncalls of models under test")
        heads = ("model", "endpoint", "month", "calls", "tokens in", "tokens out", "price")
        _print([heads, *((*_names(row, "model"), str(row["calls"]), *_taken(row, "model", file)) for row in models)])


def _verdicts(row: Mapping[str, Any], file: str | None) -> tuple[str, ...]:
    days = (datetime.fromtimestamp(row[name]).date().isoformat() for name in ("first", "last"))
    return (*_names(row, "critic"), str(row["verdicts"]), *_taken(row, "critic", file), *days)


def _names(row: Mapping[str, Any], role: str) -> tuple[str, str, str]:
    return shorten(row[role], 40), shorten(row["endpoint"], 40), str(row["month"])


def _taken(row: Mapping[str, Any], role: str, file: str | None) -> tuple[str, str, str]:
    """Return tokens in, out and their price; calls that failed or were lost are not in the store, and cost more."""
    tokens = [row[name] for name in ("prompt_tokens", "completion_tokens")]
    shown = ["unknown" if count is None else str(count) for count in tokens]
    batch = [row.get(f"batch_{name}") or 0 for name in ("prompt_tokens", "completion_tokens")]
    rest = [(count or 0) - part for count, part in zip(tokens, batch, strict=True)]
    total = 0.0
    for counts, by_batch in ((rest, False), (batch, True)):
        price = prices.find(row[role], f"https://{row['endpoint']}/v1", file, batch=by_batch) if any(counts) else None
        if None in tokens or (any(counts) and price is None):
            return shown[0], shown[1], prices.UNKNOWN
        total += price.of(*counts) if price is not None else 0.0
    return shown[0], shown[1], prices.dollars(total)


def _print(table: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _prune(store: Store, arguments: argparse.Namespace) -> None:
    if not arguments.all and arguments.older_than is None and arguments.critic is None:
        raise PersonaError("store prune: say which, with --older-than DAYS, --critic NAME or --all")
    if arguments.all and (arguments.older_than is not None or arguments.critic is not None):
        raise PersonaError("store prune: --all goes without --older-than and --critic")
    if arguments.older_than is not None and not 0 <= arguments.older_than < 1e6:
        raise PersonaError(f"--older-than {arguments.older_than:g}: must be a number of days, 0 or more")
    print(f"{store.prune(older_than=arguments.older_than, critic=arguments.critic)} verdicts deleted")


def _export(store: Store, arguments: argparse.Namespace) -> None:
    if arguments.out is None:
        for row in store.export():
            sys.stdout.write(json.dumps(row) + "\n")
        return
    write_lines(Path(arguments.out), (json.dumps(row) for row in store.export()))
