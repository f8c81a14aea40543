"""Makes what the documentation shows: its tables and its picture."""
