"""Damages to copies of all corpora: what the readers make of them."""
