"""The report's figures, one file an evaluation."""
