"""Reads a gated data set of the hub with ``datasets``, and says in one line what to do where that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import PersonaError, shorten

EMBEDDED_HINT = "source=embedded needs neither login nor network"


def hub_rows(name: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the rows of the hub's data set ``name``, each with its place for messages.

    ``datasets`` caches what it fetched, so that a second run needs no network. Raises ``PersonaError`` where the set
    is gated and nobody is logged in, access is refused, the set is gone, broken, or the hub cannot be reached.
    """
    from datasets import load_dataset

    try:
        loaded = load_dataset(name, split="train")
    except Exception as error:  # whatever fails inside, the user needs one line and not the stack of three libraries
        raise PersonaError(_explain(name, error)) from None
    return [(f"{name}: row {index}", dict(row)) for index, row in enumerate(loaded, 1)]


def _explain(name: str, error: BaseException) -> str:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and len(chain) < 10:
        chain.append(current)
        current = current.__cause__ or current.__context__
    kinds = {type(e).__name__ for e in chain}
    statuses = {getattr(getattr(e, "response", None), "status_code", None) for e in chain}
    text = " ".join(str(e) for e in chain).lower()
    if 401 in statuses or "401" in text or "GatedRepoError" in kinds or "gated" in text:
        # `datasets` keeps the hub's status to itself: with a login it says "ask for access", without "be authenticated".
        if 403 in statuses or "403" in text or "not in the authorized list" in text or "ask for access" in text:
            return _refused(name)
        return (
            f"{name} is gated: run `hf auth login`, then accept the terms on the data set's page"
            f" (https://huggingface.co/datasets/{name}); {EMBEDDED_HINT}"
        )
    if 403 in statuses or "403" in text:
        return _refused(name)
    if 404 in statuses or "404" in text or kinds & {"DatasetNotFoundError", "RepositoryNotFoundError"}:
        return f"{name} is not on the hub, or not visible to this login (`hf auth whoami`); {EMBEDDED_HINT}"
    if kinds & {"ConnectError", "ConnectionError", "OfflineModeIsEnabled", "LocalEntryNotFoundError", "ConnectTimeout"}:
        return f"{name}: the hub cannot be reached and the set is not in the cache; {EMBEDDED_HINT}"
    return f"{name} cannot be read: {shorten(error)}; {EMBEDDED_HINT}"


def _refused(name: str) -> str:
    return (
        f"{name}: this login has no access; accept the terms on https://huggingface.co/datasets/{name}"
        f" and wait for approval; {EMBEDDED_HINT}"
    )
