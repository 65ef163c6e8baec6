"""Weights of others: every layout that people hold, beside transformers' own models."""
