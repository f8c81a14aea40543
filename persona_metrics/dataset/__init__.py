"""The questions, items and other data that the package brings along, and how they are read. Knows no model and no run."""
