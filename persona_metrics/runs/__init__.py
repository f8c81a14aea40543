"""Finds and reads what runs wrote."""
