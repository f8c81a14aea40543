"""What tokens cost at an endpoint: from the user's file, or from the offline data of ``genai-prices``. Knows no network.

A price that nobody knows is None, never 0: an endpoint on this machine is free only where the user's file says so.
"""

from __future__ import annotations

import functools
import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from ..errors import PersonaError, shorten

UNKNOWN = "no price known"
HOW = (
    "give prices=FILE (YAML: `MODEL: {input: 0.15, output: 0.6}`, US dollars for a million tokens; 0 where it is free)"
)
_FIELDS = {False: ("input", "output"), True: ("batch_input", "batch_output")}


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens, in and out, and who says so."""

    prompt: float
    completion: float
    source: str = "as given"

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Return US dollars for so many tokens."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


FREE = Price(0.0, 0.0, "runs in this process")


def read(text: str, option: str = "--price") -> Price:
    """Return the price that ``IN,OUT`` names; raise ``PersonaError`` for anything but two numbers that are not negative."""
    try:
        prompt, completion = (float(part) for part in text.split(","))
    except ValueError:
        prompt = completion = -1.0
    if not (0 <= prompt < 1e6 and 0 <= completion < 1e6):
        raise PersonaError(f"{option} {text[:40]!r}: write IN,OUT, US dollars for a million tokens, such as 0.15,0.60")
    return Price(prompt, completion)


def find(model: str, address: str, file: str | None = None, *, batch: bool = False) -> Price | None:
    """Return what a model costs at an address (its base URL): by ``file`` first, then ``genai-prices``; None: not known.

    The file has the form of Inspect's ``--model-cost-config``: a mapping of names (``gpt-4o``, ``openai/gpt-4o``, or for one
    endpoint ``gpt-4o@HOST``) to ``input`` and ``output``; with ``batch`` it is ``batch_input`` and ``batch_output``, which
    are not guessed. Raises ``PersonaError`` where the file cannot be read, or has several prices for this model.
    """
    if model == "embedded":
        return FREE
    if file is not None and (found := _given(model, _host(address), file, batch)) is not None:
        return found
    return _listed(model, address, batch)


def _host(address: str) -> str:
    parts = urlsplit(address if "://" in address else f"//{address}")
    return parts.netloc.rpartition("@")[2].lower()


def _given(model: str, host: str, file: str, batch: bool) -> Price | None:
    table = _table(file, Path(file).expanduser().stat().st_mtime_ns if Path(file).expanduser().is_file() else 0)
    names = [name for name in (f"{model}@{host}", model) if name in table]
    if not names:
        of_others = [name for name in table if "/" in name and name.partition("/")[2] == model]
        names = [name for name in of_others if name.partition("/")[0].lower() in host] or of_others
    found = {name: price for name in names if (price := _price(table[name], name, file, batch)) is not None}
    first = names[0] if names else None
    if first is not None and "/" not in first.removeprefix(model):
        return found.get(first)
    if len({(p.prompt, p.completion) for p in found.values()}) > 1:
        raise PersonaError(
            f"prices={shorten(file, 60)}: {' and '.join(list(found)[:2])} have different prices; name the one that is asked"
            f" {shorten(f'{model}@{host}', 80)}"
        )
    return next(iter(found.values()), None)


def _price(entry: Any, name: str, file: str, batch: bool) -> Price | None:
    where = f"prices={shorten(file, 60)}, {shorten(name, 60)}"
    if not isinstance(entry, Mapping):
        raise PersonaError(f"{where}: write {{input: …, output: …}}, US dollars for a million tokens")
    values = [entry.get(field) for field in _FIELDS[batch]]
    if batch and values == [None, None] and [entry.get(field) for field in _FIELDS[False]] == [0, 0]:
        values = [0, 0]  # what is free is so in batches, too
    if all(value is None for value in values):
        return None
    for field, value in zip(_FIELDS[batch], values, strict=True):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value >= 0):
            raise PersonaError(
                f"{where}: {field} must be US dollars for a million tokens, 0 or more; {shorten(value, 20)!r} is not"
            )
    return Price(float(values[0] or 0), float(values[1] or 0), Path(file).name)


@functools.lru_cache(maxsize=8)
def _table(file: str, changed: int) -> Mapping[str, Any]:  # noqa: ARG001  # a file that changed is another
    try:
        data = yaml.safe_load(Path(file).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise PersonaError(f"prices={shorten(file, 60)}: cannot be read: {shorten(why, 60)}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PersonaError(f"prices={shorten(file, 60)}: no YAML: {shorten(error, 80)}") from None
    if not isinstance(data, Mapping):
        raise PersonaError(f"prices={shorten(file, 60)}: must map names of models to {{input: …, output: …}}")
    return {str(name): entry for name, entry in data.items()}


def _listed(model: str, address: str, batch: bool) -> Price | None:
    """Return the price that ``genai-prices`` (extra ``prices``) has for this model at this endpoint; its data is offline."""
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None
    source = f"genai-prices {importlib.metadata.version('genai-prices')}"

    def ask(context: Mapping[str, str] | None) -> tuple[float, float] | None:
        try:
            sides = (Usage(input_tokens=1_000_000, output_tokens=0), Usage(input_tokens=0, output_tokens=1_000_000))
            made = [
                calc_price(side, model, provider_api_url=address.rstrip("/"), price_context=context) for side in sides
            ]
        except Exception:  # an address or a model that it does not know, and whatever else its data lacks
            return None
        return float(made[0].input_price), float(made[1].output_price)

    plain = ask(None)
    if plain is None:
        return None
    if not batch:
        return Price(*plain, source)
    lower = ask({"processing": "batch"})
    # Where its data has no batch price of a side it answers with the standard one: nobody knows that one.
    known = lower is not None and all(less < usual or not usual for less, usual in zip(lower, plain, strict=True))
    return Price(*lower, f"{source}, batch") if lower is not None and known else None


def dollars(amount: float | None) -> str:
    """Return an amount in words: ``$0.12``, ``$0.0004``, or that no price is known."""
    if amount is None:
        return UNKNOWN
    return f"${amount:,.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.2g}"
