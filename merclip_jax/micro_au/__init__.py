"""Micro-AU CLIP: the model, its task, its losses."""
