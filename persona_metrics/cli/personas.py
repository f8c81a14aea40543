"""``persona-metrics personas``: generates personas, or holds a file of them against the population."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from ..dataset.sources import parse_personas, read_rows
from ..errors import PersonaError, shorten
from ..files import write_text, writing
from ..personas import ATTRIBUTES

SUFFIXES = (".jsonl", ".csv", ".parquet")
MOST = 5_000_000
"""Personas at once; 100,000 take some 300 MB."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``personas``."""
    parser.add_argument("--n", type=int, default=1000, help="how many to generate (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same personas (default 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to: .jsonl, .csv or .parquet")
    parser.add_argument("--check", metavar="FILE", help="hold this file against the population instead of generating")
    parser.add_argument("--json", type=Path, metavar="FILE", help="with --check: write all that was found as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Generate or check; 1 where a check is out of bounds."""
    if arguments.check:
        if arguments.out:
            raise PersonaError("--check and --out: one of them; generate first, then check the file")
        return _check(arguments.check, arguments.json)
    if arguments.json:
        raise PersonaError("--json belongs to --check")
    if not arguments.out:
        raise PersonaError("--out FILE is missing: .jsonl, .csv or .parquet (or --check FILE)")
    return _generate(arguments.n, arguments.seed, arguments.out)


def _generate(n: int, seed: int, out: Path) -> int:
    if not 1 <= n <= MOST:
        raise PersonaError(f"--n {n}: must be between 1 and {MOST:,}")
    if seed < 0:
        raise PersonaError(f"--seed {seed}: must not be negative")
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise PersonaError(f"--out {shorten(out)}: the file must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not out.parent.is_dir():
        raise PersonaError(f"--out {shorten(out)}: there is no folder {shorten(out.parent)}")
    from ..synthesis import generate as generator

    frame: pd.DataFrame = generator.generate(n, seed)
    with writing(out) as file:
        if suffix == ".jsonl":
            file.writelines(line.encode() for line in generator.lines(frame))
        elif suffix == ".csv":
            frame.to_csv(file, mode="wb", encoding="utf-8", index=False, lineterminator="\n")
        else:
            frame.to_parquet(file, index=False)
    print(f"{n:,} personas written to {out} (seed {seed})")
    return 0


def _check(name: str, out: Path | None) -> int:
    from ..synthesis import check
    from ..synthesis.vocabulary import EXTRA_ATTRIBUTES

    rows = read_rows(name, "--check")
    personas = parse_personas(rows, name)
    frame = pd.DataFrame([{a: p.attributes.get(a) for a in ATTRIBUTES} for p in personas])
    for extra in EXTRA_ATTRIBUTES:
        if all(extra in row for _, row in rows):
            frame[extra] = [row[extra] for _, row in rows]

    found: dict[str, Any] = check.report(frame)
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
