"""Fits the tables in ``population/`` to the figures gathered for this project. Runs when tables change, never at use."""
