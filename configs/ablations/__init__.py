"""Ablations: one ingredient less than the whole, a row each."""
