"""The HTTP library that openai's client speaks, for what it lends us: httpx2 from openai 3 on, httpx before."""

from __future__ import annotations

try:
    import httpx2 as httpx
except ImportError:  # openai 2
    import httpx  # type: ignore[no-redef,import-not-found,unused-ignore]

__all__ = ["httpx"]
