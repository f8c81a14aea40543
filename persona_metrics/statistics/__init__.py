"""Estimators and tests over arrays. Pure; each cites its source."""
