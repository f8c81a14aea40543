"""``lm_eval`` with documents shared out between processes without a GPU, started by ``accelerate launch -m``.

lm-eval shares documents only where it counts more than one GPU. Everything else here is real: two processes, gloo,
lm-eval's own gathering.
"""

from __future__ import annotations

from typing import Any

from lm_eval.__main__ import cli_evaluate
from lm_eval.models.huggingface import HFLM

_init = HFLM.__init__


def _init_with_rank(self: Any, *args: Any, **kwargs: Any) -> None:
    _init(self, *args, **kwargs)
    self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes
    self._device = self.accelerator.device


if __name__ == "__main__":
    HFLM.__init__ = _init_with_rank
    cli_evaluate()
