"""CAS(ME)^3 part A, from the files as its owner distributes them."""
