"""Micro-expression recognition with CLIP in JAX."""
