"""Reports: tables, figures and one page, from lm-eval's results and samples files."""

from __future__ import annotations

from .write import Written, write_report

__all__ = ["Written", "write_report"]
