"""Makes what the documentation shows: its tables and its picture."""

import os

# As in tests/conftest.py.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
