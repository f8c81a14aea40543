"""The judge as Ray holds it: a module of its own, so that an actor loads no more than it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .judge import Judge
from .orders import Orders


class RayJudge(Judge):
    """The actor as Ray makes it, and makes it again where it died."""

    def __init__(self, orders: Orders, till: Any) -> None:
        import ray

        super().__init__(orders, till, ray.get_runtime_context().was_current_actor_reconstructed)

    async def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        """Judge a batch of spans; Ray looks here whether the call is asynchronous."""
        return await super().__call__(batch)
