"""4DME, its micro-expressions in grey video, from the files as its owner distributes them."""
