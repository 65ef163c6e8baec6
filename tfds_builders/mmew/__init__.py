"""MMEW, from the files as its owner distributes them."""
