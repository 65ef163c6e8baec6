"""Configurations of runs: data only."""
