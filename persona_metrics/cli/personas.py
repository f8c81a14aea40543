"""``persona-metrics personas``: generates personas, checks a file of them, or makes ours of another project's."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..dataset.adapters import adapter_of
from ..dataset.own_tables import compare, read_tables
from ..dataset.part import MOST as MOST_ROWS
from ..dataset.part import Part
from ..dataset.people import read_people
from ..dataset.sources import read_rows
from ..errors import PersonaError, shorten
from ..files import check_folder, write_text
from ..personas import ATTRIBUTES

if TYPE_CHECKING:
    from ..synthesis.shards import Shard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``personas``."""
    parser.add_argument("--n", type=int, help="how many to generate (default 1000), or to convert (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same personas (default 0)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to: .jsonl, .csv or .parquet; a folder gets a file a shard"
    )
    parser.add_argument("--check", metavar="FILE", help="hold this file against the population instead of generating")
    parser.add_argument("--tables", type=Path, metavar="DIR", help="with --check: your own tables, CSV files")
    parser.add_argument("--convert", metavar="FILE", help="write a set of another project with our attributes")
    parser.add_argument("--to", type=Path, metavar="FILE", help="with --convert: where to: .jsonl, .csv or .parquet")
    parser.add_argument("--from", dest="adapter", metavar="NAME", help="with --convert: nemotron, persona, …")
    parser.add_argument(
        "--shards",
        type=int,
        metavar="N",
        help="generate in so many shards, each with a seed of its own: another sample than in one"
        " (default: one up to 5,000,000, then one for every 100,000)",
    )
    parser.add_argument("--shard", type=int, metavar="I", help="this shard of them alone, counted from 0")
    parser.add_argument("--engine", choices=("ray",), help="make the shards on a cluster; --out is a folder then")
    parser.add_argument("--address", help="with --engine ray: the cluster, auto or ray://… (default: start one here)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="with --check: write all that was found as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Generate or check; 1 where a check is out of bounds."""
    if arguments.convert:
        if arguments.check or arguments.out:
            raise PersonaError("--convert writes --to FILE; --check and --out belong to other calls")
        if not arguments.to:
            raise PersonaError("--to FILE is missing: .jsonl, .csv or .parquet")
        return _convert(arguments.convert, arguments.to, arguments.adapter, arguments.n, arguments.seed)
    if arguments.to or arguments.adapter:
        raise PersonaError("--to and --from belong to --convert FILE")
    if arguments.check:
        if arguments.out:
            raise PersonaError("--check and --out: one of them; generate first, then check the file")
        if arguments.tables:
            return _check_own(arguments.check, arguments.tables, arguments.json)
        return _check(arguments.check, arguments.json)
    if arguments.tables:
        raise PersonaError("--tables DIR belongs to --check FILE")
    if arguments.json:
        raise PersonaError("--json belongs to --check")
    if arguments.address and not arguments.engine:
        raise PersonaError("--address belongs to --engine ray")
    if not arguments.out:
        raise PersonaError("--out FILE is missing: .jsonl, .csv or .parquet (or --check FILE)")
    return _generate(arguments, 1000 if arguments.n is None else arguments.n, arguments.seed, arguments.out)


def _generate(arguments: argparse.Namespace, n: int, seed: int, out: Path) -> int:
    from ..synthesis import output, shards

    if n < 1:
        raise PersonaError(f"--n {n}: must be 1 or more")
    if seed < 0:
        raise PersonaError(f"--seed {seed}: must not be negative")
    of = shards.default_count(n) if arguments.shards is None else arguments.shards
    if not 1 <= of <= n:
        raise PersonaError(f"--shards {of}: must be between 1 and --n, {n:,}")
    if -(-n // of) > shards.MOST:
        raise PersonaError(f"--n {n}: at most {shards.MOST:,} in a shard; raise --shards to {-(-n // shards.MOST):,}")
    cut = shards.cut(n, seed, of)
    if arguments.shard is not None:
        if not 0 <= arguments.shard < of:
            raise PersonaError(f"--shard {arguments.shard}: there are {of}, counted from 0 (--shards)")
        cut = [cut[arguments.shard]]
    whole = f"{sum(shard.rows for shard in cut):,} personas written to {out} (seed {seed}{_which(arguments.shard, of)})"
    if out.is_dir() or arguments.engine or (of > 1 and not out.suffix):
        _generate_folder(arguments, cut, out)
    else:
        _require_writable(out, "--out")
        output.write_all((shard.frame() for shard in cut), out)
    print(whole)
    return 0


def _which(shard: int | None, of: int) -> str:
    if of == 1:
        return ""
    return f", {of} shards" if shard is None else f", shard {shard} of {of}"


def _generate_folder(arguments: argparse.Namespace, cut: list[Shard], out: Path) -> None:
    """Write a file a shard; those that are there already, which the same command made, are left."""
    from ..synthesis import output

    if (out.exists() and not out.is_dir()) or out.suffix.lower() in output.SUFFIXES:
        raise PersonaError(f"--out {shorten(out)}: with --engine ray a folder, which gets a file a shard")
    check_folder(out)
    lacking = [shard for shard in cut if not (out / f"{shard.name}.parquet").is_file()]
    if len(lacking) < len(cut):
        print(f"{len(cut) - len(lacking)} of {len(cut)} shards are there already")
    if arguments.engine:
        from ..cluster import personas

        personas.write(lacking, out, address=arguments.address)
    else:
        for shard in lacking:
            output.write(shard.frame(), out / f"{shard.name}.parquet")


def _require_writable(out: Path, option: str) -> None:
    from ..synthesis.output import SUFFIXES

    if out.suffix.lower() not in SUFFIXES:
        raise PersonaError(f"{option} {shorten(out)}: the file must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not out.parent.is_dir():
        raise PersonaError(f"{option} {shorten(out)}: there is no folder {shorten(out.parent)}")


def _convert(name: str, out: Path, adapter: str | None, n: int | None, seed: int) -> int:
    """Write the personas of another project's file as ours, and say what became of each of its columns."""
    from ..synthesis.output import write

    _require_writable(out, "--to")
    if n is not None and n < 1:
        raise PersonaError(f"--n {n}: must be 1 or more")
    chosen = adapter_of(adapter) if adapter else None
    listed = read_rows(name, "--convert", Part(MOST_ROWS if n is None else n, seed))
    people = read_people(listed, name, adapter=chosen)
    frame = pd.DataFrame([{"id": p.id, **{c: p.attributes.get(c) for c in people.columns}} for p in people.personas])
    write(frame.astype(object).where(frame.notna(), None), out)
    used = people.adapter
    print(
        f"{len(people.personas):,} of {listed.total:,} rows written to {out}, read as {used.name if used else 'they are'}"
    )
    renamed = {ours: theirs for theirs, ours in (used.renamed if used else {}).items()}
    for column in people.columns:
        kind = "one of the 33" if column in ATTRIBUTES else "a column beyond the 33"
        print(f"  {renamed[column] + ' → ' if column in renamed else ''}{column}: {kind}")
    for column, why in people.left_out.items():
        print(f"  {shorten(column, 40)}: left out ({why})")
    if lacking := [a for a in ATTRIBUTES if a not in people.columns]:
        print(f"  not stated: {', '.join(lacking)}")
    for line in people.remarks:
        print(f"note: {line}")
    return 0


def _check_own(name: str, folder: Path, out: Path | None) -> int:
    """Hold a file against the user's tables; 1 where a distance is above its limit."""
    tables = read_tables(folder)
    people = read_people(read_rows(name, "--check"), name)
    lines = compare(people.personas, tables)
    print(f"{len(people.personas):,} personas, {len(tables)} tables; a distance above its chance level is marked")
    print(f"\n{'':2} {'attribute | given':60} {'n':>7} {'distance':>8} {'chance':>7} {'limit':>6}  table")
    for line in lines:
        mark = "ok" if line.within else "!!" if line.n else "--"
        figures = f"{line.n:>7} {line.distance:>8.4f} {line.chance:>7.4f} {line.limit:>6.4f}" if line.n else line.note
        print(f"{mark} {shorten(line.table.name, 60):60} {figures}  {line.table.source}")
        for value, asked, found in sorted(line.rows, key=lambda row: -abs(row[1] - row[2]))[: 0 if line.within else 3]:
            print(f"     {shorten(value, 40)}: {asked:.1%} in the table, {found:.1%} here")
    for remark in people.remarks:
        print(f"note: {remark}")
    if out:
        listed = [{"name": line.table.name, "within": line.within, **asdict(line)} for line in lines]
        write_text(out, json.dumps({"n": len(people.personas), "lines": listed}, ensure_ascii=False, indent=1) + "\n")
    compared = [line for line in lines if line.n]
    fine = bool(compared) and all(line.within for line in compared)
    print("\nwithin bounds" if fine else "\nout of bounds" if compared else "\nnothing could be compared")
    return 0 if fine else 1


def _check(name: str, out: Path | None) -> int:
    from ..synthesis import check
    from ..synthesis.vocabulary import EXTRA_ATTRIBUTES

    people = read_people(read_rows(name, "--check"), name)
    if lacking := [a for a in ATTRIBUTES if a not in people.columns]:
        raise PersonaError(
            f"--check {shorten(name, 60)}: no persona states {shorten(', '.join(lacking), 160)}, and the tables of the"
            " United States need all 33; --tables DIR holds a file against your own"
        )
    names = (*ATTRIBUTES, *(a for a in EXTRA_ATTRIBUTES if all(a in p.attributes for p in people.personas)))
    frame = pd.DataFrame([{a: p.attributes.get(a) for a in names} for p in people.personas])
    try:
        found: dict[str, Any] = check.report(frame)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # The tables know the words of our own personas; a file from elsewhere may hold any.
        raise PersonaError(
            f"--check {shorten(name, 60)}: values that the tables of the United States do not know"
            f" ({type(error).__name__}: {shorten(error, 80)}); --tables DIR holds a file against your own"
        ) from None
    if out:
        write_text(out, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    _print(found)
    return 0 if found["within"] else 1


def _print(found: dict[str, Any]) -> None:
    print(f"{found['n']:,} personas; limit of a distance: {found['limits']}")
    print(
        f"\n{'':2} {'of | given (universe if not all)':78} {'n':>7} {'distance':>8} {'chance':>7} {'limit':>6}  table"
    )
    for row in sorted(found["distances"], key=lambda row: not row["held_out"]):
        universe = "" if row["universe"] == "adults" else f" ({row['universe']})"
        mark = "ok" if row["within"] else "!!"
        figures = f"{row['n']:>7} {row['distance']:>8.4f} {row['chance']:>7.4f} {row['limit']:>6.4f}"
        print(f"{mark} {shorten(row['name'] + universe, 78):78} {figures}  {row['kind']}")
    broken = {rule: count for rule, count in found["rules"].items() if count}
    print(f"\n{len(found['rules'])} rules, broken: {'none' if not broken else ''}")
    for rule, count in broken.items():
        print(f"!! {rule}: {count} personas")
    print("\ncorrelations asked and found")
    for row in found["correlations"]:
        print(f"   {row['name']:60} {row['asked']:>7.3f} {row['found']:>7.3f}")
    if found["leaks"]:
        print("\nwhat words add to telling sex and race (area under the curve), beyond what texts may depend on")
    for row in found["leaks"]:
        mark = "ok" if row["within"] else "!!"
        areas = f"{row['without']:.3f} to {row['with']:.3f}"
        print(f"{mark} {row['of']:25} {areas}: gain {row['gain']:+.4f}, limit {row['limit']:.4f}")
    print("\ntexts: the same, and each one's nearest (cosine of words and pairs of words)")
    for row in found["texts"]:
        nearest = f"median {row['nearest_median']:.2f}, highest {row['nearest_highest']:.2f} among {row['compared']}"
        print(f"   {row['attribute']:20} {row['duplicates']} duplicates; nearest {nearest}")
    print("\nwithin bounds" if found["within"] else "\nout of bounds")
