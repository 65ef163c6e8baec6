"""CASME II, from the files as its owner distributes them."""
