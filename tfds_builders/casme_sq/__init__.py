"""CAS(ME)^2, from the files as its owner distributes them."""
