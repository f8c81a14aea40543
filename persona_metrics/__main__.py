"""``python -m persona_metrics``: the command ``persona-metrics``."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
