"""Layouts of weights beside transformers' own models: `python -m benchmarks.weights_parity`."""
