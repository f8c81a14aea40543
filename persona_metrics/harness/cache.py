"""Keeps ``--use_cache`` apart by model: lm-eval knows a reply by its prompt alone, and two models may share a path.

Only requests of ours are kept so; other benchmarks' replies lie where lm-eval puts them. Knows no task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from .compat import request_hash
from .endpoint import address
from .replies import NoReply

# Arguments of a model that do not decide what it says.
_SAME = {
    "num_concurrent",
    "max_retries",
    "timeout",
    "batch_size",
    "max_batch_size",
    "device",
    "verify_certificate",
    "ca_cert_path",
    "header",
    "auth_token",
    "gpu_memory_utilization",
    "tensor_parallel_size",
    "data_parallel_size",
    "parallelize",
}


class Apart:
    """Stands before the cache's table: keys of ours are mixed with the model that answers, all others pass."""

    def __init__(self, table: Any, identity: str) -> None:
        self._table, self._identity = table, identity
        self.ours: set[str] = set()

    def _key(self, key: str) -> str:
        return hashlib.sha256(f"{self._identity}/{key}".encode()).hexdigest() if key in self.ours else key

    def __contains__(self, key: str) -> bool:
        return self._key(key) in self._table

    def __getitem__(self, key: str) -> Any:
        return self._table[self._key(key)]

    def __setitem__(self, key: str, value: Any) -> None:
        # A reply that could not be had is asked for again in the next run.
        if not isinstance(value, NoReply):
            self._table[self._key(key)] = value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def keep_apart(caching: Any, model: Any, identity: str, requests: Iterable[Any]) -> int:
    """Keep these requests' replies apart in lm-eval's ``CachingLM``; return how many lie there without a model's name."""
    if not isinstance(caching.dbdict, Apart):
        caching.dbdict = Apart(caching.dbdict, identity)
        model.cache_hook.dbdict = caching.dbdict
    keys = {request_hash(request.request_type, request.args) for request in requests}
    caching.dbdict.ours |= keys
    return sum(key in caching.dbdict._table for key in keys)


def identity(model: Any, name: str | None, arguments: Mapping[str, Any]) -> str:
    """Return what a model is known by: its kind, name, address and those of its arguments that decide what it says."""
    decisive = {key: str(value) for key, value in arguments.items() if key not in _SAME}
    url = getattr(model, "base_url", None)
    where = address(url) if isinstance(url, str) else None
    if where:
        decisive.pop("base_url", None)
    return json.dumps([type(model).__name__, name, where, decisive], sort_keys=True, ensure_ascii=True)
