"""Estimators and tests over arrays of 0 and 1. Pure; each cites its source."""
